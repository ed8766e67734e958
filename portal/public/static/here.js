"use strict";
if (navigator.geolocation) {
  for (const button of document.querySelectorAll("[data-here]")) {
    button.hidden = false;
    button.addEventListener("click", () => navigator.geolocation.getCurrentPosition(
      ({ coords }) => { document.getElementById(button.dataset.here).value = `${coords.latitude.toFixed(5)}, ${coords.longitude.toFixed(5)}`; },
      () => { button.textContent = "Your device doesn’t say where it is"; },
      { enableHighAccuracy: true, timeout: 20000 },
    ));
  }
}
