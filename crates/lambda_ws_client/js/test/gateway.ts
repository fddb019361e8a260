// The client against the real function and the local gateway, while connections break and much fails on purpose.
// `npm run test:gateway` compiles both and runs this.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { Client, type Position } from "../src/index.ts";
import { Checker } from "./checker.ts";
import { seeded } from "./server.ts";

const FAULTS = "gone=2%,false-gone=1%,throttle=3%,crash=1%,lost-disconnect=20%,post-latency=20ms";
const SEED = Number(process.env.SEED ?? 20);
const CLIENTS = 5;
const PUBLISHING = 20_000;
/** A lost last message is noticed after 20 s, and a dead connection after 10 s more. */
const RECOVERY = 45_000;

const ROOM = "long/1";
const ROOT = new URL("../../../../", import.meta.url).pathname;
const PROGRAMS = `${process.env.CARGO_TARGET_DIR ?? `${ROOT}target`}/debug`;

const sleep = (time: number) => new Promise((resolve) => setTimeout(resolve, time));

/** Waits until a condition holds. */
async function until(what: string, time: number, holds: () => boolean): Promise<void> {
  const end = Date.now() + time;
  while (!holds()) {
    assert.ok(Date.now() < end, `${what}: not within ${time} ms`);
    await sleep(50);
  }
}

/** Starts the gateway, and returns the address of its websockets. */
async function gateway(): Promise<URL> {
  const options = ["--port", "0", "--fault", FAULTS, "--fault-seed", `${SEED}`];
  const program = spawn(`${PROGRAMS}/lambda-ws-local`, [...options, "--", `${PROGRAMS}/lossless`], {
    ...{ cwd: ROOT, stdio: ["ignore", "pipe", "ignore"], env: { ...process.env, NO_COLOR: "1" } },
  });
  const exited = once(program, "exit");
  after(async () => {
    program.kill("SIGTERM");
    await exited;
  });
  // Both fail the suite at once: a program that does not start, and one that ends before it serves.
  const found = (async () => {
    for await (const line of createInterface(program.stdout!)) {
      const [name, url] = line.split(/\s+/);
      if (name === "websocket") {
        program.stdout!.resume();
        return new URL(url!);
      }
    }
    throw new Error("the gateway did not start: run lambda-ws-local to see its error");
  })();
  return await Promise.race([found, once(program, "error").then(([error]) => Promise.reject(error))]);
}

/** Forwards connections to a port, and returns its own port and a function that breaks a random connection. */
async function network(target: number, random: () => number): Promise<{ port: number; cut(): void }> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    open.add(client);
    for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => (open.delete(one), other.destroy()));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    open.forEach((one) => one.destroy());
    server.close();
  });
  const cut = () => [...open][Math.floor(random() * open.size)]?.destroy();
  return { port: (server.address() as AddressInfo).port, cut };
}

test("five clients miss nothing while connections break", { timeout: 180_000 }, async () => {
  const random = seeded(SEED);
  const url = await gateway();
  const proxy = await network(Number(url.port), random);
  const clients: Client[] = [];
  after(() => clients.forEach((client) => client.close()));
  const client = (user: string, port: number | string) => {
    const address = Object.assign(new URL(url), { port: `${port}`, search: `user=${user}` });
    const one = new Client({ url: `${address}`, minBackoff: 100, maxBackoff: 2000 });
    clients.push(one);
    return one;
  };

  // The first client that receives a message states its data. The reader of the log checks it at the end.
  const log = new Map<string, unknown>();
  const check = (one: Client, since?: Position) => {
    const room = one.room(ROOM, since && { since });
    room.on("message", ({ epoch, seq, data }) => void (log.has(`${epoch} ${seq}`) || log.set(`${epoch} ${seq}`, data)));
    const checker = new Checker(room, ([epoch, seq]) => log.get(`${epoch} ${seq}`));
    let connections = 0;
    room.on("subscribed", () => void connections++);
    room.on("closed", (error) => void (checker.failure ??= error));
    return { checker, connections: () => connections };
  };
  const guests = Array.from({ length: CLIENTS }, (_, index) => check(client(`u${index}`, proxy.port)));
  await until("all clients subscribe", 60_000, () => guests.every(({ checker }) => checker.position));
  const start = guests[0]!.checker.position!;

  const end = Date.now() + PUBLISHING;
  const confirmed = new Map<string, string>();
  const publish = async (one: Client, user: number) => {
    for (let number = 0; Date.now() < end; number++) {
      const text = `${user}: ${number}`;
      // A message without a confirmation may be in the log as well.
      const reply = one.request<Position>({ action: "say", room: ROOM, text }, { timeout: 5000 });
      const position = await reply.catch(() => undefined);
      if (position) confirmed.set(position.join(" "), text);
      await sleep(100 + 200 * random());
    }
  };
  let cuts = 0;
  const breaking = async () => {
    for (; Date.now() < end; cuts++) {
      await sleep(200 + 600 * random());
      proxy.cut();
    }
  };
  await Promise.all([...clients.slice(0, 3).map(publish), breaking()]);

  // A new subscription without `since` starts at the end of the log.
  const reader = check(client("reader", url.port));
  await until("a reader subscribes", 60_000, () => reader.checker.position !== undefined);
  const [, last] = reader.checker.position!;
  const stopped = Date.now();
  const isAt = (number: number) => guests.every(({ checker }) => checker.failure || checker.position![1] >= number);
  await until("all clients are at the end of the log", RECOVERY, () => isAt(last));
  const recovery = (Date.now() - stopped) / 1000;

  const { checker: whole } = check(client("historian", url.port), start);
  await until("the log is read", 60_000, () => whole.failure !== undefined || (whole.position?.[1] ?? 0) >= last);
  for (const { failure, gaps } of [whole, ...guests.map(({ checker }) => checker)]) {
    assert.ifError(failure);
    assert.deepEqual(gaps, [], "the log is complete");
  }
  for (const [position, text] of confirmed) assert.equal(log.get(position), text, position);
  assert.equal(new Set(log.values()).size, log.size, "each message is in the log once");
  const deliveries = guests.reduce((sum, { checker }) => sum + checker.received, 0);
  const reconnects = guests.reduce((sum, { connections }) => sum + connections() - 1, 0);
  console.log(
    `lossless: ${CLIENTS} clients, ${log.size} messages, ${deliveries} deliveries, ${cuts} cuts, ` +
      `${reconnects} reconnects, 0 gaps, recovered after ${recovery} s`,
  );
  assert.ok(log.size > 30 && reconnects > cuts / 3, "the run is too calm");
});
