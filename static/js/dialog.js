"use strict";
// `<a data-dialog href>` leads to a page that asks. Here its `[data-ask]` opens over this
// page instead. Its form is sent as always; `[data-close]` and Escape close it.
{
  let opener = null;

  function open(ask) {
    const dialog = document.createElement("dialog");
    dialog.append(document.importNode(ask, true));
    const title = dialog.querySelector("h1, h2");
    if (title) {
      title.id ||= "dialog-title";
      dialog.setAttribute("aria-labelledby", title.id);
    }
    dialog.addEventListener("close", () => {
      dialog.remove();
      // Its link may have been replaced or be gone meanwhile.
      const back = opener?.isConnected ? opener : document.getElementById(opener?.id);
      (back ?? document.querySelector("main")).focus({ preventScroll: true });
    });
    document.body.append(dialog);
    dialog.showModal();
  }

  document.addEventListener("click", async (event) => {
    if (event.target.closest("dialog [data-close]")) {
      event.preventDefault();
      return event.target.closest("dialog").close();
    }
    const link = event.target.closest("a[data-dialog]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    opener = link;
    try {
      const answer = await fetch(link.href, { headers: { "X-Live": "1" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const ask = page.querySelector("[data-ask]");
      if (answer.ok && !answer.redirected && ask) return open(ask);
    } catch {
      // The page itself says what is wrong.
    }
    location.assign(link.href);
  });
}
