// Several cameras on one line of time. Times are milliseconds UTC; one clock leads, and every picture follows it.
"use strict";

const FAR = 0.3, SLOWEST = 0.85, FASTEST = 1.15; // seconds off after which a picture jumps; how it catches up before
const root = document.getElementById("player");
const find = (id) => document.getElementById(id);

class Clock {
  constructor(first, last) {
    Object.assign(this, { first, last, at: first, since: 0, rate: 1, wanted: false, held: false });
  }
  get running() {
    return this.wanted && !this.held;
  }
  now() {
    return Math.min(this.last, this.running ? this.at + (performance.now() - this.since) * this.rate : this.at);
  }
  set(changes) {
    this.at = this.now();
    this.since = performance.now();
    Object.assign(this, changes);
    this.at = Math.max(this.first, Math.min(this.last, this.at));
  }
}

class Lane {
  constructor(told, figure) {
    this.told = told;
    this.figure = figure;
    this.video = figure.querySelector("video");
    this.copy = figure.querySelector(".copy");
    this.nothing = figure.querySelector(".nothing");
    this.blank = this.nothing.textContent;
    this.failed = new Set();
    this.video.addEventListener("error", () => this.film && this.fail());
    figure.querySelector("[data-sound]").addEventListener("change", (event) => (this.video.muted = !event.target.checked));
    if ("requestVideoFrameCallback" in this.video) this.listen();
  }
  listen() {
    this.video.requestVideoFrameCallback((_, frame) => {
      if (this.film) this.figure.dataset.shown = String(this.film.start / 1000 + frame.mediaTime * 1000);
      this.listen();
    });
  }
  stretch(at) {
    return this.told.stretches.find((each) => each.start / 1000 <= at && at < each.end / 1000);
  }
  choose(stretch, at) {
    const open = stretch.films.filter(
      (film) => !this.failed.has(film.number) && film.start / 1000 <= at + 1 && at < film.end / 1000 + 1,
    );
    return open.find((film) => this.video.canPlayType(film.mime)) ?? open[0];
  }
  fail() {
    this.failed.add(this.film.number);
    this.film = null;
  }
  load(film) {
    this.film = film;
    this.asked = null;
    this.video.src = `${this.told.files}/${film.number}`;
    this.copy.hidden = !film.note;
    this.copy.textContent = film.note ? `Shown here: ${film.note}` : "";
  }
  show(words) {
    this.figure.classList.toggle("playing", !words);
    if (words && this.nothing.textContent !== words) this.nothing.textContent = words;
  }
  // Whether it can go on; what can't be shown keeps nobody waiting.
  follow(at, running, rate) {
    const stretch = this.stretch(at);
    const film = stretch && this.choose(stretch, at);
    if (!film) {
      this.video.pause();
      this.show(stretch ? this.unplayable(stretch) : this.blank);
      return true;
    }
    if (film !== this.film) this.load(film);
    this.show("");
    const target = Math.max(0, (at - film.start / 1000) / 1000);
    return running ? this.run(target, rate) : this.still(target);
  }
  run(target, rate) {
    const off = this.video.currentTime - target;
    this.asked = null;
    if (this.video.seeking || this.video.readyState < 2) return false;
    if (Math.abs(off) > FAR && !this.video.ended) {
      this.video.currentTime = target;
      return false;
    }
    this.video.playbackRate = rate * Math.max(SLOWEST, Math.min(FASTEST, 1 - off * 2));
    if (this.video.paused && !this.video.ended) this.video.play().catch(() => {});
    return this.video.readyState >= 3 || this.video.ended;
  }
  still(target) {
    this.video.pause();
    if (this.video.readyState < 1 || this.video.seeking) return false;
    if (this.asked === target) return this.video.readyState >= 2;
    this.asked = target;
    this.video.currentTime = target + 0.001; // behind the frame's own time, which is rounded
    return false;
  }
  unplayable(stretch) {
    const codec = stretch.films[0].codec;
    return `This browser can’t play ${codec}, and the package holds no copy that it can. Ask its owner for one (“It can’t be played”), or use another player.`;
  }
}

const pad = (number, width = 2) => String(number).padStart(width, "0");

function drawStrip(lanes, first, last) {
  const strip = find("strip"), wide = Math.max(1, last - first);
  lanes.forEach((lane, row) => {
    for (const stretch of lane.told.stretches) {
      const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      bar.setAttribute("x", `${(100 * (stretch.start / 1000 - first)) / wide}%`);
      bar.setAttribute("width", `${Math.max(0.3, (100 * (stretch.end - stretch.start)) / 1000 / wide)}%`);
      bar.setAttribute("y", row * 8 + 1);
      bar.setAttribute("height", 6);
      if (!lane.told.verified) bar.classList.add("doubt");
      strip.append(bar);
    }
  });
}

function begin(told) {
  const lanes = told.lanes.map((each, number) => new Lane(each, root.querySelector(`[data-lane="${number}"]`)));
  const stretches = told.lanes.flatMap((each) => each.stretches);
  const first = Math.min(...stretches.map((each) => each.start)) / 1000;
  const last = Math.max(...stretches.map((each) => each.end)) / 1000;
  const clock = new Clock(first, last);
  const local = new Intl.DateTimeFormat("en-GB", {
    timeZone: told.zone, day: "numeric", month: "short", year: "numeric",
    hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, timeZoneName: "short",
  });
  const slider = find("slider");
  slider.max = String(Math.ceil(last - first));
  drawStrip(lanes, first, last);

  const move = (at) => {
    clock.at = Math.max(first, Math.min(last - 1, at));
    clock.since = performance.now();
  };
  const step = (direction) => {
    const frames = lanes.map((lane) => lane.stretch(clock.now())?.frame).filter(Boolean);
    clock.set({ wanted: false });
    move(clock.at + (direction * (frames.length ? Math.min(...frames) : 40_000)) / 1000);
  };
  const toggle = () => {
    if (!clock.wanted && clock.now() >= last - 1) move(first);
    clock.set({ wanted: !clock.wanted });
  };
  const hand = { at: () => clock.now(), seek: move, pause: () => clock.set({ wanted: false }), lanes };

  const tick = () => {
    const at = Math.min(clock.now(), last - 1);
    if (clock.wanted && at >= last - 1) clock.set({ wanted: false });
    const ready = lanes.map((lane) => lane.follow(at, clock.running, clock.rate)).every(Boolean);
    if (clock.wanted && clock.held === ready) clock.set({ held: !ready });
    const date = new Date(at);
    find("local").value = local.format(date);
    find("utc").value = `${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}:${pad(date.getUTCSeconds())}.${pad(date.getUTCMilliseconds(), 3)} UTC`;
    if (document.activeElement !== slider || clock.wanted) slider.value = String(at - first);
    slider.setAttribute("aria-valuetext", find("local").value);
    find("toggle").textContent = clock.wanted ? "Pause" : "Play";
    root.dataset.state = clock.wanted ? (clock.held ? "waiting" : "playing") : ready ? "still" : "seeking";
    root.dataset.at = String(at);
    requestAnimationFrame(tick);
  };

  find("toggle").addEventListener("click", toggle);
  find("back").addEventListener("click", () => step(-1));
  find("on").addEventListener("click", () => step(1));
  find("rate").addEventListener("change", (event) => clock.set({ rate: Number(event.target.value) }));
  slider.addEventListener("input", () => move(first + Number(slider.value)));
  addEventListener("keydown", (event) => {
    const typed = event.target.closest("input:not([type=range]):not([type=checkbox]), textarea, select");
    if (typed || event.ctrlKey || event.metaKey || event.altKey) return;
    const on = (event.shiftKey ? 1 : 5) * 1000;
    const deeds = {
      ArrowLeft: () => move(clock.now() - on), ArrowRight: () => move(clock.now() + on),
      ",": () => step(-1), ".": () => step(1), Home: () => move(first), End: () => move(last),
    };
    if (!event.target.closest("button, a, summary, input[type=checkbox]")) deeds[" "] = toggle;
    if (!(event.key in deeds)) return;
    event.preventDefault();
    deeds[event.key]();
  });
  const named = /^#at=(\d{1,17})$/.exec(location.hash);
  if (named) move(Number(named[1]) / 1000);
  requestAnimationFrame(tick);
  return hand;
}

if (root) {
  fetch(root.dataset.timeline, { cache: "no-store" })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(String(answer.status)))))
    .then((told) => {
      root.hand = begin(told);
      root.dispatchEvent(new Event("ready"));
    })
    .catch(() => (find("local").value = "The desk does not answer. Reload the page."));
}
