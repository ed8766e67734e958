// Watching: the stretches of a window one after the other, its timeline, the handles, single pictures, notes.
"use strict";

const SECOND = 1e6;

function watch(box) {
  const base = box.dataset.watch, start = +box.dataset.from, end = +box.dataset.to;
  const video = box.querySelector("video"), frame = box.querySelector(".frame"), at = box.querySelector("[data-at]");
  const line = box.querySelector(".timeline"), head = line.querySelector(".head"), svg = line.querySelector("svg");
  const form = document.querySelector(`form.shorten input[name=position][value="${box.dataset.position}"]`)?.form;
  const keep = { from: +box.dataset.keepFrom, to: +box.dataset.keepTo };
  let stretches = [], playing = 0, shown = start;

  // The host's own clock, as the page has it: what the browser's zone is doesn't matter.
  const [hour, minute, second] = box.dataset.zone.split(":").map(Number);
  const shift = hour * 3600 + minute * 60 + second - Math.floor(start / SECOND);
  const clock = (us, precise) => {
    const seconds = (((us / SECOND + shift) % 86400) + 86400) % 86400, whole = Math.floor(seconds);
    const two = (number) => String(number).padStart(2, "0");
    const text = `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
    return precise ? `${text}.${Math.floor((seconds - whole) * 10)}` : text;
  };
  const place = (us) => Math.min(1, Math.max(0, (us - start) / (end - start)));
  const show = (us) => {
    shown = us;
    head.style.left = `${place(us) * 100}%`;
    at.textContent = clock(us, true);
  };
  box.shown = () => clock(shown, false);
  box.at = () => shown;

  const load = (number, seconds, play) => {
    const other = number !== playing || !video.src;
    playing = number;
    const go = () => {
      video.currentTime = seconds;
      if (play) video.play().catch(() => {});
    };
    if (!other) return go();
    video.src = stretches[number].src;
    video.addEventListener("loadedmetadata", go, { once: true });
  };
  const seek = (us, play) => {
    frame.hidden = true;
    video.hidden = false;
    let number = stretches.findIndex((each) => us < each.to);
    if (number < 0) number = stretches.length - 1;
    load(number, Math.max(0, (us - stretches[number].from) / SECOND), play);
    show(us);
  };

  fetch(`${base}/facts`).then((answer) => answer.json()).then((facts) => {
    stretches = facts.stretches || [];
    if (!stretches.length) return (box.querySelector("[data-broken]").hidden = false);
    if (stretches.some((each) => each.kind === "small")) box.querySelector("[data-kind=small]").hidden = false;
    for (const [from, to] of facts.gaps || []) {
      const gap = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      for (const [name, value] of Object.entries({ x: place(from) * 1000, width: Math.max(2, (place(to) - place(from)) * 1000), y: 0, height: 60 })) gap.setAttribute(name, value);
      svg.append(gap);
    }
    seek(Math.max(start, keep.from), false);
    return fetch(`${base}/curve`).then((answer) => answer.json()).then((found) => {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", (found.curve || []).map(([us, change], number) => `${number ? "L" : "M"}${place(us) * 1000} ${57 - change * 50}`).join(""));
      svg.append(path);
      line.querySelector("[data-strip]").src = `${base}/strip.jpg`;
    });
  }).catch(() => {});

  video.addEventListener("timeupdate", () => stretches.length && !video.hidden && show(stretches[playing].from + video.currentTime * SECOND));
  video.addEventListener("ended", () => playing + 1 < stretches.length && load(playing + 1, 0, true));
  video.addEventListener("error", () => (box.querySelector("[data-broken]").hidden = false));
  line.addEventListener("click", (event) => {
    const edge = line.getBoundingClientRect();
    seek(start + ((event.clientX - edge.left) / edge.width) * (end - start), !video.paused);
  });
  for (const button of box.querySelectorAll("[data-step]")) {
    button.addEventListener("click", async () => {
      video.pause();
      const answer = await fetch(`${base}/frame?at=${Math.round(shown)}&step=${button.dataset.step}`);
      if (!answer.ok) return;
      const old = frame.src;
      frame.src = URL.createObjectURL(await answer.blob());
      if (old) URL.revokeObjectURL(old);
      video.hidden = true;
      frame.hidden = false;
      show(+answer.headers.get("X-At"));
    });
  }

  const dim = () => {
    line.querySelector(".out.left").style.width = `${place(keep.from) * 100}%`;
    line.querySelector(".out.right").style.width = `${(1 - place(keep.to)) * 100}%`;
  };
  for (const handle of form ? form.querySelectorAll(".handle") : []) {
    const name = handle.dataset.end, typed = form.elements[name];
    handle.min = 0;
    handle.max = Math.round((end - start) / SECOND * 10);
    handle.value = Math.round((keep[name] - start) / SECOND * 10);
    handle.hidden = false;
    const tell = () => handle.setAttribute("aria-valuetext", typed.value);
    tell();
    handle.addEventListener("input", () => {
      const least = SECOND;
      let us = start + handle.value * (SECOND / 10);
      us = name === "from" ? Math.min(us, keep.to - least) : Math.max(us, keep.from + least);
      handle.value = Math.round((us - start) / SECOND * 10);
      keep[name] = us;
      typed.value = form.elements[`${name}-shown`].value = clock(us, true);
      form.elements[`${name}-us`].value = Math.round(us);
      tell();
      dim();
      if (stretches.length) seek(us, false);
    });
  }
  dim();
}

document.querySelectorAll("[data-watch]").forEach(watch);

for (const sheet of document.querySelectorAll("[data-sheet]")) {
  sheet.addEventListener("toggle", () => {
    const picture = sheet.querySelector("img");
    if (sheet.open && !picture.src) picture.src = sheet.dataset.sheet;
  });
}

for (const button of document.querySelectorAll("[data-enhance]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const number = button.dataset.enhance, box = document.querySelector(`[data-watch][data-position="${number}"]`);
    const picture = button.parentElement.querySelector("[data-enhanced]"), wrong = button.parentElement.querySelector("[data-enhance-wrong]");
    const query = new URLSearchParams({ at: Math.round(box.at()) });
    for (const name of ["contrast", "denoise", "gamma"]) query.set(name, document.getElementById(`${name}-${number}`).value);
    button.disabled = true;
    wrong.hidden = true;
    picture.onload = () => (button.disabled = picture.hidden = false);
    picture.onerror = () => {
      button.disabled = false;
      picture.hidden = true;
      wrong.hidden = false;
    };
    picture.src = `${box.dataset.watch}/enhanced.jpg?${query}`;
  });
}

for (const button of document.querySelectorAll("[data-note]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const box = document.querySelector(`[data-watch][data-position="${button.dataset.note}"]`);
    const field = document.getElementById(`notes-${button.dataset.note}`);
    field.value += `${field.value && !field.value.endsWith("\n") ? "\n" : ""}${box.shown()} `;
    field.focus();
  });
}
