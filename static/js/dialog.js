"use strict";
// `<a data-dialog href>` leads to a page that asks for confirmation. This script opens
// its `[data-ask]` as a dialog over the current page instead, and does the same with the
// response to a `<form data-asks>`. The dialog's form is sent as usual. `[data-close]`
// and Escape close the dialog.
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
      // The browser has just returned the focus itself. If the reader has already moved
      // it elsewhere, leave it there. The link may have been replaced in the meantime.
      if ((document.activeElement ?? document.body) !== document.body) return;
      const back = opener?.isConnected ? opener : document.getElementById(opener?.id);
      (back ?? document.querySelector("main")).focus({ preventScroll: true });
    });
    document.body.append(dialog);
    dialog.showModal();
  }

  // Opens the response as a dialog. Returns false if the page itself must be shown.
  async function ask(url, options = {}) {
    try {
      const answer = await fetch(url, { ...options, headers: { "X-Live": "1" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const found = page.querySelector("[data-ask]");
      if (answer.redirected) location.assign(answer.url);
      else if (answer.ok && found) open(found);
      else return false;
      return true;
    } catch {
      return false; // the page itself shows the error
    }
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
    if (!(await ask(link.href))) location.assign(link.href);
  });

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("[data-asks]") || event.defaultPrevented) return;
    event.preventDefault();
    opener = event.submitter;
    const body = new URLSearchParams(new FormData(form, event.submitter));
    const done = await ask(form.action, { method: "POST", body });
    form.removeAttribute("aria-busy");
    if (done) return;
    // Send the form as usual, with the button's name, without this handler.
    const { name, value } = event.submitter ?? {};
    if (name) form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    form.submit();
  });
}
