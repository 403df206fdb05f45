"use strict";
// Ctrl-K opens a dialog that jumps to anything; so does `/` on a page without its own
// search. The page /jump/ does the search. The arrow keys move through the results, and
// Enter opens one.
{
  const dialog = document.getElementById("jump");
  const field = document.getElementById("jump-q");
  const box = document.getElementById("jump-hits");
  const count = document.getElementById("jump-count");
  let timer = 0;
  let latest = 0;

  async function find() {
    const mine = ++latest;
    const url = new URL(field.form.action);
    url.searchParams.set("q", field.value);
    try {
      const answer = await fetch(url, { headers: { "X-Live": "1" } });
      if (answer.redirected) return location.assign(answer.url);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const hits = page.querySelector("[data-hits]");
      if (mine !== latest || !hits) return; // the text has changed since
      box.replaceChildren(document.importNode(hits, true));
      const found = links().length;
      count.textContent = found === 1 ? "1 result" : `${found} results`;
    } catch {
      count.textContent = "";
      box.textContent = "The server did not respond. Try again.";
    }
  }

  const links = () => [...box.querySelectorAll("a")];

  fleet.jump = () => {
    if (!dialog || document.querySelector("dialog[open]")) return;
    field.value = "";
    box.replaceChildren();
    dialog.showModal();
    field.focus();
    find();
  };

  function move(step) {
    const stops = [field, ...links()];
    const at = stops.indexOf(document.activeElement);
    stops[(at + step + stops.length) % stops.length].focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey) {
      if (!dialog) return;
      event.preventDefault();
      if (dialog.open) dialog.close();
      else fleet.jump();
    }
  });

  if (dialog) {
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(find, 120);
    });
    field.form.addEventListener("submit", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      clearTimeout(timer);
      await find();
      links()[0]?.click();
    });
    dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") move(1);
      else if (event.key === "ArrowUp") move(-1);
      else return;
      event.preventDefault();
    });
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    document.querySelector("[data-open=jump]")?.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      fleet.jump();
    });
  }
}
