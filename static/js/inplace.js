"use strict";
// `<button data-in-place="Asking…">` in a form: the form is sent without leaving the
// page, and refreshed with the answer. What was typed stays, secrets too: they are in
// no answer.
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
        fleet.say(wrong ? "Something is to be corrected." : "Answered.");
      } catch {
        fleet.say("There was no answer. Try again.");
      } finally {
        form.removeAttribute("aria-busy");
      }
    },
    true,
  );
}
