"use strict";
// `<button data-copy="text">` copies its text, or the text of the element that
// `data-copy-from` names, and says so. Over plain HTTP the browser offers no clipboard
// API, so the old command is used.
{
  const line = document.getElementById("status");
  let timer = 0;

  fleet.say = (text) => {
    line.textContent = text;
    clearTimeout(timer);
    timer = setTimeout(() => (line.textContent = ""), 4000);
  };

  function copyByHand(text, within) {
    const field = Object.assign(document.createElement("textarea"), { value: text });
    field.className = "visually-hidden";
    within.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) throw new Error("refused");
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy], [data-copy-from]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copyFrom);
    const text = button.dataset.copy ?? source?.textContent ?? "";
    try {
      if (navigator.clipboard) await navigator.clipboard.writeText(text);
      else copyByHand(text, button.parentElement);
      fleet.say(text.length > 60 || source ? "Copied." : `Copied ${text}`);
    } catch {
      fleet.say("The browser blocked copying. Select the text and copy it yourself.");
    }
    button.focus({ preventScroll: true });
  });
}
