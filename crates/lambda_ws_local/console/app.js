// The page: its views, its address and its theme.

import * as clients from "./clients.js";
import * as connections from "./connections.js";
import { copy, h, number, painter, request } from "./dom.js";
import * as figures from "./figures.js";
import * as invocations from "./invocations.js";
import * as knobs from "./knobs.js";
import * as rooms from "./rooms.js";
import { setting } from "./store.js";
import { Model } from "./stream.js";
import * as tables from "./tables.js";

const VIEWS = [
  ["clients", "Clients", clients], ["invocations", "Invocations", invocations], ["connections", "Connections", connections],
  ["rooms", "Rooms", rooms], ["tables", "Tables", tables], ["figures", "Figures", figures], ["knobs", "Knobs", knobs],
];

const model = new Model();
const app = { state: null, go };
const at = (id) => document.getElementById(id);
const views = new Map();
const last = setting("view", "clients");

// The theme.
const theme = setting("theme", "auto");
const THEMES = { auto: ["◐", "Theme: system"], light: ["☀", "Theme: light"], dark: ["☾", "Theme: dark"] };
function paintTheme() {
  document.documentElement.dataset.theme = theme.get();
  const [sign, label] = THEMES[theme.get()] ?? THEMES.auto;
  at("theme").textContent = sign;
  at("theme").title = label;
  at("theme").setAttribute("aria-label", label);
}
at("theme").addEventListener("click", () => {
  const names = Object.keys(THEMES);
  theme.set(names[(names.indexOf(theme.get()) + 1) % names.length]);
  paintTheme();
});
paintTheme();

// The views.
const tabs = VIEWS.map(([name, label]) => h("button", {
  type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "main", "data-view": name, on: { click: () => go(name) },
}, label, h("span", { class: "badge", hidden: true })));
at("tabs").append(...tabs);
at("tabs").addEventListener("keydown", (event) => {
  const index = tabs.findIndex((tab) => tab === document.activeElement);
  const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (index < 0 || to === undefined) return;
  event.preventDefault();
  const tab = tabs[(to + tabs.length) % tabs.length];
  tab.focus();
  tab.click();
});

function go(name, id) {
  location.hash = id ? `${name}/${encodeURIComponent(id)}` : name;
}

function route() {
  const [name, id] = location.hash.slice(1).split("/");
  const found = VIEWS.find(([other]) => other === name) ?? VIEWS.find(([other]) => other === last.get()) ?? VIEWS[0];
  last.set(found[0]);
  if (!views.has(found[0])) views.set(found[0], found[2].view(model, app));
  const shown = views.get(found[0]);
  for (const tab of tabs) {
    const selected = tab.dataset.view === found[0];
    tab.setAttribute("aria-selected", String(selected));
    tab.tabIndex = selected ? 0 : -1;
    if (selected) tab.scrollIntoView({ inline: "nearest", block: "nearest" });
  }
  at("main").setAttribute("aria-labelledby", `tab-${found[0]}`);
  if (shown.element.parentElement !== at("main")) at("main").replaceChildren(shown.element);
  shown.shown?.(id && decodeURIComponent(id));
  document.title = `${found[1]} · lambda_ws console`;
}
addEventListener("hashchange", route);

// The header and the notice.
function paintNow() {
  const second = model.seconds.at(-1) ?? {};
  const facts = [["connections", number(model.count)], ["in/s", number(second.in)], ["out/s", number(second.out)], ["errors/s", number(second.errors)]];
  at("now").replaceChildren(...facts.map(([name, value]) => h("div", { class: name === "errors/s" && second.errors ? "bad" : "" }, h("dd", {}, value), h("dt", {}, name))));
  badge("clients", model.clients.size);
  badge("connections", model.count);
}

function badge(name, count) {
  const shown = tabs.find((tab) => tab.dataset.view === name).querySelector(".badge");
  shown.hidden = !count;
  shown.textContent = number(count);
}

function paintNotice() {
  const notes = [];
  if (model.faults?.length) notes.push(`Faults are on: ${model.faults.join(", ")}.`);
  if (model.sampled > 1) notes.push(`The load is high: 1 of ${model.sampled} invocations is shown. The figures include all invocations.`);
  if (model.lost > 0) notes.push(`${number(model.lost)} entries were dropped, because this page could not receive them in time.`);
  if (model.leftOut > 0) notes.push(`${number(model.leftOut)} calls without an invocation are not shown.`);
  at("notice").hidden = notes.length === 0;
  const text = notes.join(" ");
  if (at("notice").textContent !== text) at("notice").textContent = text;
}

model.addEventListener("figures", painter(paintNow));
model.addEventListener("clients", painter(paintNow));
model.addEventListener("notice", painter(paintNotice));
model.addEventListener("state", () => {
  at("live").dataset.state = model.state;
  at("live").textContent = model.state === "live" ? "live" : "reconnecting";
  if (model.state === "live") loadState();
});

async function loadState() {
  try {
    app.state = await request("GET", "state");
    model.faults = Object.entries((await request("GET", "/_admin/faults")).faults).map(([name, value]) => `${name} ${value}`);
    at("address").replaceChildren(h("code", {}, app.state.websocket), h("button", { class: "small", type: "button", on: { click: () => copy(app.state.websocket, "URL copied") } }, "Copy"));
    model.notify("app");
    model.notify("notice");
  } catch {
    // The page tries again when the stream reconnects.
  }
}

route();
paintNow();
model.start();
// The browser tests use this.
globalThis.console_model = model;
