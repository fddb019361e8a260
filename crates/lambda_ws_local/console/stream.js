// The state of the gateway: invocations, connections and clients. The gateway sends it as a stream of entries.

import { request } from "./dom.js";

/** The maximum numbers of invocations and of seconds of figures that the page keeps. */
const KEPT = 2_000;
const SECONDS = 300;

/** The maximum numbers of lines and of calls of one invocation. */
const LINES = 400;

/** The maximum number of messages of a client. */
const MESSAGES = 500;

export class Model extends EventTarget {
  constructor() {
    super();
    this.invocations = new Map();
    this.byGateway = new Map();
    this.connections = new Map();
    this.clients = new Map();
    this.seconds = [];
    this.routes = [];
    this.count = 0;
    this.sampled = 1;
    this.lost = 0;
    this.leftOut = 0;
    this.paused = false;
    this.number = 0;
    this.whole = false;
  }

  notify(what) {
    this.dispatchEvent(new Event(what));
  }

  /** Connects to the stream and loads the current state. */
  start() {
    const source = new EventSource("api/stream");
    source.onopen = () => {
      this.state = "live";
      this.notify("state");
      this.refresh();
      this.refreshClients();
    };
    source.onerror = () => {
      this.state = "lost";
      this.notify("state");
    };
    source.onmessage = (message) => this.receive(JSON.parse(message.data));
    // The stream is closed at once, because a browser can keep it open after the page is left.
    addEventListener("pagehide", () => source.close());
  }

  receive(batch) {
    const changed = new Set();
    if (batch.lost > 0) {
      this.lost += batch.lost;
      this.whole = false;
      changed.add("notice");
    }
    for (const entry of batch.entries) this.entry(entry, changed);
    if (batch.figures) {
      this.count = batch.connections;
      this.sampled = batch.sampled;
      this.leftOut += batch.leftOut;
      const known = this.seconds.at(-1)?.t ?? 0;
      this.seconds.push(...batch.figures.seconds.filter((second) => second.t > known));
      this.seconds.splice(0, this.seconds.length - SECONDS);
      this.routes = batch.figures.routes;
      changed.add("figures").add("notice");
      if (!this.whole || this.connections.size !== this.count) this.refresh();
    }
    for (const what of changed) this.notify(what);
  }

  entry(entry, changed) {
    switch (entry.k) {
      case "begun": this.begun(entry); changed.add("invocations"); break;
      case "started": {
        const invocation = this.invocations.get(entry.id);
        if (invocation) Object.assign(invocation, { environment: entry.env, trace: entry.trace, init: entry.init, startedAt: entry.at, cold: entry.init !== null });
        changed.add("invocations");
        break;
      }
      case "ended": this.ended(entry); changed.add("invocations"); break;
      case "log": {
        const invocation = this.invocations.get(entry.id);
        if (invocation) invocation.logs.length < LINES ? invocation.logs.push(entry) : invocation.unkept++;
        else if (!entry.id) this.alone({ kind: "log", route: "start", at: entry.at, logs: [entry], fn: entry.function, good: entry.stream !== "platform", outcome: entry.stream });
        changed.add("invocations");
        break;
      }
      case "call": this.called(entry); changed.add("invocations"); break;
      case "done": this.done(entry); changed.add("invocations"); break;
      case "opened":
        this.connections.set(entry.connection, { id: entry.connection, at: entry.connectedAt, active: entry.connectedAt, source: entry.sourceIp, agent: entry.userAgent, port: entry.port });
        changed.add("connections");
        break;
      case "closed":
        this.connections.delete(entry.connection);
        changed.add("connections");
        break;
      case "client": this.client(entry); changed.add("clients"); break;
      case "said": this.message(entry); changed.add("clients"); break;
    }
  }

  add(invocation) {
    const added = { logs: [], calls: [], unkept: 0, number: ++this.number, ...invocation };
    this.invocations.set(added.id, added);
    if (added.gw) this.byGateway.set(added.gw, [...(this.byGateway.get(added.gw) ?? []), added]);
    if (this.invocations.size > KEPT) {
      for (const [id, oldest] of this.invocations) {
        if (this.invocations.size <= KEPT) break;
        this.invocations.delete(id);
        if (oldest.gw) this.byGateway.delete(oldest.gw);
      }
    }
    return added;
  }

  /** Adds a row without an invocation. */
  alone(row) {
    return this.add({ id: `alone-${this.number}`, ended: true, ...row });
  }

  begun(entry) {
    const { kind, route, connection } = about(entry.event);
    this.add({ id: entry.id, gw: entry.gw, fn: entry.function, at: entry.at, event: entry.event, bytes: entry.bytes, kind, route, connection });
  }

  ended(entry) {
    const invocation = this.invocations.get(entry.id);
    if (!invocation) return;
    Object.assign(invocation, {
      ended: true, ms: entry.ms, endedAt: entry.at, response: entry.response, responseBytes: entry.bytes, error: entry.error,
      callsMade: entry.calls, callsUntold: entry.untold,
    });
    const answer = answered(entry);
    invocation.outcome ??= answer.outcome;
    invocation.good ??= answer.good;
  }

  called(entry) {
    const invocation = entry.id && this.invocations.get(entry.id);
    if (invocation) {
      if (invocation.calls.length < LINES) invocation.calls.push(entry);
      else invocation.unkept++;
    }
    if (entry.service === "management" && entry.action !== "GET" || (!invocation && entry.origin !== "start")) {
      const post = entry.service === "management";
      this.alone({
        kind: post ? "post" : "call", of: invocation?.id, at: entry.at, ms: entry.ms, calls: [entry],
        route: post ? (entry.action === "DELETE" ? "close" : "post") : `${entry.service} ${entry.action}`,
        connection: post ? entry.target : "", outcome: String(entry.status), good: entry.status < 300,
      });
    }
    const target = entry.service === "management" && this.connections.get(entry.target);
    if (target && entry.status === 200) target.active = Math.max(target.active, entry.at);
  }

  done(entry) {
    const found = (this.byGateway.get(entry.gw) ?? []).filter((one) => (one.kind === "authorize") === (entry.what === "authorize"));
    const result = { outcome: entry.outcome, good: entry.good, detail: entry.detail, gatewayMs: entry.ms };
    if (found.length > 0) for (const invocation of found) Object.assign(invocation, result);
    else this.alone({ ...result, id: `${entry.what}-${entry.gw}`, kind: entry.what, route: entry.route || `no ${entry.what} route`, connection: entry.connection, at: entry.at, ms: entry.ms, withoutFunction: true });
    const connection = this.connections.get(entry.connection);
    if (connection) connection.active = Math.max(connection.active, entry.at);
  }

  client(entry) {
    const client = this.clients.get(entry.client) ?? { messages: [], untold: 0 };
    Object.assign(client, { id: entry.client, name: entry.name, query: entry.query, headers: entry.headers, protocols: entry.protocols, state: entry.state, more: entry.more ?? {} });
    if (!this.forgotten?.has(entry.client)) this.clients.set(entry.client, client);
  }

  message(entry) {
    const client = this.clients.get(entry.client);
    if (!client || client.messages.some((one) => one.ms === entry.ms && one.text === entry.text)) return;
    client.messages.push(entry);
    client.untold = entry.untold;
    if (client.messages.length > MESSAGES) client.messages.shift();
  }

  forget(id) {
    (this.forgotten ??= new Set()).add(id);
    this.clients.delete(id);
    this.notify("clients");
  }

  /** Loads the clients from the gateway. */
  async refreshClients() {
    try {
      const clients = await request("GET", "clients");
      const known = new Set(clients.map((client) => client.client));
      for (const id of this.clients.keys()) if (!known.has(id)) this.clients.delete(id);
      for (const shown of clients) {
        this.client(shown);
        const client = this.clients.get(shown.client);
        if (client) Object.assign(client, { messages: shown.messages, untold: shown.untold });
      }
      this.notify("clients");
    } catch {
      // The stream reports that the gateway is not available.
    }
  }

  /** Loads the open connections from the gateway, at most every two seconds. */
  async refresh() {
    if (this.refreshing) return;
    this.refreshing = true;
    try {
      const found = new Map();
      let after = "";
      do {
        const page = await request("GET", `/_admin/connections?limit=1000${after && `&after=${encodeURIComponent(after)}`}`);
        for (const one of page.connections) {
          const known = this.connections.get(one.id);
          found.set(one.id, {
            ...known, id: one.id, at: Date.parse(one.connectedAt), source: one.sourceIp, agent: one.userAgent,
            active: Math.max(known?.active ?? 0, Date.parse(one.lastActiveAt)),
          });
        }
        after = page.next;
      } while (after);
      this.connections = found;
      this.whole = true;
      this.notify("connections");
    } catch {
      // As above, the stream reports it.
    }
    setTimeout(() => { this.refreshing = false; }, 2000);
  }
}

/** Returns the kind, the route and the connection of an event. */
export function about(text) {
  let event;
  try {
    event = JSON.parse(text);
  } catch {
    return { kind: "task", route: "event", connection: "" };
  }
  const context = event?.requestContext;
  const connection = context?.connectionId ?? "";
  if (event?.type === "REQUEST" && event.methodArn) return { kind: "authorize", route: "authorizer", connection };
  const kind = { CONNECT: "connect", MESSAGE: "message", DISCONNECT: "disconnect" }[context?.eventType];
  if (!kind) return { kind: "task", route: Object.keys(event ?? {})[0] ?? "event", connection };
  let route = context.routeKey;
  if (route === "$default") {
    try {
      const action = JSON.parse(event.body)?.action;
      if (typeof action === "string") route = `${action.slice(0, 40)} · $default`;
    } catch {
      // The message is not JSON, so it does not have an action.
    }
  }
  return { kind, route, connection };
}

/** Returns the outcome of a function's response. */
function answered(entry) {
  if (entry.error !== null) return { outcome: "failed", good: false };
  try {
    const status = JSON.parse(entry.response)?.statusCode;
    if (Number.isInteger(status)) return { outcome: String(status), good: status < 400 };
  } catch {
    // The response is not a proxy response, for example that of a task.
  }
  return { outcome: "ok", good: true };
}
