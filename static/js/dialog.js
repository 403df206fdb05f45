"use strict";
// `<a data-dialog href>` leads to a page that asks. Here its `[data-ask]` opens over this
// page instead; so does the answer to a `<form data-asks>`. Its form is sent as always;
// `[data-close]` and Escape close it.
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
      // This comes a moment after the browser itself gave the focus back; whoever has
      // moved on with it stays there. But its link may have been replaced meanwhile.
      if ((document.activeElement ?? document.body) !== document.body) return;
      const back = opener?.isConnected ? opener : document.getElementById(opener?.id);
      (back ?? document.querySelector("main")).focus({ preventScroll: true });
    });
    document.body.append(dialog);
    dialog.showModal();
  }

  // Opens what the answer asks, or returns false: then the page itself is to be seen.
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
      return false; // the page itself says what is wrong
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
    // Sent as it is, the button's name with it, without asking here again.
    const { name, value } = event.submitter ?? {};
    if (name) form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    form.submit();
  });
}
