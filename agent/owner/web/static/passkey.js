// Passkeys (WebAuthn). A page without this script has the password.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function ask(button) {
  const form = button.form;
  const options = await (await fetch(button.dataset.passkey)).json();
  options.challenge = bytes(options.challenge);
  const make = "make" in button.dataset;
  for (const known of options.allowCredentials || options.excludeCredentials || []) known.id = bytes(known.id);
  if (make) options.user.id = bytes(options.user.id);
  const found = await navigator.credentials[make ? "create" : "get"]({ publicKey: options });
  const answer = { id: found.id, rawId: text(found.rawId), type: found.type, response: { clientDataJSON: text(found.response.clientDataJSON) } };
  if (make) answer.response.attestationObject = text(found.response.attestationObject);
  else {
    answer.response.authenticatorData = text(found.response.authenticatorData);
    answer.response.signature = text(found.response.signature);
    if (found.response.userHandle) answer.response.userHandle = text(found.response.userHandle);
  }
  form.elements.passkey.value = JSON.stringify(answer);
  for (const field of form.querySelectorAll("input[required]")) if (field.name === "person") field.required = false;
  form.requestSubmit(form.querySelector("button:not([type=button])") || undefined);
}

// An address in numbers can't have passkeys (WebAuthn, 5.1.3: the name must be a domain).
if (window.PublicKeyCredential && !/^[0-9.]+$|:/.test(location.hostname)) {
  for (const form of document.querySelectorAll("[data-needs-passkey]")) form.hidden = false;
  for (const button of document.querySelectorAll("[data-passkey]")) {
    button.hidden = false;
    button.addEventListener("click", () => ask(button).catch(() => {}));
  }
}
