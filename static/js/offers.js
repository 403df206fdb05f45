"use strict";
// The template form's lists of images, sizes and regions, as its account's cloud offers
// them. Without JavaScript these are plain fields. The browser's own list of a field
// (<datalist>) works by keyboard.
{
  const form = document.querySelector("[data-offers]");
  const latest = new WeakMap();
  let timer = 0;

  function whatOf(field) {
    const found = /^(?:fallback-\d+-)?(image|size|region)$/.exec(field.name || "");
    return found && found[1];
  }

  function beside(field, name) {
    const own = field.name.slice(0, field.name.length - whatOf(field).length) + name;
    return form.elements.namedItem(own);
  }

  function listOf(field) {
    if (field.list) return field.list;
    const list = document.createElement("datalist");
    list.id = `${field.id}-offers`;
    field.after(list);
    field.setAttribute("list", list.id);
    return list;
  }

  async function offer(field) {
    const account = beside(field, "account").value;
    if (!account) return;
    const url = new URL(form.dataset.offers.replace("ACCOUNT", encodeURIComponent(account)), location.href);
    const what = whatOf(field);
    url.searchParams.set("what", what);
    url.searchParams.set("q", field.value);
    if (what !== "region") url.searchParams.set("region", beside(field, "region").value);
    if (latest.get(field) === url.href) return; // asked already
    latest.set(field, url.href);
    try {
      const answer = await fetch(url);
      if (!answer.ok || answer.redirected) return;
      const { offers } = await answer.json();
      if (latest.get(field) !== url.href) return; // the text has changed since
      listOf(field).replaceChildren(
        ...offers.map(([id, words]) => {
          const option = document.createElement("option");
          option.value = id;
          // Browsers search the label, too.
          if (words) option.label = `${id} · ${words}`;
          return option;
        }),
      );
    } catch {
      latest.delete(field); // without an answer it stays a plain field
    }
  }

  function follow(event) {
    const field = event.target;
    if (!form || !form.contains(field) || !whatOf(field)) return;
    clearTimeout(timer);
    timer = setTimeout(() => offer(field), event.type === "input" ? 150 : 0);
  }

  document.addEventListener("input", follow);
  document.addEventListener("focusin", follow);
}
