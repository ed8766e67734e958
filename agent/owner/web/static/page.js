// What every page does: one answer a form, a code out of the address, news.
"use strict";

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    // After the form's data were taken: a button that is disabled before would not be among them.
    setTimeout(() => form.querySelectorAll("button").forEach((button) => (button.disabled = true)), 0);
  });
}
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-once]")) {
    delete form.dataset.sent;
    form.querySelectorAll("button").forEach((button) => (button.disabled = false));
  }
});

const withCode = document.querySelector("form[data-code]");
if (withCode && location.hash.length > 1) {
  withCode.elements.code.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
}

const news = document.querySelector("[data-events]");
if (news) {
  const source = new EventSource(news.dataset.events);
  let first = null;
  source.onmessage = (event) => {
    const now = JSON.parse(event.data);
    const show = (id, text) => {
      const place = document.getElementById(id);
      if (place && place.textContent !== text) place.textContent = text;
    };
    if (now.requests) {
      const rows = JSON.stringify(now.requests);
      if (first !== null && rows !== first) location.reload();
      first = rows;
      return;
    }
    show("stands", now.stands);
    show("doing", now.doing);
    show("trouble", now.trouble);
    if (news.dataset.feedback && now.feedback !== news.dataset.feedback) document.getElementById("changed").hidden = false;
    const changed = now.state !== news.dataset.state || (news.dataset.plan && now.plan && now.plan !== news.dataset.plan);
    if (!changed) return;
    // Nothing that is being typed is lost.
    if (news.dataset.state === "asked" || document.querySelector("[data-typing]")) document.getElementById("changed").hidden = false;
    else location.reload();
  };
  addEventListener("pagehide", () => source.close());
}
