"use strict";
// While the page is visible, asks each second whether anything has changed since it was
// sent, and refreshes the page if so. The request carries a tag, the response has no
// body, and no connection is held open. If this fails, the page is still polled.
// (docs/decisions/0029)
{
  const EVERY = 1000;
  const MOST = 30000;
  const PATIENCE = 5000;
  let timer = 0;
  let wait = EVERY;
  let running = false;
  fleet.pulse = document.querySelector("[data-pulse]")?.dataset.pulse;

  // A page that takes long to load is refreshed less often, so that loading takes at most
  // a fifth of the time.
  async function look() {
    const began = performance.now();
    await fleet.look();
    wait = Math.min(MOST, Math.max(EVERY, 4 * (performance.now() - began)));
  }

  async function ask() {
    const url = document.querySelector("[data-pulse]")?.dataset.pulseUrl;
    if (!url || !fleet.pulse || running || document.hidden) return;
    clearTimeout(timer);
    running = true;
    try {
      const answer = await fetch(url, {
        headers: { "If-None-Match": fleet.pulse },
        signal: AbortSignal.timeout(PATIENCE),
        cache: "no-store",
        redirect: "error",
      });
      if (answer.status === 204) await look();
      else if (answer.status === 304) wait = EVERY;
      else if (answer.status === 429) wait = MOST;
      else throw new Error(answer.statusText);
    } catch {
      if (wait === EVERY) await fleet.look(); // it reports the lost connection
      wait = Math.min(MOST, 2 * wait);
    }
    running = false;
    timer = setTimeout(ask, wait);
  }

  document.addEventListener("visibilitychange", ask);
  window.addEventListener("online", ask);
  window.addEventListener("pageshow", (event) => event.persisted && ask());
  timer = setTimeout(ask, EVERY);
}
