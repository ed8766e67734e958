// What every page does: a code out of the address, and one answer a form.
"use strict";

const withCode = document.querySelector("form[data-code]");
if (withCode && location.hash.length > 1) {
  withCode.elements.code.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  withCode.requestSubmit();
}

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
