// Clients and a server with random faults, in virtual time. SEEDS sets the number of seeds.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Client } from "../src/index.ts";
import { Checker } from "./checker.ts";
import { seeded, Server, type Connection, type Faults } from "./server.ts";
import { World, type VirtualSocket } from "./virtual.ts";

const SEEDS = Number(process.env.SEEDS ?? 60);
const MINUTE = 60_000;
const ROOMS = ["tea", "jazz"];
const FAULTS: Faults = { latency: 900, drop: 0.05, duplicate: 0.05, crash: 0.03, unavailable: 0.05, forget: 0.01 };

/** Connects the sockets of a virtual world with a server. */
function wire(world: World, server: Server, random: () => number): () => Connection[] {
  const sockets = new Map<VirtualSocket, Connection>();
  const gone = (socket: VirtualSocket) => {
    const connection = sockets.get(socket);
    sockets.delete(socket);
    if (connection) server.forget(connection);
  };
  world.onSocket = (socket) => {
    world.timer(Math.ceil(random() * 300), () => {
      if (server.faults.drop && random() < 0.2) return socket.dispatch("close", { code: 1006, reason: "" });
      const connection: Connection = {
        send: (data) => sockets.get(socket) === connection && socket.dispatch("message", { data }),
        close: () => {
          if (sockets.get(socket) !== connection) return;
          sockets.delete(socket);
          socket.dispatch("close", { code: 1006, reason: "" });
        },
      };
      sockets.set(socket, connection);
      server.connections.set(connection, new Set());
      socket.dispatch("open");
    });
  };
  world.onSend = (socket, text) => {
    const connection = sockets.get(socket);
    if (connection) server.receive(connection, text);
  };
  world.onClose = gone;
  return () => [...server.connections.keys()];
}

/** Runs clients through faults, lets the server recover, and returns their checkers. */
async function run(seed: number, history: number): Promise<{ checkers: Checker[]; server: Server; published: number }> {
  const random = seeded(seed);
  const world = new World();
  world.random = random;
  const server = new Server({ random, timer: (delay, callback) => world.timer(delay, callback) }, history);
  const live = wire(world, server, random);
  const published = new Map<string, unknown>();
  const publish = (room: string) => {
    const [epoch, seq] = server.position(room);
    const data = { room, number: published.size };
    published.set([room, epoch, seq + 1].join(), data);
    server.publish(room, data);
  };
  const clients = [0, 1, 2].map(() => new Client({ url: "ws://test", maxAge: MINUTE, platform: world.platform() }));
  const checkers = clients.flatMap((client) =>
    ROOMS.map((name) => new Checker(client.room(name), ([epoch, seq]) => published.get([name, epoch, seq].join()))),
  );
  // All are in their rooms before the faults begin, so that each message concerns each client.
  await world.advance(MINUTE);
  server.faults = FAULTS;
  const any = <T>(list: T[]): T | undefined => list[Math.floor(random() * list.length)];
  for (let end = world.now + 5 * MINUTE; world.now < end; ) {
    await world.advance(world.now + Math.ceil(random() * 1500));
    const connection = any(live());
    const draw = random();
    if (draw < 0.04) live().forEach((one) => server.cut(one));
    else if (connection && draw < 0.08) server.cut(connection);
    else if (connection && draw < 0.1) server.forget(connection);
    else if (connection && draw < 0.12) server.bye(connection, 1000);
    else if (draw < 0.14) world.report("offline");
    else if (draw < 0.18) world.report("online");
    else if (history < Infinity && draw < 0.19) server.restart(any(ROOMS)!);
    else for (let count = Math.ceil(random() * 4); count > 0; count--) publish(any(ROOMS)!);
  }
  world.report("online");
  server.faults = { ...FAULTS, drop: 0, crash: 0, unavailable: 0, forget: 0 };
  ROOMS.forEach(publish);
  // A lost last message is noticed within 4 minutes.
  await world.advance(world.now + 6 * MINUTE);
  clients.forEach((client) => client.close());
  for (const [index, checker] of checkers.entries()) {
    assert.ifError(checker.failure);
    assert.deepEqual(checker.position, server.position(ROOMS[index % ROOMS.length]!), "the client is at the end");
  }
  return { checkers, server, published: published.size };
}

suite("with random faults", () => {
  test(`${SEEDS} runs with a complete history lose nothing`, async () => {
    let received = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { checkers, published } = await run(seed, Infinity).catch((error) => {
        throw new Error(`seed ${seed}`, { cause: error });
      });
      assert.deepEqual(checkers.flatMap((one) => one.gaps), [], `seed ${seed}`);
      const all = checkers.reduce((sum, one) => sum + one.received, 0);
      assert.equal(all, 3 * published, `seed ${seed}`);
      received += all;
    }
    assert.ok(received > 500 * SEEDS, `${received} messages were received`);
  });

  test(`${SEEDS} runs with a short history and new epochs announce each gap`, async () => {
    let gaps = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { checkers, server } = await run(seed, 8).catch((error) => {
        throw new Error(`seed ${seed}`, { cause: error });
      });
      const announced = checkers.reduce((sum, one) => sum + one.gaps.length, 0);
      assert.ok(announced <= server.gaps, `seed ${seed}: no gap without an answer that states it`);
      gaps += announced;
    }
    assert.ok(gaps > SEEDS, `${gaps} gaps were announced`);
  });
});
