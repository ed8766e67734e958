// Keeps a part of a page as fresh as the desk knows it; while nobody looks at the page, it asks nothing.
"use strict";

const EVERY = 2000, WORKING = 500;

async function freshen(part) {
  const headers = part.dataset.tag ? { "If-None-Match": part.dataset.tag } : {};
  const answer = await fetch(part.dataset.live, { headers, cache: "no-store" });
  if (answer.status === 401) return location.reload();
  Login.heed(answer);
  if (answer.status !== 200) return;
  const first = !part.dataset.tag, text = await answer.text();
  part.dataset.tag = answer.headers.get("ETag");
  if (first && part.innerHTML.trim() === text.trim()) return;
  const held = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.innerHTML = text; // the desk's own, made of templates that escape what others wrote
  if ("untilDone" in part.dataset && !part.querySelector("[data-running]")) return location.reload();
  if (held) document.getElementById(held)?.focus();
}

for (const part of document.querySelectorAll("[data-live]")) {
  setInterval(() => {
    if (!document.hidden) freshen(part).catch(() => {});
  }, "untilDone" in part.dataset ? WORKING : EVERY);
}

for (const button of document.querySelectorAll("[data-print]")) button.addEventListener("click", () => print());
