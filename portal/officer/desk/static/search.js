// The page of the map: from where and when to requests that are signed and sent. Everything that counts is the program's.
"use strict";
{
  const $ = (id) => document.getElementById(id);
  const counted = (many, one) => `${many} ${one}${many === 1 ? "" : "s"}`;
  const search = $("search"), ask = $("ask");
  let found = null; // what the last search found
  let chosen = new Set();
  let rows = [];
  const plan = new Plan($("plan"), (shape) => write(shape));
  plan.chosen = chosen;

  async function call(path, body) {
    const how = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    let answer;
    try { answer = await fetch(path, how); }
    catch { throw { what: "The program does not answer.", do: "Is handover-officer desk still running in its terminal?" }; }
    const told = await answer.json();
    if (told.kind === "LoginNeeded") {
      await Login.needed();
      return call(path, body);
    }
    if (!answer.ok) throw told;
    return told;
  }

  function wrong(id, error) {
    const place = $(id);
    place.hidden = !error;
    if (error) requestAnimationFrame(() => place.scrollIntoView({ block: "nearest" }));
    place.replaceChildren(...(error ? [error.what, error.meaning, error.do] : []).filter(Boolean).map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  }

  function later(wait, work) {
    let timer = 0;
    return () => { clearTimeout(timer); timer = setTimeout(work, wait); };
  }

  // -- where ----------------------------------------------------------------------------------------------------------

  const field = (name) => search.elements[name];
  const kind = () => field("shape").value;
  const written = (latitude, longitude) => `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`;

  function point(text) {
    const parts = text.trim().split(/[\s,;]+/).map(Number);
    return parts.length === 2 && parts.every(Number.isFinite) && text.trim() ? parts : null;
  }

  function shape() {
    if (kind() === "circle") {
      const middle = point(field("middle").value);
      return middle && { kind: "circle", latitude: middle[0], longitude: middle[1], radius_m: Number(field("radius").value) };
    }
    if (kind() === "box") {
      const [low, high] = [point(field("southwest").value), point(field("northeast").value)];
      return low && high && { kind: "box", south: low[0], west: low[1], north: high[0], east: high[1] };
    }
    const points = field("points").value.split("\n").filter((line) => line.trim()).map(point);
    return points.length && points.every(Boolean) ? { kind: "way", points, width_m: Number(field("width").value) } : null;
  }

  function write(drawn) {
    if (drawn.kind === "circle") { field("middle").value = written(drawn.latitude, drawn.longitude); field("radius").value = drawn.radius_m; }
    else if (drawn.kind === "box") { field("southwest").value = written(drawn.south, drawn.west); field("northeast").value = written(drawn.north, drawn.east); }
    else field("points").value = drawn.points.map((each) => written(...each)).join("\n");
  }

  function typed(show) {
    const now = shape();
    plan.setShape(now);
    if (now) $("blank").hidden = true;
    if (show && now) plan.showAll();
  }

  function tool() {
    for (const part of document.querySelectorAll("[data-shape]")) part.hidden = part.dataset.shape !== kind();
    plan.kind = kind();
    plan.width = Number(field("width").value) || 50;
    $("undo").hidden = !(plan.drawing && kind() === "way");
    typed(false);
  }
  for (const name of ["middle", "radius", "southwest", "northeast", "points", "width"]) field(name).addEventListener("change", () => { tool(); typed(true); });
  for (const radio of field("shape")) radio.addEventListener("change", tool);
  $("draw").addEventListener("click", () => {
    plan.drawing = !plan.drawing;
    $("draw").setAttribute("aria-pressed", plan.drawing);
    $("plan").classList.toggle("drawing", plan.drawing);
    tool();
  });
  $("undo").addEventListener("click", () => {
    field("points").value = field("points").value.split("\n").slice(0, -1).join("\n");
    typed(false);
  });
  $("nearer").addEventListener("click", () => plan.zoom(1 / 1.6));
  $("farther").addEventListener("click", () => plan.zoom(1.6));
  $("whole").addEventListener("click", () => plan.showAll());

  function go(place) {
    const reach = 0.001;
    if (kind() === "circle") field("middle").value = written(place.latitude, place.longitude);
    else if (kind() === "box") { field("southwest").value = written(place.latitude - reach, place.longitude - reach); field("northeast").value = written(place.latitude + reach, place.longitude + reach); }
    else field("points").value = `${field("points").value.trim()}\n${written(place.latitude, place.longitude)}`.trim();
    if (!ask.elements.place.value) ask.elements.place.value = place.text;
    typed(true);
  }

  if ($("address")) {
    const look = later(200, async () => {
      const said = $("address").value.trim();
      const places = said ? (await call(`/places?q=${encodeURIComponent(said)}`)).places : [];
      $("places-said").textContent = said ? counted(places.length, "place") : "";
      $("places").replaceChildren(...places.map((place) => {
        const item = document.createElement("li"), button = document.createElement("button");
        Object.assign(button, { type: "button", className: "second", textContent: place.text });
        button.addEventListener("click", () => { $("address").value = place.text; $("places").replaceChildren(); go(place); $("address").focus(); });
        item.append(button);
        return item;
      }));
    });
    $("address").addEventListener("input", look);
    $("address").addEventListener("keydown", (event) => {
      const first = $("places").querySelector("button");
      if (event.key === "Enter") { event.preventDefault(); if (first) first.click(); }
    });
  }

  // -- when -----------------------------------------------------------------------------------------------------------

  const zone = $("meant").textContent;
  const meant = later(250, async () => {
    const said = field("time").value.trim(), place = $("meant");
    try { place.textContent = said ? `Means ${(await call("/times", { time: said })).shown}.` : zone; place.classList.remove("bad"); }
    catch (error) { place.textContent = [error.what, error.do].filter(Boolean).join(" "); place.classList.add("bad"); }
  });
  field("time").addEventListener("input", meant);

  // -- what was found -------------------------------------------------------------------------------------------------

  search.addEventListener("submit", async (event) => {
    event.preventDefault();
    wrong("search-wrong", null);
    const place = shape();
    if (!place) return wrong("search-wrong", { what: "Where was it?", do: "Type latitude and longitude, such as 50.6200, -3.4137, or draw it on the map." });
    search.querySelector("button:not([type])").disabled = true;
    try {
      found = await call("/search", { crime_reference: field("crime_reference").value, time: field("time").value, shape: place });
      found.circle = place.kind === "circle"; // else distances are from the middle of a box, which tells nobody anything
      show();
    } catch (error) { wrong("search-wrong", error); }
    finally { search.querySelector("button:not([type])").disabled = false; }
  });

  function show() {
    plan.setCameras(found.cameras);
    plan.showAll();
    $("result").hidden = false;
    const many = found.cameras.length;
    $("found").textContent = many === 0 ? "No registered camera is there" : counted(many, "camera");
    if (found.truncated) $("found").textContent += ", and more: search a smaller place to see them";
    for (const part of $("result").querySelectorAll("[data-some]")) part.hidden = many === 0;
    $("nobody").hidden = many !== 0;
    ask.hidden = many === 0;
    rows = [];
    $("cameras").replaceChildren();
    list(listed);
    $("cameras").hidden = many === 0;
    choose("likely");
    $("found").focus();
  }

  const listed = 400; // rows that are added at once: ten thousand would hold up the map
  function list(until) {
    const before = rows.length;
    for (let number = before; number < Math.min(until, found.cameras.length); number += 1) rows.push(row(found.cameras[number], number));
    $("cameras").append(...rows.slice(before));
    $("more").hidden = rows.length === found.cameras.length;
    $("more").textContent = `List more of the other ${found.cameras.length - rows.length}`;
  }
  $("more").addEventListener("click", () => {
    const first = rows.length;
    list(first + listed);
    rows[first].querySelector("input").focus();
  });

  const words = { likely: "likely", unsure: "unsure", no: "no footage of that time" };

  function row(camera, number) {
    const item = document.createElement("li"), label = document.createElement("label"), box = document.createElement("input");
    const mark = document.createElement("span"), text = document.createElement("span"), more = document.createElement("span");
    label.className = "check";
    box.type = "checkbox";
    box.checked = chosen.has(number);
    box.addEventListener("change", () => set(number, box.checked));
    mark.className = `mark ${camera.footage}`;
    mark.setAttribute("aria-hidden", "true");
    const looks = { true: ", looks at it", false: ", looks elsewhere", null: "" }[camera.looks];
    text.textContent = `${camera.label}: ${words[camera.footage]}`;
    more.className = "small quiet";
    const away = found.circle ? `${Math.round(camera.distance_m)} m away${looks}; ` : "";
    more.textContent = `${away}${camera.kind}${camera.sound ? ", sound" : ""}${camera.since ? `; kept since ${camera.since}` : ""}`;
    text.append(document.createElement("br"), more);
    label.append(box, mark, text);
    item.append(label);
    return item;
  }

  function set(number, on) {
    if (on) chosen.add(number); else chosen.delete(number);
    rows[number].querySelector("input").checked = on;
    plan.redraw();
    changed();
  }
  plan.picked = (number) => { list(number + 1); set(number, !chosen.has(number)); rows[number].scrollIntoView({ block: "nearest" }); };

  function choose(which) {
    const wanted = { likely: ["likely"], maybe: ["likely", "unsure"], none: [] }[which];
    chosen.clear();
    found.cameras.forEach((camera, number) => {
      const on = wanted.includes(camera.footage);
      if (on) chosen.add(number);
    });
    rows.forEach((item, number) => { item.querySelector("input").checked = chosen.has(number); });
    plan.redraw();
    changed();
  }
  for (const button of document.querySelectorAll("[data-choose]")) button.addEventListener("click", () => choose(button.dataset.choose));

  // -- what is asked --------------------------------------------------------------------------------------------------

  const supervised = later(150, async () => {
    if (!found) return;
    const { reasons, warnings } = await call("/summary", { search: found.search, chosen: [...chosen] }).catch(() => ({ reasons: [], warnings: [] }));
    $("supervised").hidden = reasons.length + warnings.length === 0;
    $("must").hidden = reasons.length === 0;
    $("should").hidden = warnings.length === 0;
    $("reasons").textContent = reasons.join("; ");
    $("warnings").textContent = warnings.join("; ");
  });

  function changed() {
    const owners = new Set([...chosen].map((number) => found.cameras[number].owner)).size;
    $("summary").textContent = chosen.size ? `${counted(owners, "owner")}, ${counted(chosen.size, "camera")}. Each owner gets a request of their own, for their cameras alone.` : "Choose a camera to ask for.";
    $("send").textContent = owners > 1 ? `Sign and send ${owners} requests` : "Sign and send";
    $("send").disabled = chosen.size === 0;
    supervised();
  }

  let known = { crimes: [], templates: [] };
  call("/texts").then((told) => {
    known = told;
    const options = (list) => list.map((value) => Object.assign(document.createElement("option"), { value }));
    $("crimes").replaceChildren(...options(told.crimes.map((each) => each.crime_reference)));
    $("kinds").replaceChildren(...options(told.templates.map((each) => each.kind)));
  }).catch((error) => wrong("ask-wrong", error));

  const own = new Set(); // what was typed by hand, which no template goes over
  ask.addEventListener("input", (event) => own.add(event.target.name));
  function fill(values) {
    for (const [name, value] of Object.entries(values)) {
      const place = ask.elements[name];
      if (!place || own.has(name)) continue;
      if (place.type === "checkbox") place.checked = value; else place.value = value;
    }
  }
  field("crime_reference").addEventListener("change", () => {
    const before = known.crimes.find((each) => each.crime_reference === field("crime_reference").value.trim());
    if (before) fill(before);
  });
  ask.elements.kind.addEventListener("input", () => {
    const template = known.templates.find((each) => each.kind === ask.elements.kind.value);
    if (template) fill(template);
  });

  function asking() {
    const text = { crime_reference: field("crime_reference").value.trim() };
    for (const name of ["kind", "place", "description", "purpose", "necessity", "legal_basis"]) text[name] = ask.elements[name].value.trim();
    text.answer_within_days = Number(ask.elements.answer_within_days.value);
    text.sound = ask.elements.sound.checked;
    if (ask.elements.exhibit_prefix.value.trim()) text.exhibit_prefix = ask.elements.exhibit_prefix.value.trim().toUpperCase();
    return { search: found.search, chosen: [...chosen], text, accept_changed: ask.elements.accept_changed.checked };
  }

  async function goOn(path, more) {
    wrong("ask-wrong", null);
    $("send").disabled = $("draft").disabled = true;
    try {
      const { to } = await call(path, { ...asking(), ...more });
      location.assign(to);
    } catch (error) {
      $("changed").hidden = error.kind !== "DeviceKeyChanged" && $("changed").hidden;
      wrong("ask-wrong", error);
      $("send").disabled = $("draft").disabled = false;
    }
  }

  ask.addEventListener("submit", async (event) => {
    event.preventDefault();
    const file = $("authorisation").files[0];
    await goOn("/ask", { authorisation: file && !$("supervised").hidden ? await file.text() : "" });
  });
  $("draft").addEventListener("click", () => goOn("/ask-supervisor", {}));

  tool();
}
