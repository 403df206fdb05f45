"use strict";
// `<button data-in-place="Testing…">` in a form sends the form without leaving the page,
// and refreshes it with the response. Typed text stays in the fields, secrets too, which
// no response contains.
{
  document.addEventListener(
    "submit",
    async (event) => {
      const button = event.submitter;
      const form = event.target;
      if (button?.dataset.inPlace === undefined) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (form.ariaBusy === "true") return;
      form.ariaBusy = "true";
      fleet.say(button.dataset.inPlace);
      try {
        const answer = await fetch(form.action, {
          method: "POST",
          body: new URLSearchParams(new FormData(form, button)),
        });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById(form.id);
        if (!answer.ok || answer.redirected || !fresh) return location.assign(answer.url);
        fleet.morph(form, fresh);
        const wrong = form.querySelector("[aria-invalid='true']");
        (wrong ?? document.getElementById("findings")).focus();
        fleet.say(wrong ? "Correct the marked fields." : "Done.");
      } catch {
        fleet.say("The server did not respond. Try again.");
      } finally {
        form.removeAttribute("aria-busy");
      }
    },
    true,
  );
}
