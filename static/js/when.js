"use strict";
// Fields that matter for some choices only. `data-when="id_readiness" data-is="tcp udp"`
// hides an element unless the field with that id has one of these values, `data-not`
// while it has one of them.
{
  function show() {
    for (const part of document.querySelectorAll("[data-when]")) {
      const { when, is, not } = part.dataset;
      const { value } = document.getElementById(when);
      part.hidden = is ? !is.split(" ").includes(value) : not.split(" ").includes(value);
    }
  }

  document.addEventListener("change", show);
  // Going back restores what was chosen.
  window.addEventListener("pageshow", show);
  show();
}
