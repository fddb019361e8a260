// The open connections and the actions of the backend.

import { copy, field, h, number, painter, request, span, time, toast } from "./dom.js";
import { format, lint, shown } from "./json.js";
import { List } from "./list.js";
import { setting } from "./store.js";

/** The pause between requests for the details of the visible connections, in ms. */
const REFRESH = 1500;

const SORTS = [["new", "newest first"], ["old", "oldest first"], ["idle", "longest idle first"], ["user", "by user"]];

export function view(model, app) {
  const search = setting("connections.search", "");
  const sort = setting("connections.sort", "new");
  const details = new Map();
  const count = h("span", { class: "faint", role: "status" });
  const list = new List({
    label: "Connections", height: 40, key: (one) => one.id, row, chosen: open,
    empty: "There are no open connections.",
  });
  const find = h("input", { type: "search", placeholder: "id, user, room, source", value: search.get(), on: { input: () => { search.set(find.value); paint(); } } });
  const order = h("select", { on: { change: () => { sort.set(order.value); paint(); } } }, SORTS.map(([value, label]) => h("option", { value, selected: value === sort.get() }, label)));
  const head = h("div", { class: "list-head", "aria-hidden": "true" }, ["Connection", "Age", "Idle", "User", "Rooms", "Source"].map((name) => h("span", {}, name)));
  const detail = h("div", { class: "detail", tabIndex: -1, "aria-label": "Connection" });
  const element = h("section", { class: "split connections", "aria-label": "Connections" },
    h("div", { class: "toolbar" }, field("Search", find, "grow"), field("Order", order), count, h("button", { type: "button", on: { click: () => { opened = null; show(); element.classList.add("opened"); } } }, "Broadcast")),
    h("div", { class: "list-frame" }, head, list.element), detail);
  let opened = null;

  function paint() {
    const text = search.get().trim().toLowerCase();
    let all = [...model.connections.values()];
    if (text) all = all.filter((one) => { const known = details.get(one.id); return [one.id, one.source, one.agent, known?.user, ...(known?.rooms ?? [])].some((part) => part?.toLowerCase().includes(text)); });
    const user = (one) => details.get(one.id)?.user ?? "\uffff";
    all.sort({
      new: (a, b) => b.at - a.at, old: (a, b) => a.at - b.at, idle: (a, b) => a.active - b.active,
      user: (a, b) => user(a).localeCompare(user(b)),
    }[sort.get()] ?? (() => 0));
    list.set(all);
    count.textContent = all.length === model.count ? `${number(model.count)} open` : `${number(all.length)} of ${number(model.count)}`;
    head.hidden = all.length === 0;
  }

  function row(one) {
    const known = details.get(one.id);
    const now = Date.now();
    return h("div", {},
      h("span", { class: "col id" }, one.id), h("span", { class: "col" }, span(now - one.at)), h("span", { class: "col" }, span(now - one.active)),
      h("span", { class: "col strong" }, known?.user ?? ""), h("span", { class: "col" }, (known?.rooms ?? []).join(", ")),
      h("span", { class: "col faint", title: one.agent ?? "" }, one.source ?? ""));
  }

  /** Loads the details of the visible connections. */
  async function loadDetails() {
    const ids = [...new Set([...list.visible().map((one) => one.id), ...(opened ? [opened.id] : [])])].slice(0, 100);
    if (ids.length === 0) return;
    try {
      const found = await request("POST", "details", ids);
      for (const [id, known] of Object.entries(found)) {
        details.set(id, known);
        const one = model.connections.get(id);
        if (one) one.active = Math.max(one.active, known.lastActiveAt);
      }
      if (details.size > 20_000) details.clear();
    } catch {
      // The next request may succeed.
    }
    if (element.isConnected) paint();
  }
  setInterval(() => { if (element.isConnected && !document.hidden) loadDetails(); }, REFRESH);

  function open(one) {
    opened = one;
    element.classList.add("opened");
    show();
  }

  function back() {
    return h("button", { type: "button", class: "back", on: { click: () => { element.classList.remove("opened"); list.element.focus(); } } }, "Back");
  }

  function show() {
    if (!opened) {
      detail.replaceChildren(h("div", { class: "detail-head" }, h("h2", {}, "Act as the backend"), h("div", { class: "actions" }, back())),
        h("p", { class: "hint" }, "Select a connection to post to it, to close it or to show its items. To send a broadcast, select the recipients:"), poster(null));
      return;
    }
    const one = opened;
    const known = details.get(one.id);
    const facts = [["User", known?.user], ["Rooms", (known?.rooms ?? []).join(", ")], ["Connected", time(one.at)], ["Source", one.source], ["User agent", one.agent], ["Session", known?.session]].filter(([, value]) => value);
    const items = h("div", {});
    detail.replaceChildren(
      h("div", { class: "detail-head" }, h("h2", { class: "mono" }, one.id), h("div", { class: "actions" }, back(),
        h("button", { type: "button", on: { click: () => copy(one.id, "Id copied") } }, "Copy id"),
        h("button", { type: "button", on: { click: () => showItems(one, items) } }, "Show DynamoDB items"),
        h("button", { type: "button", class: "danger", on: { click: () => close(one) } }, "Close"))),
      h("dl", { class: "facts" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
      poster(one), items);
  }

  async function close(one) {
    try {
      const { status } = await request("POST", "close", { connection: one.id });
      toast(status === 204 ? "Closed" : `The gateway answered ${status}`, status !== 204);
    } catch (error) {
      toast(error.message, true);
    }
  }

  async function showItems(one, place) {
    try {
      const found = await request("GET", `items?connection=${encodeURIComponent(one.id)}`);
      const rest = found.whole ? "" : " The tables contain more items that were not searched.";
      place.replaceChildren(h("p", { class: "hint" }, `${found.items.length} items contain this connection. ${number(found.looked)} items were searched.${rest}`),
        ...found.items.map(({ table, item }) => h("section", { class: "block" }, h("div", { class: "block-head" }, h("h3", {}, table)), shown(JSON.stringify(item)))));
    } catch (error) {
      toast(error.message, true);
    }
  }

  function poster(one) {
    const saved = setting("post", { text: "", to: "everyone", room: "" });
    const set = saved.get();
    const save = () => saved.set({ text: text.value, to: to.value, room: room.value });
    const wrong = h("p", { class: "lint", hidden: true, role: "status" });
    const text = h("textarea", { rows: 3, value: set.text, spellcheck: false, placeholder: "{\"type\":\"notice\",\"text\":\"hello\"}", on: { input() { save(); const problem = lint(text.value); wrong.hidden = !problem; wrong.textContent = problem ? `This is not valid JSON: ${problem}` : ""; } } });
    const room = h("input", { type: "text", value: set.room, placeholder: "lobby", on: { input: save } });
    const roomField = field("Room", room);
    const to = h("select", { on: { change() { save(); roomField.hidden = to.value !== "room"; } } }, [["everyone", "everyone"], ["room", "a room"]].map(([value, label]) => h("option", { value, selected: value === set.to }, label)));
    roomField.hidden = set.to !== "room";
    const result = h("p", { class: "hint", role: "status" });
    const post = async (event) => {
      event.preventDefault();
      const target = one ? { connection: one.id } : to.value === "room" ? { room: room.value.trim() } : { everyone: true };
      try {
        const done = await request("POST", "post", { to: target, data: text.value });
        const failed = Object.entries(done.failed).map(([status, count]) => `, ${count} answered ${status}`).join("");
        result.textContent = `Sent to ${number(done.sent)} of ${number(done.asked)} in ${done.ms.toFixed(1)} ms${failed}`;
      } catch (error) {
        result.textContent = error.message;
      }
    };
    return h("form", { class: "poster card", on: { submit: post } },
      one ? null : h("div", { class: "fields" }, field("To", to), roomField),
      field(one ? "Post to this connection" : "Message", text), wrong,
      h("div", { class: "actions" }, h("button", { type: "submit", class: "primary" }, "Post"), h("button", { type: "button", on: { click() { text.value = format(text.value); save(); } } }, "Format")), result);
  }

  show();
  model.addEventListener("connections", painter(paint, () => element.isConnected));
  model.addEventListener("figures", painter(paint, () => element.isConnected));
  return {
    element,
    shown(id) {
      paint();
      loadDetails();
      if (id && model.connections.has(id)) {
        search.set("");
        find.value = "";
        paint();
        list.choose(id);
      }
    },
  };
}
