// Shows JSON in colour, formats it and validates it.

import { bytes, copy, h } from "./dom.js";

/** The maximum length of a coloured text, in characters. */
const COLOURED = 60_000;

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;

/** Returns an element with a text. JSON is coloured. */
export function shown(text) {
  let pretty = text;
  try {
    pretty = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return h("pre", { class: "code", tabIndex: 0 }, text);
  }
  const code = h("pre", { class: "code", tabIndex: 0 });
  if (pretty.length > COLOURED) {
    code.append(pretty);
    return code;
  }
  let end = 0;
  for (const match of pretty.matchAll(TOKEN)) {
    code.append(pretty.slice(end, match.index));
    const kind = match[1] ? (match[2] ? "key" : "string") : match[3] ? "word" : "number";
    code.append(h("span", { class: `j-${kind}` }, match[1] ?? match[0]));
    if (match[1] && match[2]) code.append(match[2]);
    end = match.index + match[0].length;
  }
  code.append(pretty.slice(end));
  return code;
}

/** Returns a block with a title, a text and a button that copies the text. */
export function block(title, text, size) {
  const head = h("div", { class: "block-head" },
    h("h3", {}, title),
    size === undefined ? null : h("span", { class: "faint" }, bytes(size)),
    h("button", { class: "small", type: "button", on: { click: () => copy(text, `${title} copied`) } }, "Copy"));
  return h("section", { class: "block", "aria-label": title }, head, shown(text));
}

/** Returns the problem of a text that looks like JSON, or `null` if it is valid or does not look like JSON. */
export function lint(text) {
  const trimmed = text.trim();
  if (!/^[{["]/.test(trimmed)) return null;
  try {
    JSON.parse(trimmed);
    return null;
  } catch (error) {
    return String(error.message).replace(/^JSON\.parse: /, "");
  }
}

/** Formats a text if it is JSON. */
export function format(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Formats a text in one line if it is JSON. */
export function compact(text) {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}
