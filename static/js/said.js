"use strict";
// Removes a message when it is dismissed. A message of success also goes away after a
// while, unless the pointer or the focus is on it. It lies over the page, so nothing
// moves. Warnings and errors stay.
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
