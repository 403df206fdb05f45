"use strict";
// A form that was sent is not sent twice by a double click. The server guards itself
// too; this spares a person the second answer. The way back opens the form again.
{
  const calm = (form) => form.removeAttribute("aria-busy");

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.ariaBusy === "true") event.preventDefault();
    else if (form.method === "post") form.ariaBusy = "true";
    // An answer that is a download leaves the page as it is.
    setTimeout(calm, 10000, form);
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("form[aria-busy]").forEach(calm));
}
