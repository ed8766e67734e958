// How far sending is, as the program tells it.
"use strict";
{
  const place = document.getElementById("sending");
  const rows = new Map([...document.querySelectorAll("tr[data-request]")].map((row) => [row.dataset.request, row]));
  const show = (id, is) => (document.getElementById(id).hidden = !is);
  const say = (row, name, text) => {
    const span = document.createElement("span");
    span.className = name;
    span.textContent = text;
    row.querySelector(".state").replaceChildren(span);
  };
  if (place.dataset.events) {
    const source = new EventSource(place.dataset.events);
    source.onmessage = (event) => {
      const now = JSON.parse(event.data);
      for (const id of now.sent) if (rows.has(id)) say(rows.get(id), "good", "✓ sent");
      for (const [id, why] of Object.entries(now.failed)) if (rows.has(id)) say(rows.get(id), "bad", `✗ ${why}`);
      document.getElementById("stands").textContent = `${now.sent.length} of ${rows.size} ${rows.size === 1 ? "request" : "requests"} sent.`;
      document.getElementById("bar").value = now.sent.length;
      document.getElementById("trouble").textContent = now.trouble;
      show("trouble", now.trouble !== "");
      show("done", now.sent.length === rows.size);
      show("again", now.ended && now.sent.length < rows.size);
      if (now.ended) source.close();
      if (now.ended && now.login) Login.needed().then(() => document.querySelector("#again form").requestSubmit());
    };
    addEventListener("pagehide", () => source.close());
  }
}
