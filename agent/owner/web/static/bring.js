// A file in pieces: when the network was away, it goes on where it was.
"use strict";

const PIECE = 4 * 1024 * 1024;
const bring = document.querySelector("[data-bring]");

async function idOf(file) {
  const text = new TextEncoder().encode(`${file.name}|${file.size}|${file.lastModified}`);
  let hash = 0xcbf29ce484222325n; // FNV-1a, 64 bits: a name for going on, no proof of anything
  for (const byte of text) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, "0");
}

async function send(file, id, show) {
  const named = `name=${encodeURIComponent(file.name)}&id=${id}`;
  let have = 0, failures = 0;
  const ask = async () => {
    const answer = await fetch(`${bring.dataset.bring}?${named}`);
    const found = await answer.json();
    if (!answer.ok) throw new Error([found.what, found.do].join(" "));
    have = found.bytes;
  };
  await ask();
  while (have < file.size) {
    show(have / file.size);
    try {
      const url = `${bring.dataset.bring}?${named}&offset=${have}&total=${file.size}`;
      const answer = await fetch(url, { method: "PUT", body: file.slice(have, have + PIECE) });
      const found = await answer.json();
      if (!answer.ok) throw Object.assign(new Error([found.what, found.do].join(" ")), { final: answer.status !== 400 });
      have = found.bytes;
      failures = 0;
    } catch (error) {
      if (error.final || ++failures > 30) throw error;
      await new Promise((go) => setTimeout(go, Math.min(1000 * failures, 10000)));
      await ask().catch(() => {});
    }
  }
  show(1);
}

bring.addEventListener("submit", async (event) => {
  event.preventDefault();
  const file = bring.querySelector("#file").files[0], bar = bring.querySelector("progress"), failed = bring.querySelector("[data-failed]");
  const button = bring.querySelector("button");
  if (!file || button.disabled) return;
  button.disabled = true;
  bar.hidden = false;
  failed.hidden = true;
  try {
    const id = await idOf(file);
    await send(file, id, (part) => (bar.value = part));
    bring.elements.name.value = file.name;
    bring.elements.id.value = id;
    bring.submit();
  } catch (error) {
    failed.textContent = error.message;
    failed.hidden = false;
    button.disabled = false;
  }
});
