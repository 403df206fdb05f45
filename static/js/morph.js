"use strict";
// Updates an element in place to match another one. Nodes that stay keep the reader's
// changes: focus, typed text, checkboxes, open details, selection, scroll position.
// Elements are matched by their id wherever they move, or else by their position.
// Elements with `data-keep` and open dialogs are not touched. (docs/decisions/0011)
window.fleet = {};
{
  // Attributes that belong to the reader, not to the server.
  const OWNED = { DETAILS: ["open"], DIALOG: ["open"], OPTION: ["selected"] };

  const similar = (one, other) =>
    one.nodeName === other.nodeName && (one.id ?? "") === (other.id ?? "");

  function syncAttributes(old, fresh) {
    // The browser keeps typed text and checkboxes when these attributes change, but text
    // that the reader has not edited would change under the cursor.
    const isFocused = old === document.activeElement;
    const owned = [...(OWNED[old.nodeName] ?? []), ...(isFocused ? ["value"] : [])];
    for (const { name, value } of fresh.attributes) {
      if (!owned.includes(name) && old.getAttribute(name) !== value) {
        old.setAttribute(name, value);
      }
    }
    for (const { name } of [...old.attributes]) {
      if (!owned.includes(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
  }

  // The option that a person chose in a select, or null if it is unchanged.
  const chosenIn = (node) =>
    [...(node.options ?? [])].some((option) => option.selected !== option.defaultSelected)
      ? node.value
      : null;

  function place(parent, node, before) {
    // Moves the node without losing focus, if the browser supports that.
    if (parent.moveBefore && node.isConnected) parent.moveBefore(node, before);
    else parent.insertBefore(node, before);
  }

  function syncChildren(old, fresh, known, wanted) {
    const coming = [...fresh.childNodes];
    let cursor = old.firstChild;
    const isWantedLater = (node, index) =>
      node.nodeType === Node.ELEMENT_NODE &&
      (node.id ? wanted.has(node.id) : coming.slice(index + 1).some((next) => similar(node, next)));
    const drop = () => {
      const gone = cursor;
      cursor = cursor.nextSibling;
      gone.remove();
    };
    coming.forEach((node, index) => {
      while (cursor && !similar(cursor, node) && !isWantedLater(cursor, index)) drop();
      let match = node.id ? known.get(node.id) : null;
      if (!match || !similar(match, node)) {
        match = cursor && similar(cursor, node) ? cursor : null;
      }
      if (!match) {
        old.insertBefore(document.importNode(node, true), cursor);
      } else {
        if (match === cursor) cursor = cursor.nextSibling;
        else place(old, match, cursor);
        syncNode(match, node, known, wanted);
      }
    });
    while (cursor) drop();
  }

  function syncNode(old, fresh, known, wanted) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    if (old.isEqualNode(fresh) || old.matches("[data-keep], dialog[open]")) return;
    const chosen = chosenIn(old);
    syncAttributes(old, fresh);
    syncChildren(old, fresh, known, wanted);
    if ([...(old.options ?? [])].some((option) => option.value === chosen)) old.value = chosen;
  }

  fleet.morph = (old, fresh) => {
    const known = new Map([...old.querySelectorAll("[id]")].map((node) => [node.id, node]));
    const wanted = new Set([...fresh.querySelectorAll("[id]")].map((node) => node.id));
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    syncNode(old, fresh, known, wanted);
    if (focused && focused !== document.activeElement) {
      const next = focused.isConnected ? focused : old.closest("main");
      next?.focus({ preventScroll: true });
    }
  };
}
