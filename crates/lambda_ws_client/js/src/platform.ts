// What the client needs of its platform. Everything can be replaced, for tests and for other platforms.

import { ClientError } from "./error.ts";

/** The part of a `WebSocket` that the client uses. */
export interface Socket {
  readonly bufferedAmount: number;
  send(text: string): void;
  close(): void;
  addEventListener(type: "open" | "message" | "error" | "close", listener: (event: any) => void): void;
}

/** What the client takes from its platform. The default works in browsers, workers and Node 22. */
export interface Platform {
  WebSocket: new (url: string, protocols?: string | string[]) => Socket;
  /** The time in ms, from any start. */
  now(): number;
  setTimeout(callback: () => void, delay: number): unknown;
  clearTimeout(timer: never): void;
  /** A number from 0 to 1. */
  random(): number;
  /** Reports changes of the network and of the page, and returns a function that stops it. */
  listen(report: (change: "online" | "offline" | "visible") => void): () => void;
}

/** Returns the platform, with the replacements of an application. */
export function platform(replaced: Partial<Platform>): Platform {
  let last = Date.now();
  let time = 0;
  return {
    WebSocket: replaced.WebSocket ?? (globalThis as any).WebSocket,
    // Counts the time of a sleeping machine, and ignores a clock that is set back.
    now() {
      const before = last;
      last = Date.now();
      return (time += Math.max(0, last - before));
    },
    setTimeout: (callback, delay) => setTimeout(callback, delay),
    clearTimeout: (timer) => clearTimeout(timer),
    random: Math.random,
    listen,
    ...replaced,
  };
}

function listen(report: (change: "online" | "offline" | "visible") => void): () => void {
  const { addEventListener, removeEventListener, document } = globalThis as any;
  if (!addEventListener) return () => {};
  const network = ({ type }: { type: "online" | "offline" }) => report(type);
  const page = () => document.visibilityState === "visible" && report("visible");
  addEventListener("online", network);
  addEventListener("offline", network);
  document?.addEventListener("visibilitychange", page);
  return () => {
    removeEventListener("online", network);
    removeEventListener("offline", network);
    document?.removeEventListener("visibilitychange", page);
  };
}

/** Returns why a connection did not open, as far as the platform tells. Browsers tell nothing. */
export function notOpened(event: any): ClientError {
  const cause = event.error;
  const text: string = event.message || cause?.message || event.code;
  // The package `ws` states the status in the text of its error.
  const [, status] = /response: (\d+)/.exec(text) ?? [];
  let network = (globalThis as any).navigator?.onLine === false;
  for (let error = cause; error; error = error.cause) network ||= /^E[A-Z_]+$/.test(error.code);
  return new ClientError(
    status ? "rejected" : network ? "unreachable" : "not_opened",
    `the connection did not open: ${text}`,
    { cause, ...(status && { status: +status }) },
  );
}
