// Adds names and roles that Django's forms lack, for screen readers. The scripts before
// this one create the icons of the picker at the load event.
addEventListener("load", () => {
  for (const mark of document.querySelectorAll(".search-label-icon")) {
    mark.setAttribute("role", "img");
  }
  for (const input of document.querySelectorAll(".datetime input")) {
    const legend = input.closest("fieldset, .form-row")?.querySelector("legend, label");
    const part = input.classList.contains("vTimeField") ? "time" : "date";
    input.ariaLabel = `${legend?.textContent.trim() ?? ""} ${part}`.trim();
  }
});
