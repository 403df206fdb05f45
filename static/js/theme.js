"use strict";
// The choice of light and dark takes effect without leaving the page. The admin keeps its
// own under `theme`; it follows.
{
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches(".themes")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const { value } = event.submitter;
    document.documentElement.dataset.theme = value;
    for (const button of form.querySelectorAll("button")) {
      button.ariaPressed = String(button === event.submitter);
    }
    try {
      localStorage.theme = value;
    } catch {
      // no storage: the admin goes by its own
    }
    document.dispatchEvent(new Event("fleet:theme"));
    fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(form, event.submitter)),
      redirect: "manual",
      keepalive: true,
    }).catch(() => fleet.say("The choice was not saved. Try again."));
  }, true);
}
