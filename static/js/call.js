"use strict";
// `<pre data-call="POST" data-url>` in a form shows the equivalent API call while you
// type. `data-sends` says how a field appears in it: text, number, minutes or lines in
// the body, or a flag in the URL. forms.write_body does the same on the server.
{
  const ORDER = ["template", "name", "image", "region", "size", "capacity", "ttl", "labels", "count"];
  const number = (text, factor) => (/^[0-9]{1,9}$/.test(text) ? factor * text : text);

  function readLines(text) {
    const lines = text.split("\n").filter((line) => line.includes("="));
    // Not an object, which would put names made of digits first.
    return new Map(
      lines.map((line) => {
        const at = line.indexOf("=");
        return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
      }),
    );
  }

  const READ = {
    text: (text) => text,
    number: (text) => number(text, 1),
    minutes: (text) => number(text, 60),
  };

  // In the format of Python's json and shlex.
  function write(value) {
    if (!(value instanceof Map)) return JSON.stringify(value);
    const pairs = [...value].map(([key, each]) => `${JSON.stringify(key)}: ${write(each)}`);
    return `{${pairs.join(", ")}}`;
  }
  const quote = (text) =>
    /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;

  function show(form) {
    const call = form?.querySelector("[data-call]");
    if (!call) return;
    const body = {};
    let { url } = call.dataset;
    for (const field of form.querySelectorAll("[data-sends]")) {
      const kind = field.dataset.sends;
      if (kind === "flag") {
        if (field.checked || field.type === "hidden") url += `?${field.name}=true`;
      } else if (field.type !== "radio" || field.checked) {
        const value = kind === "lines" ? readLines(field.value) : READ[kind](field.value.trim());
        const isEmpty = value === "" || value.size === 0;
        if (!isEmpty && !(field.name === "count" && value === 1)) body[field.name] = value;
      }
    }
    const parts = ["curl"];
    if (call.dataset.call !== "GET") parts.push(`-X ${call.dataset.call}`);
    parts.push('-H "Authorization: Bearer $TOKEN"');
    if (call.dataset.call === "POST") {
      const ordered = new Map(ORDER.filter((key) => key in body).map((key) => [key, body[key]]));
      parts.push(`-H 'Content-Type: application/json' -d ${quote(write(ordered))}`);
    }
    call.textContent = [...parts, quote(url)].join(" ");
  }

  for (const kind of ["input", "change"]) {
    document.addEventListener(kind, (event) => show(event.target.form));
  }
  // Going back restores what was typed.
  window.addEventListener("pageshow", () => document.querySelectorAll("form").forEach(show));
}
