// The clients that the page connects.

import { bytes, copy, duration, field, h, painter, request, time, toast } from "./dom.js";
import { compact, format, lint } from "./json.js";
import { setting } from "./store.js";

/** The maximum number of messages of a client that the page shows. */
const SHOWN = 200;

const STATES = { connecting: "connecting", open: "open", refused: "rejected", failed: "failed", closed: "closed" };

export function view(model, app) {
  const form = connectForm(model, app);
  const grid = h("div", { class: "clients" });
  const empty = h("div", { class: "empty" }, "There are no clients. Connect one above. It connects like a browser and can also send headers.");
  const element = h("section", { class: "page", "aria-label": "Clients" }, form, empty, grid);
  const cards = new Map();

  function paint() {
    for (const [id, one] of cards) {
      if (!model.clients.has(id)) {
        one.element.remove();
        cards.delete(id);
      }
    }
    for (const client of model.clients.values()) {
      let one = cards.get(client.id);
      if (!one) {
        one = card(client, model, app);
        cards.set(client.id, one);
        grid.append(one.element);
      }
      one.paint(client);
    }
    empty.hidden = model.clients.size > 0;
  }

  model.addEventListener("clients", painter(paint, () => element.isConnected));
  model.addEventListener("invocations", painter(paint, () => element.isConnected));
  return { element, shown: paint };
}

/** Reads lines of `name: value` or `name=value`. */
function pairs(text, mark) {
  return text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const at = line.indexOf(mark);
    return at < 0 ? [line, ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  });
}

export function query(text) {
  return pairs(text, "=").map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
}

function connectForm(model, app) {
  const saved = setting("connect", { name: "", query: "user=ann", protocols: "", headers: "" });
  const set = saved.get();
  const change = () => {
    saved.set({ name: name.value, query: parameters.value, protocols: protocols.value, headers: headers.value });
    url.textContent = whole();
  };
  const on = { input: change };
  const name = h("input", { type: "text", value: set.name, placeholder: "optional", autocomplete: "off", on });
  const parameters = h("textarea", { rows: 2, value: set.query, placeholder: "one per line: user=ann", spellcheck: false, on });
  const protocols = h("input", { type: "text", value: set.protocols, placeholder: "chat.v1, chat.v2", on });
  const headers = h("textarea", { rows: 2, value: set.headers, placeholder: "one per line: Authorization: Bearer x", spellcheck: false, on });
  const url = h("code", { class: "url" });
  const whole = () => {
    const encoded = query(parameters.value);
    return `${app.state?.websocket ?? ""}${encoded ? `?${encoded}` : ""}`;
  };
  const connect = async (event) => {
    event.preventDefault();
    try {
      await request("POST", "clients", {
        name: name.value, query: query(parameters.value), headers: pairs(headers.value, ":"),
        protocols: protocols.value.split(",").map((one) => one.trim()).filter(Boolean),
      });
    } catch (error) {
      toast(error.message, true);
    }
  };
  const more = h("details", { class: "more", open: Boolean(set.protocols || set.headers) }, h("summary", {}, "Sub-protocols and headers"),
    h("div", { class: "fields" }, field("Sub-protocols", protocols), field("Headers", headers)));
  const element = h("form", { class: "connect card", on: { submit: connect } },
    h("div", { class: "fields" }, field("Name", name, "narrow"), field("Query parameters", parameters, "grow"),
      h("button", { class: "primary", type: "submit", id: "connect" }, "Connect a client")),
    more,
    h("div", { class: "url-line" }, url, h("button", { class: "small", type: "button", on: { click: () => copy(whole(), "URL copied") } }, "Copy URL")));
  model.addEventListener("app", change);
  return element;
}

function card(first, model, app) {
  const { id } = first;
  const filter = setting(`client.filter`, "");
  const draft = setting(`draft.${id}`, "");
  let client = first;
  let drawn = "";

  const state = h("span", { class: "pill", role: "status" });
  const title = h("h2", {});
  const queryLine = h("code", { class: "url" });
  const facts = h("div", { class: "client-facts" });
  const log = h("ol", { class: "messages", tabIndex: 0, "aria-label": "Messages", role: "log" });
  const find = h("input", { type: "search", placeholder: "search", "aria-label": "Search messages", on: { input: () => paint(client, true) } });
  const which = h("select", { "aria-label": "Direction", on: { change: () => { filter.set(which.value); paint(client, true); } } },
    [["", "both directions"], ["sent", "sent"], ["received", "received"]].map(([value, label]) => h("option", { value, selected: value === filter.get() }, label)));
  const text = h("textarea", { rows: 3, value: draft.get(), placeholder: "{\"action\":\"say\",\"text\":\"hi\"}", "aria-label": "Message", spellcheck: false, on: {
    input: () => { draft.set(text.value); check(); },
    keydown: (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        send();
      }
    },
  } });
  const wrong = h("p", { class: "lint", role: "status", hidden: true });
  const sending = h("button", { type: "button", class: "primary", on: { click: send } }, "Send");
  const closing = h("button", { type: "button", class: "small", on: { click: () => act(`clients/${id}/close`, "POST") } }, "Close");
  const again = h("button", { type: "button", class: "small", on: { click: reconnect } }, "Reconnect");
  const removing = h("button", { type: "button", class: "small", "aria-label": "Remove this client", on: { click: () => { act(`clients/${id}`, "DELETE"); model.forget(id); } } }, "Remove");
  const composer = h("div", { class: "composer" }, text, wrong,
    h("div", { class: "actions" }, sending,
      h("button", { type: "button", on: { click: () => { text.value = format(text.value); draft.set(text.value); check(); } } }, "Format"),
      h("button", { type: "button", on: { click: () => { text.value = compact(text.value); draft.set(text.value); check(); } } }, "One line"),
      h("span", { class: "faint" }, "Enter sends the message, Shift+Enter adds a line")));
  const tools = h("div", { class: "toolbar" }, which, find, h("button", { type: "button", class: "small", on: { click: () => { client.cleared = client.messages.at(-1)?.ms ?? -1; paint(client, true); } } }, "Clear"));
  const element = h("article", { class: "client card", "data-client": id },
    h("header", {}, title, state, h("span", { class: "spring" }), closing, again, removing), queryLine, facts,
    tools, log, composer);

  function check() {
    const problem = lint(text.value);
    wrong.hidden = !problem;
    wrong.textContent = problem ? `This is not valid JSON: ${problem}` : "";
    text.setAttribute("aria-invalid", String(Boolean(problem)));
  }

  async function act(path, method, body) {
    try {
      await request(method, path, body);
    } catch (error) {
      toast(error.message, true);
    }
  }

  function send() {
    if (client.state === "open" && text.value !== "") act(`clients/${id}/send`, "POST", text.value);
  }

  function reconnect() {
    act("clients", "POST", { name: client.name, query: client.query, headers: client.headers, protocols: client.protocols });
  }

  function paint(now, force) {
    client = now;
    const mark = `${client.state} ${client.messages.length} ${client.messages.at(-1)?.ms} ${client.untold} ${connection()?.id} ${rejection()?.logs.length}`;
    if (mark === drawn && !force) return;
    drawn = mark;
    const { more } = client;
    element.dataset.state = client.state;
    title.textContent = client.name || new URLSearchParams(client.query).get("user") || `Client ${id}`;
    state.textContent = client.state === "refused" ? `rejected: ${more.status}` : client.state === "closed" ? `closed: ${more.code}` : STATES[client.state];
    state.className = `pill ${client.state === "open" ? "good" : client.state === "connecting" ? "" : "bad"}`;
    queryLine.textContent = `?${client.query}`;
    queryLine.hidden = !client.query;
    facts.replaceChildren(...details(more));
    closing.hidden = client.state !== "open";
    again.hidden = client.state === "open" || client.state === "connecting";
    sending.disabled = client.state !== "open";
    // A client that was rejected cannot send messages.
    for (const part of [log, tools, composer]) part.hidden = ["refused", "failed"].includes(client.state);
    lines();
  }

  function connection() {
    if (client.state !== "open" || !client.more.port) return null;
    if (!client.connection || !model.connections.has(client.connection)) {
      for (const one of model.connections.values()) if (one.port === client.more.port) client.connection = one.id;
    }
    return model.connections.get(client.connection);
  }

  /** The invocation that rejected the client. */
  function rejection() {
    if (client.state !== "refused") return null;
    try {
      const { requestId } = JSON.parse(client.more.body);
      return (model.byGateway.get(requestId) ?? []).find((one) => one.good === false) ?? model.byGateway.get(requestId)?.at(-1);
    } catch {
      return null;
    }
  }

  function details(more) {
    const parts = [];
    const open = connection();
    if (more.ms !== undefined) parts.push(h("span", { class: "faint" }, `${client.state === "refused" ? "answered" : "connected"} in ${duration(more.ms)}`));
    if (more.protocol) parts.push(h("span", { class: "pill" }, more.protocol));
    if (open) parts.push(h("button", { class: "link", type: "button", title: "Show this connection", on: { click: () => app.go("connections", open.id) } }, open.id));
    if (more.why) parts.push(h("p", { class: "hint bad" }, more.why));
    if (client.state === "closed") parts.push(h("p", { class: "hint" }, `Closed by the ${more.by}: ${more.code} ${more.reason ?? ""}`));
    if (client.state === "refused") {
      parts.push(h("p", { class: "hint bad" }, `The gateway answered ${more.status}: ${more.body}`));
      const invocation = rejection();
      if (invocation) {
        const log = invocation.logs.map((line) => line.text).join("\n");
        parts.push(log ? h("pre", { class: "code", "aria-label": "The function's log" }, log) : h("p", { class: "faint" }, "The function logged nothing."),
          h("button", { class: "link", type: "button", on: { click: () => app.go("invocations", invocation.id) } }, "Show the invocation"));
      }
    }
    return parts;
  }

  function lines() {
    const text = find.value.trim().toLowerCase();
    const direction = filter.get();
    const end = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    let sent = null;
    const shown = [];
    for (const message of client.messages) {
      let latency = null;
      if (message.direction === "sent") sent = message.ms;
      else if (sent !== null) {
        // The latency belongs to the first message after a sent one.
        latency = message.ms - sent;
        sent = null;
      }
      if (message.ms <= (client.cleared ?? -1)) continue;
      if (direction && message.direction !== direction) continue;
      if (text && !message.text.toLowerCase().includes(text)) continue;
      shown.push([message, latency]);
    }
    const earlier = shown.length > SHOWN ? h("li", { class: "faint" }, `${shown.length - SHOWN} earlier messages are not shown`) : null;
    const dropped = client.untold ? h("li", { class: "faint" }, `${client.untold} messages arrived too fast and are not shown`) : null;
    log.replaceChildren(...[earlier, dropped].filter(Boolean), ...shown.slice(-SHOWN).map(([message, latency]) => h("li", { class: message.direction },
      h("div", { class: "meta" },
        h("span", {}, message.direction === "sent" ? "↑ sent" : "↓ received"), h("time", {}, time(message.at)), h("span", {}, bytes(message.bytes)),
        latency === null ? null : h("span", { title: "Time since the last sent message" }, duration(latency)),
        h("button", { class: "tiny", type: "button", "aria-label": "Copy message", on: { click: () => copy(message.text) } }, "Copy")),
      h("div", { class: "text" }, pretty(message.text)))));
    if (end) log.scrollTop = log.scrollHeight;
  }

  check();
  return { element, paint };
}

function pretty(text) {
  if (text.length > 2_000) return `${text.slice(0, 2_000)}… (${bytes(text.length)})`;
  return text;
}
