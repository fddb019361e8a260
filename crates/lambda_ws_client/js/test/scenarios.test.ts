// The scenarios of ../../scenarios, in virtual time, with the source and with the minified file.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { suite, test } from "node:test";
import * as source from "../src/index.ts";
import { World } from "./virtual.ts";

type Json = Record<string, any>;

interface Scenario {
  name: string;
  rules: number[];
  options?: Json;
  urls?: (string | { error: string })[];
  tokens?: (string | { error: string })[];
  random?: number;
  observe?: string[];
  steps: Json[];
  until?: number;
}

const folder = `${import.meta.dirname}/../../scenarios`;
const minified: typeof source = await import(new URL("../dist/lambda-ws-client.min.js", import.meta.url).href);

/** Replaces `"#"` by a number. */
function fill(value: any, number: number): any {
  if (value === "#") return number;
  if (Array.isArray(value)) return value.map((one) => fill(one, number));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, fill(one, number)]));
}

/** Gives each step its time, and repeats those with `each`. */
function unfold(steps: Json[]): Json[] {
  let at = 0;
  return steps.flatMap(({ each, ...step }) => {
    at = step.at ?? at;
    const [from, to] = each ?? [0, 0];
    return Array.from({ length: to - from + 1 }, (_, index) => fill({ ...step, at }, from + index));
  });
}

/** Events of one channel are in order. Those of different channels are not compared. */
function channels(events: Json[]): Record<string, Json[]> {
  return Object.groupBy(events, (one) => {
    if (one.expect === "state") return "state";
    return `socket ${one.socket}, room ${one.room}, call ${one.as}`;
  }) as Record<string, Json[]>;
}

async function play(scenario: Scenario, { Client }: typeof source): Promise<void> {
  const world = new World();
  const seen: Json[] = [];
  const see = (event: Json) => seen.push(JSON.parse(JSON.stringify({ ...event, at: world.now })));
  const answers = (list: (string | { error: string })[]) => () => {
    const next = list.length > 1 ? list.shift()! : list[0]!;
    if (typeof next === "string") return next;
    throw new Error(next.error);
  };
  const observed = new Set(scenario.observe);
  world.random = () => scenario.random ?? 0.5;
  const urls = scenario.urls && answers([...scenario.urls]);
  world.onSocket = ({ id, url }) => see({ expect: "socket", socket: id, ...(urls && { url }) });
  world.onSend = ({ id }, text) => see({ expect: "frame", socket: id, frame: JSON.parse(text) });
  world.onClose = ({ id }) => see({ expect: "close", socket: id });
  const client = new Client({ url: urls ?? "ws://test", platform: world.platform(), ...scenario.options });
  client.on("message", (data) => see({ expect: "app", data }));
  client.on("error", ({ code }) => see({ expect: "error", code }));
  client.on("state", (state) => {
    const code = state === "waiting" || state === "closed" ? client.lastError?.code : undefined;
    if (observed.has("state")) see({ expect: "state", state, code, attempts: client.attempts });
  });
  const rooms = new Map<string, source.Subscription>();
  const settled = (promise: Promise<unknown>, as: string, done: string) =>
    void promise.then(
      (data) => see({ expect: done, as, data }),
      (error) => see({ expect: "failed", as, code: error.code }),
    );
  const enter = ({ name, since, token }: Json) => {
    const asked = token === true ? answers([...(scenario.tokens ?? [])]) : token;
    const room = client.room(name, { since, token: asked });
    rooms.set(name, room);
    room.on("subscribed", (event) => see({ expect: "subscribed", room: name, ...event }));
    room.on("message", (event) => see({ expect: "message", ...event }));
    room.on("gap", (event) => see({ expect: "gap", room: name, ...event }));
    room.on("error", ({ code, retrying }) => see({ expect: "error", room: name, code, retrying }));
    room.on("closed", () => see({ expect: "closed", room: name }));
  };
  const steps = unfold(scenario.steps);
  for (const step of steps.filter((one) => one.do)) {
    await world.advance(step.at);
    const socket = world.sockets[step.socket - 1]!;
    if (step.do === "open") socket.dispatch("open");
    else if (step.do === "frame") socket.dispatch("message", { data: step.text ?? JSON.stringify(step.frame) });
    else if (step.do === "lost") socket.dispatch("close", { code: step.code ?? 1006, reason: "" });
    else if (step.do === "enter") enter(step);
    else if (step.do === "leave") rooms.get(step.name)!.close();
    else if (step.do === "send") settled(client.send(step.message), step.as, "sent");
    else if (step.do === "request") settled(client.request(step.message, step.options), step.as, "reply");
    else if (step.do === "close") client.close();
    else if (["online", "offline", "visible"].includes(step.do)) world.report(step.do);
    else throw new Error(`unknown step: ${step.do}`);
  }
  await world.advance(scenario.until ?? steps.at(-1)!.at);
  assert.deepEqual(channels(seen), channels(steps.filter((one) => one.expect)));
  client.close();
}

for (const [name, module] of Object.entries({ source, minified })) {
  suite(name, () => {
    for (const file of readdirSync(folder).filter((one) => one.endsWith(".json"))) {
      const scenarios: Scenario[] = JSON.parse(readFileSync(`${folder}/${file}`, "utf8"));
      for (const scenario of scenarios) test(`${file}: ${scenario.name}`, () => play(scenario, module));
    }
  });
}
