// Creates elements and formats times and sizes.

/** Creates an element: `h("button", {class: "x", on: {click}}, "text", child)`. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === "class") element.className = value;
    else if (name in element && !name.startsWith("aria") && name !== "list" && name !== "form") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Creates a field with a label above it. */
export function field(label, input, more) {
  return h("label", { class: `field ${more ?? ""}` }, h("span", {}, label), input);
}

let toasts;
/** Shows a text for a few seconds. */
export function toast(text, bad = false) {
  toasts ??= document.getElementById("toasts");
  const shown = h("p", { class: bad ? "toast bad" : "toast" }, text);
  toasts.append(shown);
  setTimeout(() => shown.remove(), bad ? 8000 : 3500);
}

export async function copy(text, what = "Copied") {
  try {
    await navigator.clipboard.writeText(text);
    toast(what);
  } catch {
    toast("The browser does not allow the page to copy", true);
  }
}

/** Downloads a text as a file. */
export function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Sends a request to the gateway. Throws an error with the gateway's message. */
export async function request(method, path, body) {
  const text = typeof body === "string" ? body : body === undefined ? undefined : JSON.stringify(body);
  const url = path.startsWith("/") ? path : `api/${path}`;
  const response = await fetch(url, { method, body: text });
  const json = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(json.message ?? `the gateway answered ${response.status}`);
  return json;
}

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false,
});
export const time = (at) => clock.format(new Date(at));

export function duration(ms) {
  if (ms === null || ms === undefined) return "";
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return span(ms);
}

/** Formats a long time in at most two units. */
export function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function bytes(size) {
  if (size === undefined || size === null) return "";
  if (size < 1024) return `${size} B`;
  if (size < 1024 * 1024) return `${(size / 1024).toFixed(1)} KB`;
  return `${(size / 1024 / 1024).toFixed(1)} MB`;
}

export const number = (value) => new Intl.NumberFormat().format(value ?? 0);

/** Returns a function that calls `paint` if `wanted`, at most ten times per second. */
export function painter(paint, wanted = () => true) {
  let pending = false;
  let last = 0;
  return () => {
    if (pending || !wanted()) return;
    pending = true;
    const pause = Math.max(0, 100 - (performance.now() - last));
    setTimeout(() => requestAnimationFrame(() => {
      pending = false;
      last = performance.now();
      if (wanted()) paint();
    }), pause);
  };
}
