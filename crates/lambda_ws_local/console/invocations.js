// The list of invocations and the details of the selected one.

import { copy, duration, field, h, number, painter, request, save, time, toast } from "./dom.js";
import { block, format } from "./json.js";
import { List } from "./list.js";
import { setting } from "./store.js";
import { whole } from "./timeline.js";

const KINDS = [
  ["", "All"], ["connect", "$connect"], ["message", "Messages"], ["disconnect", "$disconnect"],
  ["authorize", "Authorizer"], ["task", "Tasks"], ["post", "Posts"], ["call", "Other calls"], ["log", "Start-up log"],
];
const SHORT = { connect: "connect", message: "message", disconnect: "disconn", authorize: "auth", task: "task", post: "post", call: "call", log: "log" };

export function view(model, app) {
  const kind = setting("invocations.kind", "");
  const search = setting("invocations.search", "");
  const bad = setting("invocations.bad", false);
  let paused = false;
  let replayed = new Map();

  const count = h("span", { class: "faint", role: "status" });
  const list = new List({
    label: "Invocations", height: 34, key: (one) => one.id, row, chosen: open,
    empty: "There are no invocations. Connect a client to see its invocations here.",
  });
  const detail = h("div", { class: "detail", tabIndex: -1, "aria-label": "Invocation" });
  const select = h("select", { value: kind.get(), on: { change: () => { kind.set(select.value); paint(); } } },
    KINDS.map(([value, label]) => h("option", { value, selected: value === kind.get() }, label)));
  const find = h("input", { type: "search", placeholder: "route, id, text of event or log", value: search.get(), on: { input: () => { search.set(find.value); paint(); } } });
  const errors = h("input", { type: "checkbox", checked: bad.get(), on: { change: () => { bad.set(errors.checked); paint(); } } });
  const pause = h("button", { type: "button", "aria-pressed": "false", on: { click() {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Resume" : "Pause";
    paint();
  } } }, "Pause");
  const clear = h("button", { type: "button", on: { click() { model.invocations.clear(); model.byGateway.clear(); show(null); paint(); } } }, "Clear");
  const bar = h("div", { class: "toolbar" },
    field("Show", select), field("Search", find, "grow"), h("label", { class: "check" }, errors, "Only errors"), pause, clear, count);
  const element = h("section", { class: "split", "aria-label": "Invocations" }, bar, list.element, detail);

  let opened = null;
  let drawn = "";

  function paint() {
    if (!paused) list.set(chosen());
    let size = 0;
    for (const one of model.invocations.values()) if (!one.of) size++;
    count.textContent = `${number(list.items.length)}${kind.get() === "post" ? "" : ` of ${number(size)}`}${model.sampled > 1 ? `, 1 of ${model.sampled} is shown` : ""}`;
    if (opened) {
      // Details are only drawn again after a change, so that a reader is not disturbed.
      const now = `${opened.ended} ${opened.outcome} ${opened.logs.length} ${opened.calls.length} ${opened.environment} ${opened.gatewayMs} ${replayed.has(opened.id)}`;
      if (now !== drawn) show(opened, now);
    }
  }

  function chosen() {
    const text = search.get().trim().toLowerCase();
    const found = [];
    for (const one of model.invocations.values()) {
      if (kind.get() ? one.kind !== kind.get() : one.of) continue;
      if (bad.get() && one.good !== false) continue;
      if (text && !matches(one, text)) continue;
      found.push(one);
    }
    return found.reverse();
  }

  function row(one) {
    const state = one.good === false ? "bad" : one.ended || one.outcome ? "good" : "wait";
    return h("div", {},
      h("span", { class: "col time" }, time(one.at)),
      h("span", { class: `kind ${one.kind}` }, SHORT[one.kind] ?? one.kind),
      h("span", { class: "col route" }, one.route),
      h("span", { class: "col id" }, one.connection || ""),
      one.cold ? h("span", { class: "pill cold", title: "Cold start: the first event of its process" }, "cold") : null,
      h("span", { class: "col ms" }, one.ms === undefined ? "…" : duration(one.ms)),
      h("span", { class: `outcome ${state}` }, one.outcome ?? "running"));
  }

  function open(one) {
    show(one);
    element.classList.add("opened");
  }

  function show(one, now = "") {
    opened = one;
    drawn = now;
    if (!one) {
      element.classList.remove("opened");
      detail.replaceChildren(h("div", { class: "empty" }, "Select an invocation to see its event, its response, its log and its calls on one timeline."));
      list.choose(null);
      return;
    }
    const title = h("h2", {}, one.route, " ", h("span", { class: one.good === false ? "pill bad" : "pill good" }, one.outcome ?? "running"), one.cold ? h("span", { class: "pill cold" }, "cold start") : null);
    const back = h("button", { type: "button", class: "back", on: { click: () => { element.classList.remove("opened"); list.element.focus(); } } }, "Back");
    const actions = h("div", { class: "actions" }, back);
    if (one.event) {
      actions.append(
        h("button", { type: "button", on: { click: () => save(`${one.kind}-${one.id.slice(0, 8)}.json`, `${format(one.event)}\n`) } }, "Save as event file"),
        h("button", { type: "button", class: "primary", title: "Send the same event to the function again. The response is shown here and is not sent to a client.", on: { click: (event) => replay(one, event.target) } }, "Replay"),
        h("button", { type: "button", on: { click: () => copy(one.event, "Event copied") } }, "Copy event"));
    }
    if (one.connection && model.connections.has(one.connection)) {
      actions.append(h("button", { type: "button", on: { click: () => app.go("connections", one.connection) } }, "Connection"));
    }
    const top = detail.scrollTop;
    detail.replaceChildren(h("div", { class: "detail-head" }, title, actions), ...whole(one, replays(one)));
    detail.scrollTop = top;
  }

  function replays(one) {
    const answer = replayed.get(one.id);
    if (!answer) return null;
    const title = `Replay: ${answer.error ? "failed" : "answered"} after ${duration(answer.ms)}`;
    return h("div", { class: "replayed", role: "status" }, answer.error ? h("p", { class: "hint bad" }, `${title}: ${answer.error}`) : block(title, answer.response));
  }

  async function replay(one, button) {
    button.disabled = true;
    try {
      replayed.set(one.id, await request("POST", "replay", { function: one.fn, event: one.event }));
      // Old replays are removed to limit memory.
      if (replayed.size > 50) replayed = new Map([...replayed].slice(-25));
    } catch (error) {
      toast(error.message, true);
    }
    button.disabled = false;
    paint();
  }

  show(null);
  const painted = painter(paint, () => element.isConnected);
  model.addEventListener("invocations", painted);
  return {
    element,
    shown(id) {
      paint();
      const found = id && (model.invocations.get(id) ?? model.byGateway.get(id)?.at(-1));
      if (found) {
        if (!list.items.includes(found)) { kind.set(""); select.value = ""; search.set(""); find.value = ""; bad.set(false); errors.checked = false; paint(); }
        list.choose(found.id);
      }
    },
  };
}

function matches(one, text) {
  return [one.route, one.id, one.gw, one.connection, one.event, one.detail, one.error, one.outcome].some((part) => part?.toLowerCase().includes(text))
    || one.logs.some((line) => line.text.toLowerCase().includes(text));
}
