"use strict";
// Keeps an open page up to date. `[data-poll]` marks a page that refreshes. Each
// `[data-live]` with an id is updated from a fresh copy of the page. An unchanged page
// costs a 304, a hidden tab nothing. The event `fleet:poll` refreshes immediately.
{
  const BUSY = 3000;
  const MOST = 30000;
  const PATIENCE = 15000;
  const line = document.getElementById("connection");
  let etag = document.querySelector("[data-poll]")?.dataset.etag;
  let timer = 0;
  let countdown = 0;
  let failures = 0;
  let running = false;
  let stopped = false;
  let pressed = Promise.resolve(); // while the pointer is down, nothing moves under it

  const pace = (part) => (part?.dataset.busy === "true" ? BUSY : 1000 * (part?.dataset.idle ?? 15));

  const isChanged = ({ type, value, defaultValue, checked, defaultChecked }) =>
    /checkbox|radio/.test(type) ? checked !== defaultChecked : value !== defaultValue;
  const hasTyped = () =>
    [...document.querySelectorAll("main :is(input:not([type=hidden]), textarea)")].some(isChanged);

  function say(text, seconds = 0) {
    clearInterval(countdown);
    line.textContent = text;
    if (!seconds) return;
    const rest = document.createElement("span");
    rest.ariaHidden = "true"; // or a screen reader would read out the countdown
    const show = () => (rest.textContent = ` Trying again in ${seconds--} s.`);
    show();
    line.append(rest);
    countdown = setInterval(() => seconds >= 0 && show(), 1000);
  }

  function leave(url) {
    stopped = true;
    if (!hasTyped()) return location.assign(url);
    say("Your session has ended. What you typed is still here. ");
    line.append(Object.assign(document.createElement("a"), { href: url, textContent: "Log in" }));
  }

  async function apply(text) {
    await pressed;
    const fresh = new DOMParser().parseFromString(text, "text/html");
    for (const old of document.querySelectorAll("[data-live][id]")) {
      const part = fresh.getElementById(old.id);
      if (part) fleet.morph(old, part);
    }
    document.title = fresh.title;
    document.dispatchEvent(new Event("fleet:changed"));
  }

  async function look() {
    const headers = etag ? { "X-Live": "1", "If-None-Match": etag } : { "X-Live": "1" };
    const signal = AbortSignal.timeout(PATIENCE);
    const answer = await fetch(location.href, { headers, signal, cache: "no-store" });
    if (answer.redirected) return leave(answer.url);
    if (answer.status === 403 || answer.status === 404) {
      stopped = true;
      return say(answer.status === 403 ? "You no longer have permission to see this page." : "This page no longer exists.");
    }
    if (answer.status !== 304 && !answer.ok) throw new Error(answer.statusText);
    if (answer.ok) {
      await apply(await answer.text());
      etag = answer.headers.get("ETag");
    }
    fleet.pulse = answer.headers.get("X-Pulse");
    if (failures) say((failures = 0) || "");
  }

  async function poll() {
    const region = document.querySelector("[data-poll]");
    if (!region || running || stopped || document.hidden) return;
    clearTimeout(timer);
    running = true;
    let wait = 0;
    try {
      await look();
    } catch {
      wait = Math.min(MOST, BUSY * 2 ** failures++);
      say("Connection lost.", wait / 1000);
    }
    running = false;
    timer = setTimeout(poll, wait || pace(region));
  }

  document.addEventListener("pointerdown", () => {
    pressed = new Promise((resolve) => {
      const free = () => setTimeout(resolve); // after the click that follows
      for (const end of ["pointerup", "pointercancel"]) addEventListener(end, free, { once: true });
    });
  });
  document.addEventListener("visibilitychange", poll);
  document.addEventListener("fleet:poll", (fleet.look = poll));
  window.addEventListener("online", poll);
  window.addEventListener("pageshow", (event) => event.persisted && poll());
  timer = setTimeout(poll, pace(document.querySelector("[data-poll]")));
}
