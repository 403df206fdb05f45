"use strict";
// Applies the chosen theme without leaving the page. The admin stores its theme in
// localStorage under `theme`, so that is set as well.
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
      // no storage: the admin keeps its own theme
    }
    document.dispatchEvent(new Event("fleet:theme"));
    fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(form, event.submitter)),
      redirect: "manual",
      keepalive: true,
    }).catch(() => fleet.say("Your choice was not saved. Try again."));
  }, true);
}
