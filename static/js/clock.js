"use strict";
// Keeps ages up to date (`<time datetime data-ago>`), by the server's clock instead of
// this computer's.
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

  // Exact times in the reader's time zone: 28 Nov, 11:06 CET.
  const date = { day: "numeric", month: "short" };
  const time = { hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
  const FORMS = {
    exact: { ...date, year: "numeric", ...time, second: "2-digit" },
    minutes: { ...date, ...time },
    seconds: { ...date, ...time, second: "2-digit" },
  };
  for (const [name, form] of Object.entries(FORMS)) {
    FORMS[name] = new Intl.DateTimeFormat("en-GB", { ...form, hourCycle: "h23" });
  }

  const parts = FORMS.exact.formatToParts();
  const zone = parts.find(({ type }) => type === "timeZoneName").value;

  function localise() {
    for (const one of document.querySelectorAll("[data-zone]")) {
      if (one.textContent !== zone) one.textContent = zone;
    }
    for (const one of document.querySelectorAll("time[data-ago]")) {
      const text = FORMS.exact.format(new Date(one.dateTime));
      if (one.title !== text) one.title = text;
    }
    for (const one of document.querySelectorAll("time[data-at]")) {
      const text = FORMS[one.dataset.at].format(new Date(one.dateTime));
      if (one.textContent !== text) one.textContent = text;
    }
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
  localise();
  document.addEventListener("fleet:changed", localise);
  document.addEventListener("fleet:changed", tick);
  document.addEventListener("visibilitychange", tick);
}
