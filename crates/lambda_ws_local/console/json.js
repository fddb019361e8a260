// JSON: shown in colour, put into form, and checked.

import { bytes, copy, h } from "./dom.js";

/** How much is coloured; a longer text is shown as it is. */
const COLOURED = 60_000;

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;

/** A text with its JSON in colour, if it is any. */
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

/** A titled block with a text and a button that copies it. */
export function block(title, text, size) {
  const head = h("div", { class: "block-head" },
    h("h3", {}, title),
    size === undefined ? null : h("span", { class: "faint" }, bytes(size)),
    h("button", { class: "small", type: "button", on: { click: () => copy(text, `${title} copied`) } }, "Copy"));
  return h("section", { class: "block", "aria-label": title }, head, shown(text));
}

/** What is wrong with a text that looks like JSON; nothing if it is none, or right. */
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

/** The text in form, if it is JSON. */
export function format(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** The text in one line, if it is JSON. */
export function compact(text) {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}
