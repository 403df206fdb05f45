"use strict";
// Keyboard shortcuts. An element with `data-key="g s"` is clicked, or focused if it is a
// field. `?` lists the shortcuts and can turn them off, which this browser remembers.
{
  const OFF = "fleet-keys-off";
  const help = document.getElementById("keys");
  const isOn = document.getElementById("keys-on");
  let first = "";
  let timer = 0;

  function read() {
    try {
      return localStorage.getItem(OFF) === null;
    } catch {
      return true; // no storage: shortcuts stay on
    }
  }

  function write(on) {
    try {
      if (on) localStorage.removeItem(OFF);
      else localStorage.setItem(OFF, "1");
    } catch {
      fleet.say("This browser can't remember your choice.");
    }
  }

  function follow(key) {
    const target = [...document.querySelectorAll("[data-key]")].find(
      (one) => one.dataset.key === key && one.checkVisibility(),
    );
    if (!target) return false;
    if (target.matches("input, select, textarea")) target.focus();
    else target.click();
    return true;
  }

  // Moves through the rows of a list. The first link of a row takes the focus.
  function move(step) {
    const rows = [...document.querySelectorAll("main :is(tbody tr, .attention > li)")];
    const links = rows.map((row) => row.querySelector("a")).filter((link) => link?.checkVisibility());
    const at = links.findIndex((link) => link.closest("tr, li").contains(document.activeElement));
    const next = at < 0 && step < 0 ? links.length - 1 : at + step;
    links[Math.min(links.length - 1, Math.max(0, next))]?.focus();
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select");
    if (!isOn?.checked || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]") || event.key.length > 1) return;
    const key = first ? `${first} ${event.key}` : event.key;
    first = "";
    clearTimeout(timer);
    if (key === "?") help.showModal();
    else if (key === "j" || key === "k") move(key === "j" ? 1 : -1);
    else if (key === "x") event.target.closest("tr")?.querySelector("input[type=checkbox]")?.click();
    else if (key === "/" && !follow(key)) fleet.jump();
    else if (key !== "/" && !follow(key)) {
      if (key !== "g") return;
      first = key;
      timer = setTimeout(() => (first = ""), 1500);
    }
    event.preventDefault();
  });

  if (help) {
    isOn.checked = read();
    isOn.addEventListener("change", () => write(isOn.checked));
    help.addEventListener("click", (event) => event.target.closest("[data-close]") && help.close());
    document.querySelector("[data-open=keys]")?.addEventListener("click", () => help.showModal());
  }
}
