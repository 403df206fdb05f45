"use strict";
// The checkboxes of the list: select all, and show how many are selected. A chosen filter
// is applied immediately. With the keyboard it takes Enter, since every arrow key changes
// the choice.
{
  let byKeys = false;
  const isFilter = ({ target }) => Boolean(target.matches?.("[data-submits]"));
  document.addEventListener(
    "keydown",
    (event) => {
      byKeys = isFilter(event);
      // After Enter has chosen an option in an open list.
      if (byKeys && event.key === "Enter") setTimeout(() => event.target.form.requestSubmit());
    },
    true,
  );
  document.addEventListener("pointerdown", () => (byKeys = false), true);
  const rows = () => [...document.querySelectorAll("#rows input[name=server]")];
  const whole = () => document.getElementById("select-all");

  function say(text) {
    const line = document.getElementById("ticked");
    if (line && line.textContent !== text) line.textContent = text;
  }

  function show() {
    const all = document.getElementById("tick-all");
    if (!all) return;
    const boxes = rows();
    // All that match the filter: this includes rows that a refresh adds.
    if (whole()?.checked) for (const box of boxes) box.checked = true;
    const count = boxes.filter((box) => box.checked).length;
    all.checked = count > 0 && count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
    if (whole()?.checked) say("All selected:");
    else say(count ? `${count} selected:` : "Selected:");
  }

  document.addEventListener("change", (event) => {
    const { target } = event;
    if (target.id === "tick-all" || target.id === "select-all") {
      for (const box of rows()) box.checked = target.checked;
      if (!target.checked && whole()) whole().checked = false;
    } else if (target.name === "server" && !target.checked && whole()) {
      whole().checked = false;
    } else if (isFilter(event)) {
      return byKeys || target.form.requestSubmit();
    }
    show();
  });
  document.addEventListener("fleet:changed", show);
  window.addEventListener("pageshow", show);
}
