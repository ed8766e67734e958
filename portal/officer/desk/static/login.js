// The bar that asks a person to log in with the force's account, on whatever page they are: the login is in a window of
// its own, and what they typed stays where it is.
"use strict";
const Login = (() => {
  const EVERY = 700;
  const bar = document.getElementById("login");
  if (!bar) return { heed() {}, needed: () => new Promise(() => {}) };
  const button = bar.querySelector("button"), said = document.getElementById("login-said"), words = said.textContent;
  let waiting = [], there = null, watching = 0;

  function hide() {
    bar.removeAttribute("role");
    bar.hidden = true;
  }
  function show() {
    if (!bar.hidden) return;
    said.textContent = words;
    bar.setAttribute("role", "alert");
    bar.hidden = false;
  }
  function say(...texts) {
    said.replaceChildren(...texts.filter(Boolean).flatMap((text) => [text, " "]));
  }
  function close() {
    if (there) there.close();
    there = null;
  }

  function done() {
    close();
    hide();
    for (const go of waiting.splice(0)) go();
    const form = document.querySelector("form[data-after-login]");
    if (form) form.submit();
    else if (document.querySelector("[data-reload-after-login]")) location.reload();
  }

  async function watch(mine) {
    while (mine === watching) {
      await new Promise((later) => setTimeout(later, EVERY));
      const stands = await fetch("/login", { cache: "no-store" }).then((answer) => answer.json()).catch(() => ({}));
      if (mine !== watching) return;
      if (stands.done) return done();
      if (stands.error) { close(); return say(stands.error.what, stands.error.do); }
    }
  }

  button.addEventListener("click", async () => {
    close();
    there = open("about:blank", "", "popup,width=560,height=780"); // now, or the browser takes it for an advertisement
    if (there) there.opener = null;
    say("One moment.");
    try {
      const answer = await fetch("/login", { method: "POST" }), told = await answer.json();
      if (!answer.ok) throw told;
      if (told.address === null) return done();
      if (there) {
        there.location.replace(told.address);
        say("Log in in the other window; this page goes on by itself.");
      } else {
        const link = Object.assign(document.createElement("a"), { href: told.address, target: "_blank", rel: "noopener", textContent: "Open your force’s login." });
        say(link, "This page goes on by itself.");
      }
      watch((watching += 1));
    } catch (error) {
      close();
      say(error.what || "The program does not answer.", error.do || "Is handover-officer desk still running in its terminal?");
    }
  });

  return {
    /** Whether an answer of the program says that a login is missing. */
    heed(answer) { if (answer.headers.get("Handover-Login") === "wanted") show(); },
    /** Show the bar, and wait until somebody logged in. */
    needed() {
      show();
      button.focus();
      return new Promise((go) => waiting.push(go));
    },
  };
})();
