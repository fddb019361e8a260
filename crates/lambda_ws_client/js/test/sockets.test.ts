// The client in Node: over real sockets, and with applications that make mistakes.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { after, suite, test } from "node:test";
import { WebSocket as WsPackage } from "ws";
import { Client, ClientError, type ClientOptions, type Platform } from "../src/index.ts";
import { Checker } from "./checker.ts";
import { serve, storm } from "./real.ts";
import { World } from "./virtual.ts";

const WAIT = { timeout: 60_000 };

/** Waits until a condition holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}

const implementations: [string, Partial<Platform>][] = [
  ["the WebSocket of Node", {}],
  ["the package ws", { WebSocket: WsPackage as unknown as Platform["WebSocket"] }],
];

for (const [name, platform] of implementations) {
  suite(name, WAIT, async () => {
    const real = await serve();
    after(() => real.close());
    const { server } = real;
    const clients: Client[] = [];
    after(() => clients.forEach((client) => client.close()));
    const connect = (options: Partial<ClientOptions> = {}) => {
      const client = new Client({ url: real.url, minBackoff: 10, maxBackoff: 100, platform, ...options });
      clients.push(client);
      return client;
    };

    test("three clients receive each message once and in order", async () => {
      // The last message can be lost, so positions are reported often.
      const crowd = [1, 2, 3].map(() => connect({ keepAlive: 500, maxAge: 1000 }));
      const checkers = crowd.map((one) => new Checker(one.room("storm"), ([, seq]) => ({ number: seq })));
      await until(() => checkers.every((one) => one.position));
      await storm(real, "storm", 300);
      await until(() => checkers.every((one) => one.failure || one.position?.[1] === 300));
      for (const { failure, gaps, received } of checkers) {
        assert.ifError(failure);
        assert.deepEqual(gaps, []);
        assert.equal(received, 300);
      }
      crowd.forEach((one) => one.close());
      server.faults = { ...server.faults, latency: 0, duplicate: 0 };
    });

    test("a request resolves, and a loop receives what it causes", async () => {
      const client = connect();
      const room = client.room<string>("loop");
      const messages = room[Symbol.asyncIterator]();
      await new Promise<void>((resolve) => void room.on("subscribed", () => resolve()));
      assert.equal(await client.request({ action: "say", room: "loop", data: "a" }), 1);
      assert.deepEqual(await messages.next(), {
        done: false,
        value: { room: "loop", data: "a", epoch: "e000001", seq: 1 },
      });
      assert.deepEqual(room.position, ["e000001", 1]);
      room.close();
      assert.deepEqual(await messages.next(), { done: true, value: undefined });
    });

    test("a slow loop ends with an error, and the subscription continues", async () => {
      const room = connect().room("slow");
      const messages = room[Symbol.asyncIterator]();
      await new Promise<void>((resolve) => void room.on("subscribed", () => resolve()));
      for (let number = 1; number <= 1001; number++) server.publish("slow", number);
      await until(() => room.position?.[1] === 1001);
      await assert.rejects(messages.next(), { code: "overflow" });
      assert.equal((await messages.next()).done, true);
    });

    test("a rejected handshake is a failed attempt, and the callback runs before each one", async () => {
      real.reject = 401;
      real.queries.length = 0;
      let tickets = 0;
      const client = connect({ url: async () => `${real.url}?ticket=${++tickets}` });
      await until(() => client.attempts >= 2);
      const known = platform.WebSocket ? { code: "rejected", status: 401 } : { code: "not_opened" };
      assert.deepEqual({ ...client.lastError, ...known }, { ...client.lastError }, `${client.lastError}`);
      real.reject = 0;
      await until(() => client.state === "open");
      assert.deepEqual(real.queries.slice(0, 2), ["ticket=1", "ticket=2"]);
      client.close();
    });

    test("a server that cannot be reached is told apart where the platform tells", async () => {
      const closed = createServer().listen(0, "127.0.0.1");
      await once(closed, "listening");
      const { port } = closed.address() as AddressInfo;
      closed.close();
      const client = connect({ url: `ws://127.0.0.1:${port}` });
      await until(() => client.attempts >= 1);
      assert.equal(client.lastError?.code, platform.WebSocket ? "unreachable" : "not_opened");
      client.close();
    });

    test("a message that is too long fails before it is sent", async () => {
      const client = connect();
      await until(() => client.state === "open");
      await assert.rejects(client.send("€".repeat(11_000)), { code: "too_long" });
      await assert.rejects(client.request({ text: "a".repeat(32_768) }), ClientError);
      await client.send("a".repeat(32_766));
      client.close();
    });
  });
}

test("a network that is slow fails messages instead of keeping them", async () => {
  const real = await serve();
  class Slow extends WsPackage {
    // @ts-expect-error: the types of the package declare a field.
    override get bufferedAmount() {
      return 2 ** 21;
    }
  }
  const platform = { WebSocket: Slow as unknown as Platform["WebSocket"] };
  const client = new Client({ url: real.url, platform });
  await until(() => client.state === "open");
  await assert.rejects(client.request({ action: "say" }), { code: "queue_full" });
  client.close();
  real.close();
});

test("a loop over a room of a closed client ends with an error", async () => {
  const client = new Client({ url: "ws://127.0.0.1:1" });
  const before = client.room("tea")[Symbol.asyncIterator]();
  const waiting = [before.next(), before.next()];
  client.close();
  assert.deepEqual(await Promise.all(waiting), Array(2).fill({ done: true, value: undefined }));
  await assert.rejects(client.room("tea")[Symbol.asyncIterator]().next(), { code: "closed" });
});

test("callbacks that do not return have failed after 30 s", async () => {
  const never = () => new Promise<string>(() => {});
  const world = new World();
  const lost = new Client({ url: never, platform: world.platform() });
  await world.advance(30_000);
  assert.equal(lost.lastError?.code, "timeout");
  lost.close();
  world.onSocket = (socket) => world.timer(1, () => socket.dispatch("open"));
  const client = new Client({ url: "ws://test", platform: world.platform() });
  const errors: string[] = [];
  client.room("tea", { token: never }).on("error", ({ code, retrying }) => errors.push(`${code} ${retrying}`));
  await world.advance(60_000);
  assert.deepEqual(errors, []);
  await world.advance(60_002);
  assert.deepEqual(errors, ["token true"]);
  assert.equal(client.state, "open");
  client.close();
});

test("an undefined option is a default", async () => {
  const client = new Client({ url: "ws://127.0.0.1:1", queueSize: undefined, minBackoff: undefined } as never);
  const sends = Array.from({ length: 101 }, (_, number) => client.send(number));
  await assert.rejects(sends[100]!, { code: "queue_full" });
  client.close();
});

test("a mistake of the application throws at once", () => {
  const client = new Client({ url: "ws://127.0.0.1:1" });
  client.room("tea");
  assert.throws(() => client.room("tea"), /the room tea has a subscription: close it first/);
  assert.throws(() => client.request("text" as never), TypeError);
  client.close();
  assert.throws(() => new Client({ url: "no url" }), TypeError);
  assert.throws(() => new Client({ url: "ws://127.0.0.1", platform: { WebSocket: null as never } }), TypeError);
});

test("a listener that throws does not affect the others, and is reported as uncaught", ({ mock }) => {
  const reported = mock.method(globalThis, "queueMicrotask", () => {});
  const client = new Client({ url: "ws://127.0.0.1:1" });
  const states: string[] = [];
  client.on("state", () => {
    throw new Error("of a listener");
  });
  client.on("state", (state) => states.push(state));
  client.on("state", () => states.push("removed"))();
  client.close();
  assert.deepEqual(states, ["closed"]);
  assert.throws(reported.mock.calls[0]!.arguments[0] as () => void, /of a listener/);
});
