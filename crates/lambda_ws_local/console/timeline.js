// The details of an invocation: its timeline, its event and its response.

import { bytes, duration, h, time } from "./dom.js";
import { block, shown } from "./json.js";

const ORIGINS = {
  during: ["", ""],
  after: ["after the answer", "The process made this call after its response and before its next event. The function did not await this work."],
  likely: ["likely", "The caller did not send a session token. This was the only running event, so the call probably belongs to it."],
  start: ["at start", "The process made this call before its first event."],
  unknown: ["caller unknown", "The caller did not send a session token, and the number of running events was not one."],
  console: ["by the console", "The console made this call like a backend."],
};

/** Returns the steps of an invocation in the order of time: `{at, kind, ...}`. */
export function steps(invocation) {
  const found = [];
  if (invocation.event) found.push({ at: invocation.at, kind: "event", text: "The event arrives", more: `${invocation.fn}, ${bytes(invocation.bytes)}` });
  if (invocation.environment) {
    const cold = invocation.cold ? `, cold start in ${duration(invocation.init)}` : "";
    found.push({ at: invocation.startedAt, kind: "start", text: `Environment ${invocation.environment} starts`, more: `${invocation.startedAt - invocation.at} ms after the event arrived${cold}${invocation.trace ? `, trace ${invocation.trace}` : ""}` });
  }
  for (const line of invocation.logs) found.push({ at: line.at, kind: line.stream === "platform" ? "platform" : "log", text: line.text, more: line.stream });
  for (const call of invocation.calls) {
    const name = call.service === "management" ? `${call.action} @connections` : `${call.service} ${call.action}`;
    // A call is reported at its end.
    found.push({ at: call.at - call.ms, kind: "call", text: name, call, bad: call.status >= 400 || call.status === 0 });
  }
  if (invocation.ended && invocation.event) {
    found.push({ at: invocation.endedAt, kind: "end", text: invocation.error ? invocation.error : "The function answers", more: duration(invocation.ms), bad: invocation.error !== null && invocation.error !== undefined });
  }
  const order = { event: 0, start: 1, end: 3 };
  return found.sort((one, other) => one.at - other.at || (order[one.kind] ?? 2) - (order[other.kind] ?? 2));
}

export function timeline(invocation) {
  const all = steps(invocation);
  const begin = invocation.event ? invocation.at : all[0]?.at ?? invocation.at;
  const whole = Math.max(1, invocation.ms ?? 0, ...all.map((step) => step.at - begin));
  const items = all.map((step) => {
    const offset = Math.max(0, step.at - begin);
    const bar = h("span", { class: "bar", "aria-hidden": "true" });
    const mark = h("i", { class: step.bad ? "bad" : "" });
    mark.style.left = `${Math.min(97, (offset / whole) * 100)}%`;
    mark.style.width = `${Math.max(0.6, Math.min(100, ((step.call?.ms ?? 0) / whole) * 100))}%`;
    bar.append(mark);
    const when = h("span", { class: "when" }, offset < 0.001 ? "0 ms" : `+${duration(offset)}`);
    return h("li", { class: `step ${step.kind} ${step.bad ? "bad" : ""}` }, when, bar, content(step));
  });
  return h("ol", { class: "steps", "aria-label": "Timeline" }, items);
}

function content(step) {
  if (!step.call) {
    const text = h("span", { class: "what" }, step.text);
    return h("div", { class: "said" }, text, step.more ? h("span", { class: "faint" }, ` ${step.more}`) : null);
  }
  const { call } = step;
  const [label, explanation] = ORIGINS[call.origin] ?? ORIGINS.unknown;
  const summary = [
    h("span", { class: "what" }, step.text), " ",
    h("span", { class: step.bad ? "pill bad" : "pill" }, String(call.status)), " ",
    h("span", { class: "faint" }, duration(call.ms)),
    label ? h("span", { class: "pill warn", title: explanation }, label) : null,
  ];
  const target = table(call) ?? call.target;
  const details = h("details", {}, h("summary", {}, summary, target ? h("span", { class: "target" }, target) : null));
  // The details are created when they are opened, because most are never opened.
  details.addEventListener("toggle", () => {
    if (!details.open || details.childElementCount > 1) return;
    details.append(
      label ? h("p", { class: "faint" }, explanation) : null ?? "",
      call.detail ? h("p", { class: "faint" }, call.detail) : "",
      call.request ? part("Request", call.request, call.requestBytes) : "",
      call.response ? part("Response", call.response, call.responseBytes) : "",
    );
  });
  return h("div", { class: "said" }, details);
}

function part(title, text, size) {
  const cut = text.length < size ? `, the first ${bytes(text.length)} of ${bytes(size)}` : `, ${bytes(size)}`;
  return h("div", {}, h("h4", {}, title, h("span", { class: "faint" }, cut)), shown(text));
}

/** Returns the table of a DynamoDB call. */
function table(call) {
  if (call.service !== "dynamodb") return null;
  const name = /"TableName"\s*:\s*"([^"]+)"/.exec(call.request);
  return name?.[1] ?? null;
}

/** Returns the elements with all details of an invocation. */
export function whole(invocation, replay) {
  const parts = [];
  const facts = [
    ["Time", time(invocation.at)],
    ["Duration", invocation.ms === undefined ? "running" : duration(invocation.ms)],
    ["Gateway", invocation.gatewayMs === undefined ? null : duration(invocation.gatewayMs)],
    ["Function", invocation.fn],
    ["Environment", invocation.environment && `${invocation.environment}${invocation.cold ? `, cold start (${duration(invocation.init)})` : ""}`],
    ["Connection", invocation.connection],
    ["Request id", invocation.gw ?? null],
    ["Lambda request id", invocation.event ? invocation.id : null],
    ["Detail", invocation.detail],
    ["Calls", invocation.callsMade ? String(invocation.callsMade) : null],
  ].filter(([, value]) => value);
  parts.push(h("dl", { class: "facts" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
  if (invocation.withoutFunction) parts.push(h("p", { class: "hint" }, "No function was invoked. The gateway answered itself, or the route does not exist."));
  const left = (invocation.callsUntold ?? 0) + invocation.unkept;
  parts.push(h("section", { class: "block", "aria-label": "Timeline" }, h("div", { class: "block-head" }, h("h3", {}, "Timeline")), timeline(invocation),
    left > 0 ? h("p", { class: "hint" }, `${left} more calls or lines are not shown.`) : null));
  if (replay) parts.push(replay);
  if (invocation.error) parts.push(h("p", { class: "hint bad" }, invocation.error));
  if (invocation.response !== undefined && invocation.response !== null) parts.push(block("Response", invocation.response, invocation.responseBytes));
  if (invocation.event) parts.push(block("Event", invocation.event, invocation.bytes));
  return parts;
}
