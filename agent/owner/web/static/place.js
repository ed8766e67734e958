// Placing a camera: a tap on the plan, and turning its view beside its picture.
"use strict";

const form = document.querySelector("[data-place]"), plan = document.querySelector("svg.plan");
const mark = plan && plan.querySelector(".camera.asked"), picture = document.querySelector("[data-now]");

function point() {
  const { latitude, longitude, north, east } = plan.dataset;
  return [160 + (form.elements.longitude.value - longitude) / east, 160 - (form.elements.latitude.value - latitude) / north];
}

function draw() {
  const [x, y] = point();
  mark.querySelector("circle").setAttribute("cx", x);
  mark.querySelector("circle").setAttribute("cy", y);
  mark.querySelector("text").setAttribute("x", x);
  mark.querySelector("text").setAttribute("y", y + 4);
  let view = plan.querySelector(".view.asked");
  if (!view) {
    view = document.createElementNS("http://www.w3.org/2000/svg", "path");
    view.setAttribute("class", "view asked");
    plan.insertBefore(view, plan.firstChild);
  }
  const half = form.elements.field_of_view.value / 2, middle = +form.elements.direction.value, reach = 80;
  const edge = (angle) => [x + reach * Math.sin((angle * Math.PI) / 180), y - reach * Math.cos((angle * Math.PI) / 180)].map((each) => each.toFixed(1)).join(" ");
  view.setAttribute("d", `M${x} ${y}L${edge(middle - half)}A${reach} ${reach} 0 0 1 ${edge(middle + half)}Z`);
}

if (form && mark) {
  plan.addEventListener("click", (event) => {
    const box = plan.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 320, y = ((event.clientY - box.top) / box.height) * 320;
    form.elements.longitude.value = (+plan.dataset.longitude + (x - 160) * plan.dataset.east).toFixed(6);
    form.elements.latitude.value = (+plan.dataset.latitude - (y - 160) * plan.dataset.north).toFixed(6);
    draw();
  });
  for (const field of form.querySelectorAll("input")) field.addEventListener("input", draw);
}

if (picture) {
  const again = document.querySelector("[data-again]"), none = document.querySelector("[data-no-picture]");
  const missing = () => {
    picture.hidden = true;
    none.hidden = false;
    again.hidden = false;
  };
  picture.addEventListener("error", missing);
  picture.addEventListener("load", () => {
    picture.hidden = again.hidden = false;
    none.hidden = true;
  });
  if (picture.complete && !picture.naturalWidth) missing();
  again.addEventListener("click", () => (picture.src = `${picture.src.split("?")[0]}?${Date.now()}`));
}
