// The page of a link or an appeal: seal each file for the case with age, send what comes out by tus 1.0, then say that
// all is there. The code goes in a header; nothing secret is in any address, and nothing is kept in the browser.
import { Encrypter } from "age-encryption";
import { here, send } from "./tus.js";

const form = document.getElementById("files");
const picked = document.getElementById("file");
const bar = document.getElementById("progress");
const MOST_FILES = 8;
const sealed = new Map(); // what is there already, by file: tried again, it is not sent again

function say(words) {
  document.getElementById("state").textContent = words;
}

function encrypter(recipient) {
  const made = new Encrypter();
  made.addRecipient(recipient);
  return made;
}

function base64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

async function sealedText(words, recipient) {
  return base64(await encrypter(recipient).encrypt(new TextEncoder().encode(JSON.stringify(words))));
}

async function sealedName(file, recipient) {
  const modified = new Date(file.lastModified).toISOString();
  return sealedText({ name: file.name.slice(0, 255), size: file.size, modified }, recipient);
}

async function hand(file, { code, recipient }, told) {
  if (!sealed.has(file)) {
    const stream = await encrypter(recipient).encrypt(file.stream());
    const upload = await send(stream, stream.size(file.size), code, told);
    sealed.set(file, { upload, sealed_name: await sealedName(file, recipient) });
  }
  return sealed.get(file);
}

async function asked(method, address, headers, body) {
  const response = await fetch(here(address), { method, headers, body });
  const told = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(`${told.title || "The portal did not answer."} ${told.detail || ""}`.trim());
  return told;
}

// An appeal's page has no code: it gets one for what is sent now.
async function begin(data) {
  if (!data.code) data.code = (await asked("POST", `/v1/appeals/${data.appeal}/contributions`, {})).code;
}

// What was written to an appeal, beside the files.
async function note(recipient) {
  const [text, contact] = ["text", "contact"].map((id) => (document.getElementById(id)?.value || "").trim());
  return text || contact ? { sealed_note: await sealedText({ text, contact }, recipient) } : {};
}

function fits(files, most) {
  if (!files.length) return "Choose a file first.";
  if (files.length > MOST_FILES) return `Choose at most ${MOST_FILES} files.`;
  const large = files.find((file) => file.size > most - 1_000_000 - file.size / 2000);
  if (large) return `${large.name} is too large for this page. Call the officer.`;
  return files.some((file) => !file.size) ? "One of the files is empty." : "";
}

function show(receipt) {
  form.hidden = true;
  const words = `The case ${receipt.crime_reference} has your files since ${receipt.received}. Number of this answer: ${receipt.request_id}. SHA-256 of what was sent, as it was sealed:`;
  document.getElementById("receipt-words").textContent = words;
  document.getElementById("receipt-hashes").textContent = receipt.ciphertext_sha256.join("\n");
  const box = document.getElementById("receipt");
  box.hidden = false;
  box.focus();
}

async function answer(files) {
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const sent = [];
  let before = 0;
  await begin(form.dataset);
  for (const [index, file] of files.entries()) {
    say(`Sealing and sending file ${index + 1} of ${files.length}. Keep this page open.`);
    sent.push(await hand(file, form.dataset, (bytes) => { bar.value = Math.min(1, (before + bytes) / total); }));
    before += file.size;
  }
  const headers = { "Handover-Link": form.dataset.code, "Content-Type": "application/json" };
  const body = JSON.stringify({ files: sent, ...(await note(form.dataset.recipient)) });
  show(await asked("PUT", "/v1/link/answer", headers, body));
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const files = [...picked.files];
  const wrong = fits(files, Number(form.dataset.most));
  if (wrong) return say(wrong);
  const button = form.querySelector("button");
  button.disabled = picked.disabled = true;
  bar.hidden = false;
  try {
    await answer(files);
  } catch (error) {
    say(`It did not work: ${error.message} Nothing is handed over yet. Press the button to try again.`);
    button.disabled = picked.disabled = false;
  }
});
