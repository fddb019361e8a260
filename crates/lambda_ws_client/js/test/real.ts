// The server of `server.ts` behind real sockets on loopback.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { seeded, Server, type Connection } from "./server.ts";

export interface Real {
  server: Server;
  random: () => number;
  url: string;
  page: string;
  /** The status with which handshakes are rejected, or 0. */
  reject: number;
  /** The query of each handshake. */
  queries: string[];
  close(): void;
}

/** Serves until `close()`. */
export async function serve(answer?: (request: IncomingMessage, response: ServerResponse) => void): Promise<Real> {
  const random = seeded(Number(process.env.SEED ?? 1));
  const server = new Server({ random, timer: (delay, callback) => setTimeout(callback, delay) });
  const http = createServer(answer);
  const sockets = new WebSocketServer({ noServer: true });
  http.on("upgrade", (request, socket, head) => {
    real.queries.push(request.url!.split("?")[1] ?? "");
    if (real.reject) return socket.end(`HTTP/1.1 ${real.reject} Rejected\r\nContent-Length: 0\r\n\r\n`);
    sockets.handleUpgrade(request, socket, head, (websocket) => {
      const connection: Connection = {
        send: (text) => websocket.send(text),
        close: () => websocket.terminate(),
      };
      server.connections.set(connection, new Set());
      websocket.on("message", (text) => server.receive(connection, String(text)));
      websocket.on("close", () => server.forget(connection));
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  const real: Real = {
    ...{ server, random, reject: 0, queries: [] },
    ...{ url: `ws://127.0.0.1:${port}/dev`, page: `http://127.0.0.1:${port}/` },
    close() {
      for (const one of sockets.clients) one.terminate();
      http.closeAllConnections();
      http.close();
    },
  };
  return real;
}

/** Publishes messages to a room over some seconds, with random faults, and ends with a message without faults. */
export async function storm({ server, random }: Real, room: string, count: number): Promise<void> {
  const faults = { latency: 60, drop: 0.03, duplicate: 0.05, crash: 0.01, unavailable: 0.03, forget: 0 };
  for (let number = 1; number < count; number++) {
    server.faults = faults;
    server.publish(room, { number });
    const [connection] = [...server.connections.keys()].sort(() => random() - 0.5);
    if (connection && random() < 0.02) server.cut(connection);
    if (connection && random() < 0.01) server.bye(connection, 20);
    await new Promise((resolve) => setTimeout(resolve, random() * 20));
  }
  server.faults = { ...faults, drop: 0, crash: 0, unavailable: 0 };
  server.publish(room, { number: count });
}
