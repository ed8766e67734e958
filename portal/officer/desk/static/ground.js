// The map's ground under a plan: pictures that the program serves, fetched as they come into view.
// Not for: the plan itself, which works without them (plan.js).
"use strict";

class Ground {
  static kept = 400;

  constructor(path, ready) {
    this.path = path;
    this.ready = ready; // called when another picture is there
    this.pictures = new Map();
  }

  draw(pen, plan) {
    const [latitude] = plan.place(plan.x, plan.y), round = 156543.034 * Math.cos((latitude * Math.PI) / 180);
    const zoom = Math.max(0, Math.min(19, Math.round(Math.log2(round / plan.scale)))), side = 2 ** zoom;
    const low = this.tile(plan.place(...plan.under(0, plan.high)), side), high = this.tile(plan.place(...plan.under(plan.wide, 0)), side);
    for (let row = Math.floor(high[1]); row <= low[1]; row += 1) {
      const columns = (Math.floor(high[0]) - Math.floor(low[0]) + side) % side;
      for (let step = 0; step <= Math.min(columns, 40); step += 1) this.one(pen, plan, zoom, side, (Math.floor(low[0]) + step) % side, row);
    }
  }

  tile([latitude, longitude], side) {
    const slope = Math.asinh(Math.tan((latitude * Math.PI) / 180));
    return [((longitude + 180) / 360) * side, ((1 - slope / Math.PI) / 2) * side];
  }

  corner(column, row, side) {
    return [(Math.atan(Math.sinh(Math.PI * (1 - (2 * row) / side))) * 180) / Math.PI, (column / side) * 360 - 180];
  }

  one(pen, plan, zoom, side, column, row) {
    const picture = this.picture(`${zoom}/${column}/${row}`);
    if (!picture.complete || !picture.naturalWidth) return;
    const [x, y] = plan.screen(...plan.plane(...this.corner(column, row, side)));
    const [right, bottom] = plan.screen(...plan.plane(...this.corner(column + 1, row + 1, side)));
    pen.drawImage(picture, Math.floor(x), Math.floor(y), Math.ceil(right) - Math.floor(x), Math.ceil(bottom) - Math.floor(y));
  }

  picture(name) {
    let picture = this.pictures.get(name);
    if (picture) return picture;
    while (this.pictures.size >= Ground.kept) this.pictures.delete(this.pictures.keys().next().value);
    picture = new Image();
    picture.onload = this.ready;
    picture.src = `${this.path}/${name}`;
    this.pictures.set(name, picture);
    return picture;
  }
}
