"use strict";
// A button that says how many servers it creates. data-counts names the field with the
// number.
{
  function show() {
    for (const button of document.querySelectorAll("button[data-counts]")) {
      button.dataset.plain ??= button.textContent;
      const { counts, one, many, plain } = button.dataset;
      const count = Number(document.getElementById(counts).value);
      const isOne = count === 1;
      const isMany = Number.isInteger(count) && count > 1;
      button.textContent = isOne ? one : isMany ? many.replace("{}", count) : plain;
    }
  }

  document.addEventListener("input", show);
  // Going back restores what was typed.
  window.addEventListener("pageshow", show);
  show();
}
