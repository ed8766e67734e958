// A plan of cameras on a canvas: what was drawn, views, marks, a scale, north; moved by pointer, wheel and keys.
// Not for: what is searched or asked (search.js). Positions are metres east and north of an origin (a local plane).
"use strict";

class Plan {
  static metres = 111194.93; // a degree of latitude
  static least = 0.02; // metres a pixel
  static most = 400;
  static many = 400; // cameras in view, beyond which views are left out (crowd.js)

  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed; // called with the shape that was drawn
    this.picked = () => {}; // called with the number of a camera that was pressed
    this.cameras = [];
    this.chosen = new Set();
    this.shape = null;
    this.kind = "circle";
    this.drawing = false;
    this.width = 50;
    this.origin = [54.0, -2.5];
    this.x = 0; // of the middle
    this.y = 0;
    this.scale = 400;
    this.pointers = new Map();
    this.crowd = new Crowd();
    this.ground = canvas.dataset.tiles ? new Ground(canvas.dataset.tiles, () => this.redraw()) : null;
    this.colours();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.colours(); this.redraw(); });
    new ResizeObserver(() => this.redraw()).observe(canvas);
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.up(event));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(event.deltaY * 0.0015), event.offsetX, event.offsetY);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  colours() {
    const style = getComputedStyle(document.documentElement);
    const named = (name) => style.getPropertyValue(`--${name}`).trim();
    this.ink = named("ink"); this.paper = named("paper"); this.land = named("land"); this.doing = named("do"); this.line = named("line");
    this.marks = {};
    for (const [footage, colour] of [["likely", named("good")], ["unsure", named("maybe")], ["no", named("quiet")]]) {
      for (const chosen of [false, true]) this.marks[`${footage}${chosen}`] = this.mark(footage, colour, chosen);
    }
    this.views = { likely: named("good"), unsure: named("maybe"), no: named("quiet") };
  }

  // One small picture for each kind of mark: told by shape as well as by colour.
  mark(footage, colour, chosen) {
    const ratio = devicePixelRatio || 1, side = 22;
    const mark = document.createElement("canvas");
    mark.width = mark.height = side * ratio;
    const pen = mark.getContext("2d");
    pen.scale(ratio, ratio);
    pen.translate(side / 2, side / 2);
    if (chosen) { pen.beginPath(); pen.arc(0, 0, 9.5, 0, 7); pen.strokeStyle = this.ink; pen.lineWidth = 2; pen.stroke(); }
    pen.fillStyle = colour; pen.strokeStyle = this.paper; pen.lineWidth = 1.5;
    pen.beginPath();
    if (footage === "likely") pen.arc(0, 0, 5.5, 0, 7);
    else if (footage === "unsure") { pen.moveTo(0, -6.5); pen.lineTo(6.5, 0); pen.lineTo(0, 6.5); pen.lineTo(-6.5, 0); pen.closePath(); }
    else { pen.rect(-4.5, -4.5, 9, 9); }
    if (footage === "no") { pen.fillStyle = this.paper; pen.strokeStyle = colour; pen.fill(); pen.stroke(); pen.beginPath(); pen.moveTo(-4.5, 4.5); pen.lineTo(4.5, -4.5); pen.stroke(); }
    else { pen.fill(); pen.stroke(); }
    const pixels = new Uint32Array(pen.getImageData(0, 0, mark.width, mark.height).data.buffer);
    const set = [...pixels.keys()].filter((at) => pixels[at] >>> 24 > 127);
    mark.spots = set.map((at) => [at % mark.width, Math.floor(at / mark.width)]); // of the pixels that are set
    mark.colours = Uint32Array.from(set, (at) => (pixels[at] | 0xff000000) >>> 0);
    return mark;
  }

  // -- places ---------------------------------------------------------------------------------------------------------

  plane(latitude, longitude) {
    const across = ((longitude - this.origin[1] + 540) % 360) - 180;
    return [across * Plan.metres * Math.cos((this.origin[0] * Math.PI) / 180), (latitude - this.origin[0]) * Plan.metres];
  }

  place(x, y) {
    const longitude = this.origin[1] + x / (Plan.metres * Math.cos((this.origin[0] * Math.PI) / 180));
    return [this.origin[0] + y / Plan.metres, ((longitude + 540) % 360) - 180];
  }

  screen(x, y) { return [(x - this.x) / this.scale + this.wide / 2, (this.y - y) / this.scale + this.high / 2]; }

  under(px, py) { return [(px - this.wide / 2) * this.scale + this.x, (this.high / 2 - py) * this.scale + this.y]; }

  get wide() { return this.canvas.clientWidth; }
  get high() { return this.canvas.clientHeight; }

  // -- what is shown --------------------------------------------------------------------------------------------------

  setCameras(cameras) {
    if (cameras.length) this.settle(cameras[0].latitude, cameras[0].longitude);
    this.cameras = cameras;
    this.planeAll();
    this.redraw();
  }

  setShape(shape) {
    this.shape = shape;
    if (shape && !this.cameras.length) this.settle(...this.corners(shape)[0]);
    this.redraw();
  }

  // The plane touches the earth near what is looked at.
  settle(latitude, longitude) {
    const before = this.place(this.x, this.y);
    this.origin = [latitude, longitude];
    [this.x, this.y] = this.plane(...before);
    this.planeAll();
  }

  planeAll() { for (const camera of this.cameras) [camera.x, camera.y] = this.plane(camera.latitude, camera.longitude); }

  corners(shape) {
    if (shape.kind === "box") return [[shape.south, shape.west], [shape.north, shape.east]];
    if (shape.kind === "way") return shape.points;
    const reach = shape.radius_m / Plan.metres, across = reach / Math.max(0.01, Math.cos((shape.latitude * Math.PI) / 180));
    return [[shape.latitude, shape.longitude], [shape.latitude - reach, shape.longitude - across], [shape.latitude + reach, shape.longitude + across]];
  }

  showAll() {
    const places = [...(this.shape ? this.corners(this.shape) : []).map((place) => this.plane(...place)), ...this.cameras.map((camera) => [camera.x, camera.y])];
    if (!places.length) return;
    let [west, east, south, north] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const [x, y] of places) { west = Math.min(west, x); east = Math.max(east, x); south = Math.min(south, y); north = Math.max(north, y); }
    this.x = (west + east) / 2;
    this.y = (south + north) / 2;
    this.scale = Math.min(Plan.most, Math.max(0.2, (east - west) / (this.wide - 60), (north - south) / (this.high - 80)));
    this.redraw();
  }

  redraw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
  }

  draw() {
    const { canvas, wide, high } = this, ratio = devicePixelRatio || 1;
    if (!wide || !high) return;
    if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) { canvas.width = Math.round(wide * ratio); canvas.height = Math.round(high * ratio); }
    const pen = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = this.land;
    pen.fillRect(0, 0, wide, high);
    if (this.ground) this.ground.draw(pen, this);
    this.drawShape(pen);
    this.drawCameras(pen);
    this.drawScale(pen);
    this.drawNorth(pen);
  }

  drawShape(pen) {
    const shape = this.shape;
    if (!shape) return;
    pen.strokeStyle = pen.fillStyle = this.doing;
    pen.lineWidth = 2;
    const points = this.corners(shape).map((place) => this.screen(...this.plane(...place)));
    pen.beginPath();
    if (shape.kind === "circle") pen.arc(...points[0], shape.radius_m / this.scale, 0, 7);
    else if (shape.kind === "box") pen.rect(points[0][0], points[1][1], points[1][0] - points[0][0], points[0][1] - points[1][1]);
    else {
      points.forEach((point, number) => (number ? pen.lineTo(...point) : pen.moveTo(...point)));
      pen.save();
      pen.globalAlpha = 0.2; pen.lineWidth = Math.max(2, shape.width_m / this.scale); pen.lineCap = pen.lineJoin = "round";
      pen.stroke();
      pen.restore();
      pen.stroke();
      for (const point of points) pen.fillRect(point[0] - 3, point[1] - 3, 6, 6);
      return;
    }
    pen.globalAlpha = 0.12; pen.fill(); pen.globalAlpha = 1; pen.stroke();
    if (shape.kind === "circle") pen.fillRect(points[0][0] - 2, points[0][1] - 2, 4, 4);
  }

  drawCameras(pen) {
    const { wide, high } = this, shown = [];
    for (let number = 0; number < this.cameras.length; number += 1) {
      const camera = this.cameras[number], px = (camera.x - this.x) / this.scale + wide / 2, py = (this.y - camera.y) / this.scale + high / 2;
      if (px > -300 && px < wide + 300 && py > -300 && py < high + 300) shown.push([px, py, camera, number]);
      if (shown.length > Plan.many) return this.crowd.draw(pen, this, devicePixelRatio || 1);
    }
    for (const footage of ["no", "unsure", "likely"]) this.drawViews(pen, shown, footage);
    if (shown.length <= 60 && this.scale < 1) this.drawNames(pen, shown);
    for (const [px, py, camera, number] of shown) {
      pen.drawImage(this.marks[`${camera.footage}${this.chosen.has(number)}`], px - 11, py - 11, 22, 22);
    }
  }

  // Names that would lie over another mark or name are left out; the list has them all.
  drawNames(pen, shown) {
    pen.font = "12px system-ui, sans-serif";
    pen.lineWidth = 3; pen.strokeStyle = this.land; pen.fillStyle = this.ink;
    const taken = shown.map(([px, py]) => [px - 9, py - 9, px + 9, py + 9]);
    for (const [px, py, camera] of shown) {
      const name = camera.label.slice(0, 40), box = [px + 12, py - 7, px + 14 + pen.measureText(name).width, py + 7];
      if (taken.some((each) => each[0] < box[2] && box[0] < each[2] && each[1] < box[3] && box[1] < each[3])) continue;
      taken.push(box);
      pen.strokeText(name, box[0], py + 4);
      pen.fillText(name, box[0], py + 4);
    }
  }

  // All views of one colour are one path; those that would be specks are left out.
  drawViews(pen, shown, footage) {
    pen.fillStyle = this.views[footage];
    pen.globalAlpha = 0.22;
    pen.beginPath();
    for (const [px, py, camera] of shown) {
      const reach = (camera.range_m || 50) / this.scale;
      if (camera.footage !== footage || camera.direction === null || reach < 7) continue;
      const middle = ((camera.direction - 90) * Math.PI) / 180, half = ((camera.field_of_view || 90) * Math.PI) / 360;
      pen.moveTo(px, py);
      pen.arc(px, py, reach, middle - half, middle + half);
      pen.closePath();
    }
    pen.fill();
    pen.globalAlpha = 1;
  }

  drawScale(pen) {
    const most = 140 * this.scale, power = 10 ** Math.floor(Math.log10(most));
    const length = [5, 2, 1].find((each) => each * power <= most) * power, px = length / this.scale;
    pen.strokeStyle = pen.fillStyle = this.ink;
    pen.lineWidth = 2;
    pen.beginPath(); pen.moveTo(12, this.high - 20); pen.lineTo(12, this.high - 12); pen.lineTo(12 + px, this.high - 12); pen.lineTo(12 + px, this.high - 20); pen.stroke();
    pen.font = "12px system-ui, sans-serif";
    pen.fillText(length >= 1000 ? `${length / 1000} km` : `${length} m`, 18, this.high - 18);
  }

  drawNorth(pen) {
    const x = this.wide - 22;
    pen.fillStyle = this.ink;
    pen.beginPath(); pen.moveTo(x, 10); pen.lineTo(x + 7, 32); pen.lineTo(x, 27); pen.lineTo(x - 7, 32); pen.closePath(); pen.fill();
    pen.font = "600 12px system-ui, sans-serif";
    pen.fillText("N", x - 4, 46);
  }

  // -- hands ----------------------------------------------------------------------------------------------------------

  zoom(factor, px = this.wide / 2, py = this.high / 2) {
    const [x, y] = this.under(px, py), before = this.scale;
    this.scale = Math.min(Plan.most, Math.max(Plan.least, before * factor));
    this.x = x + (this.x - x) * (this.scale / before);
    this.y = y + (this.y - y) * (this.scale / before);
    this.redraw();
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    this.start = [event.offsetX, event.offsetY];
    this.moved = this.pointers.size > 1;
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.offsetX, event.offsetY];
    if (Math.hypot(now[0] - this.start[0], now[1] - this.start[1]) > 4) this.moved = true;
    if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const apart = (place) => Math.max(10, Math.hypot(place[0] - other[0], place[1] - other[1]));
      this.zoom(apart(before) / apart(now), other[0], other[1]);
    } else if (this.drawing && this.kind !== "way") this.drag(now);
    else { this.x -= (now[0] - before[0]) * this.scale; this.y += (now[1] - before[1]) * this.scale; this.redraw(); }
    this.pointers.set(event.pointerId, now);
  }

  drag(now) {
    const [from, to] = [this.start, now].map((each) => this.under(...each)), middle = this.place(...from);
    if (this.kind === "circle") this.shape = { kind: "circle", latitude: middle[0], longitude: middle[1], radius_m: Math.min(20000, Math.max(1, Math.round(Math.hypot(to[0] - from[0], to[1] - from[1])))) };
    else {
      const low = this.place(Math.min(from[0], to[0]), Math.min(from[1], to[1])), high = this.place(Math.max(from[0], to[0]), Math.max(from[1], to[1]));
      this.shape = { kind: "box", south: low[0], west: low[1], north: high[0], east: high[1] };
    }
    this.redraw();
    this.changed(this.shape);
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId) || this.moved || event.type === "pointercancel") return;
    const [x, y] = this.under(event.offsetX, event.offsetY);
    if (this.drawing && this.kind === "way") {
      const points = this.shape && this.shape.kind === "way" ? this.shape.points : [];
      this.shape = { kind: "way", points: [...points, this.place(x, y)].slice(0, 50), width_m: this.width };
      this.redraw();
      this.changed(this.shape);
    } else if (!this.drawing) this.press(event.offsetX, event.offsetY);
  }

  press(px, py) {
    let nearest = -1, least = 14;
    this.cameras.forEach((camera, number) => {
      const [x, y] = this.screen(camera.x, camera.y), away = Math.hypot(x - px, y - py);
      if (away < least) { least = away; nearest = number; }
    });
    if (nearest >= 0) this.picked(nearest);
  }

  key(event) {
    const step = 60 * this.scale;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (moves[event.key]) { this.x += moves[event.key][0]; this.y += moves[event.key][1]; this.redraw(); }
    else if (event.key === "+" || event.key === "=") this.zoom(1 / 1.5);
    else if (event.key === "-") this.zoom(1.5);
    else return;
    event.preventDefault();
  }
}
