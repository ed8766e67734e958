// Notes at the moment that the player shows: written, struck, and gone to.
"use strict";

const root = document.getElementById("player");
const form = document.getElementById("note");
const list = document.getElementById("notes-list");
const trouble = document.getElementById("note-trouble");

async function send(address, fields) {
  const answer = await fetch(address, { method: "POST", body: new URLSearchParams(fields) });
  if (answer.ok) {
    list.innerHTML = await answer.text(); // the desk's own, made of a template that escapes
    trouble.textContent = "";
    return true;
  }
  const told = await answer.json().catch(() => ({}));
  trouble.textContent = [told.what, told.meaning, told.do].filter(Boolean).join(" ") || "The desk does not answer.";
  return false;
}

if (root && form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!root.hand) return;
    const at = String(Math.round(root.hand.at() * 1000));
    const { text, package: chosen } = form.elements;
    if (await send(form.action, { at, text: text.value, package: chosen.value })) text.value = "";
  });
  form.elements.text.addEventListener("focus", () => root.hand?.pause());
  list.addEventListener("click", (event) => {
    const { at, strike } = event.target.dataset;
    if (strike) send(strike, {});
    if (at && root.hand) {
      event.preventDefault();
      root.hand.pause();
      root.hand.seek(Number(at) / 1000);
    }
  });
  addEventListener("keydown", (event) => {
    const typed = event.target.closest("input:not([type=range]):not([type=checkbox]), textarea, select");
    if (typed || event.ctrlKey || event.metaKey || event.altKey || event.key !== "n") return;
    event.preventDefault();
    form.elements.text.focus();
  });
}
