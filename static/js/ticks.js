"use strict";
// The list's ticks: all at once, how many, and what can't be done with none. A filter
// that is chosen is applied at once; by keys with Enter, since each arrow chooses anew.
{
  let byKeys = false;
  const isFilter = ({ target }) => Boolean(target.matches?.("[data-submits]"));
  document.addEventListener(
    "keydown",
    (event) => {
      byKeys = isFilter(event);
      // After what Enter itself chooses in an open list.
      if (byKeys && event.key === "Enter") setTimeout(() => event.target.form.requestSubmit());
    },
    true,
  );
  document.addEventListener("pointerdown", () => (byKeys = false), true);
  const rows = () => [...document.querySelectorAll("#rows input[name=server]")];

  function show() {
    const line = document.getElementById("ticked");
    const all = document.getElementById("tick-all");
    if (!line || !all) return;
    const boxes = rows();
    const count = boxes.filter((box) => box.checked).length;
    const text = count ? `${count} ticked:` : "With the ticked:";
    if (line.textContent !== text) line.textContent = text;
    all.checked = count > 0 && count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
  }

  document.addEventListener("change", (event) => {
    if (event.target.id === "tick-all") {
      for (const box of rows()) box.checked = event.target.checked;
    } else if (isFilter(event)) {
      return byKeys || event.target.form.requestSubmit();
    }
    show();
  });
  document.addEventListener("fleet:changed", show);
  window.addEventListener("pageshow", show);
}
