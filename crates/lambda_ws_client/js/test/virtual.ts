// A platform in virtual time. Its sockets do what a test says.

import type { Platform, Socket } from "../src/index.ts";

type Listener = (event: unknown) => void;

/** Lets promises that are ready continue. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

export class VirtualSocket implements Socket {
  readonly bufferedAmount = 0;
  readonly id: number;
  readonly url: string;
  readonly #world: World;
  readonly #listeners: [string, Listener][] = [];
  #over = false;

  constructor(world: World, url: string) {
    this.#world = world;
    this.url = url;
    this.id = world.sockets.push(this);
    world.onSocket(this);
  }

  send(text: string): void {
    this.#world.onSend(this, text);
  }

  close(): void {
    if (!this.#over) this.#world.onClose(this);
    this.#over = true;
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.push([type, listener]);
  }

  /** Reports an event. `close` is the last one. */
  dispatch(type: string, event: unknown = {}): void {
    if (type === "close") this.#over = true;
    for (const [name, listener] of this.#listeners) if (name === type) listener(event);
  }
}

export class World {
  now = 0;
  random: () => number = () => 0.5;
  readonly sockets: VirtualSocket[] = [];
  onSocket = (_socket: VirtualSocket) => {};
  onSend = (_socket: VirtualSocket, _text: string) => {};
  onClose = (_socket: VirtualSocket) => {};
  /** Reports `online`, `offline` or `visible`. */
  report: (change: "online" | "offline" | "visible") => void = () => {};
  #timers: { at: number; callback: () => void }[] = [];

  /** What a client gets as its platform. */
  platform(): Platform {
    const world = this;
    return {
      WebSocket: class extends VirtualSocket {
        constructor(url: string) {
          super(world, url);
        }
      },
      now: () => this.now,
      setTimeout: (callback, delay) => this.timer(delay, callback),
      clearTimeout: (timer) => void (this.#timers = this.#timers.filter((one) => one !== timer)),
      random: () => this.random(),
      listen: (report) => {
        this.report = report;
        return () => (this.report = () => {});
      },
    };
  }

  timer(delay: number, callback: () => void): unknown {
    const timer = { at: this.now + delay, callback };
    this.#timers.push(timer);
    return timer;
  }

  /** Runs the timers up to a time, in order. */
  async advance(to: number): Promise<void> {
    for (let turns = 0; ; turns++) {
      await settle();
      const [first] = this.#timers.toSorted((a, b) => a.at - b.at);
      if (!first || first.at > to) break;
      if (turns > 100_000) throw new Error("the timers do not end");
      this.#timers.splice(this.#timers.indexOf(first), 1);
      this.now = Math.max(this.now, first.at);
      first.callback();
    }
    this.now = Math.max(this.now, to);
  }
}
