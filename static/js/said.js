"use strict";
// What an act was answered with goes away when it is dismissed, and after a while where
// all went well: it is over the page then, so that nothing moves, and stays while pointer
// or focus is on it. Warnings and errors stay.
{
  const SECONDS = 10;
  const box = document.getElementById("said");

  function settle(message, seconds = SECONDS) {
    setTimeout(() => {
      if (document.hidden || message.matches(":hover, :focus-within")) settle(message, 2);
      else message.remove();
    }, seconds * 1000);
  }

  const passing = box?.querySelector(".bad, .warn") ? [] : box?.querySelectorAll(".message");
  for (const message of passing ?? []) settle(message);
  box?.addEventListener("click", (event) => {
    if (!event.target.closest("[data-dismiss]")) return;
    event.target.closest(".message").remove();
    document.querySelector("main").focus({ preventScroll: true });
  });
}
