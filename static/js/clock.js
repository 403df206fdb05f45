"use strict";
// Lets the ages tick: `<time datetime data-ago>`, in the server's time, not this one's.
{
  const STEPS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const ahead = Number(document.documentElement.dataset.now) * 1000 - Date.now() || 0;

  function describe(seconds, how) {
    const bare = how === "bare";
    if (how === "until" && seconds >= 0) return "any moment";
    const size = Math.abs(seconds);
    const step = STEPS.find(([length]) => size >= length);
    if (!step) return bare ? "0 s" : "now";
    const text = `${Math.floor(size / step[0])} ${step[1]}`;
    if (bare) return text;
    return seconds > 0 ? `${text} ago` : `in ${text}`;
  }

  function tick() {
    if (document.hidden) return;
    const now = Date.now() + ahead;
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const seconds = Math.trunc((now - Date.parse(time.dateTime)) / 1000);
      const text = describe(seconds, time.dataset.ago);
      if (time.textContent !== text) time.textContent = text;
    }
  }

  setInterval(tick, 1000);
  document.addEventListener("fleet:changed", tick);
  document.addEventListener("visibilitychange", tick);
}
