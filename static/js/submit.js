"use strict";
// Keeps a double click from sending a form twice. The server guards against that too;
// this spares people the second response. Going back makes the form usable again.
{
  const calm = (form) => form.removeAttribute("aria-busy");

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.ariaBusy === "true") event.preventDefault();
    else if (form.method === "post") form.ariaBusy = "true";
    // A response that is a download leaves the page open.
    setTimeout(calm, 10000, form);
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("form[aria-busy]").forEach(calm));
}
