// Very many marks on a plan: set pixel by pixel into one picture that is kept between frames.
// Not for: a few, which are drawn with their views (plan.js). Where no graphics card helps, ten thousand small pictures
// take half a second, and ten thousand marks so a few thousandths of one.
"use strict";

class Crowd {
  constructor() {
    this.layer = document.createElement("canvas");
    this.pen = this.layer.getContext("2d", { willReadFrequently: true });
    this.image = null;
  }

  // The picture is a mark's side larger all round, so that no mark at an edge is cut by hand.
  make(width, height, side) {
    this.layer.width = width;
    this.layer.height = height;
    this.side = side;
    this.image = this.pen.createImageData(width + 2 * side, height + 2 * side);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  // Where a mark's pixels lie from its first one, in rows of the picture; once for each mark.
  offsets(mark, across) {
    if (mark.across === across) return mark.offsets;
    mark.offsets = mark.spots.map(([x, y]) => y * across + x);
    mark.across = across;
    return mark.offsets;
  }

  draw(pen, plan, ratio) {
    const { width, height } = plan.canvas, side = plan.marks.likelyfalse.width, half = side / 2;
    if (!this.image || this.layer.width !== width || this.layer.height !== height || this.side !== side) this.make(width, height, side);
    const { pixels } = this, across = width + 2 * side, nearer = ratio / plan.scale;
    const left = width / 2 - plan.x * nearer - half + side, top = height / 2 + plan.y * nearer - half + side;
    const mostLeft = width + side, mostTop = height + side;
    const marks = {};
    for (const footage of ["likely", "unsure", "no"]) marks[footage] = [false, true].map((chosen) => plan.marks[`${footage}${chosen}`]);
    pixels.fill(0);
    for (let number = 0; number < plan.cameras.length; number += 1) {
      const camera = plan.cameras[number], x = Math.round(left + camera.x * nearer), y = Math.round(top - camera.y * nearer);
      if (x < 0 || y < 0 || x > mostLeft || y > mostTop) continue;
      const mark = marks[camera.footage][plan.chosen.has(number) ? 1 : 0], offsets = this.offsets(mark, across), { colours } = mark;
      const start = y * across + x;
      for (let each = 0; each < colours.length; each += 1) pixels[start + offsets[each]] = colours[each];
    }
    this.pen.putImageData(this.image, -side, -side);
    pen.drawImage(this.layer, 0, 0, width / ratio, height / ratio);
  }
}
