// What scripts/benchmarks/map.py adds to the page of the map: the answer to a search, at once, and a stopwatch.
"use strict";

window.bench = { drawn: [], scripts: [], frames: [] };

window.bench.prepare = (count) => {
  const one = (number) => ({
    owner: `o${number >> 1}`, kind: "business", label: `Camera ${number}`, place: "",
    latitude: 53.7 + (number % 100) / 1000, longitude: -2.7 + Math.floor(number / 100) / 600,
    direction: (number * 37) % 360, field_of_view: 80, range_m: 40, distance_m: number, looks: null, sound: false,
    footage: ["likely", "unsure", "no"][number % 3], since: null, heard: null,
  });
  const cameras = Array.from({ length: count }, (_, number) => one(number));
  const answer = JSON.stringify({ search: "s", shown: "", truncated: false, cameras });
  const ask = window.fetch, draw = Plan.prototype.draw;
  let begun = 0;
  window.fetch = async (path, how) => {
    if (path !== "/search") return ask(path, how);
    begun = performance.now();
    return new Response(answer, { headers: { "Content-Type": "application/json" } });
  };
  Plan.prototype.draw = function () {
    const from = performance.now();
    draw.call(this);
    window.bench.scripts.push(performance.now() - from);
    if (!begun || !this.cameras.length) return;
    const since = begun;
    begun = 0;
    requestAnimationFrame(() => window.bench.drawn.push(performance.now() - since));
  };
};

window.bench.record = () => {
  window.bench.scripts = [];
  let before = 0;
  const step = (now) => {
    if (before) window.bench.frames.push(now - before);
    before = now;
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
};
