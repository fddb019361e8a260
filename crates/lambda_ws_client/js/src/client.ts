import { ClientError } from "./error.ts";
import { Emitter } from "./events.ts";
import { Machine, type Call, type Effect, type Input, type State } from "./machine.ts";
import { notOpened, platform, type Platform, type Socket } from "./platform.ts";
import { isObject, type Position } from "./protocol.ts";
import { Room } from "./room.ts";
import { Subscription } from "./subscription.ts";

/** API Gateway closes the connection after a longer frame. A `WebSocket` sends each message in one frame. */
const MAX_FRAME = 32 * 1024;
const MAX_UNSENT = 1024 * 1024;
const MAX_TIMER = 2 ** 31 - 1;

/** The options of a `Client`. Times are in ms. */
export interface ClientOptions {
  /** The address, or a callback that returns it with a new ticket or token. It runs before each attempt. */
  url: string | (() => string | Promise<string>);
  /** The subprotocols of the WebSocket. */
  protocols?: string | string[];
  /** The bounds of the random time before an attempt: 500 for the first one, doubled up to 30 000. */
  minBackoff?: number;
  maxBackoff?: number;
  /** The time between two `$ping` with all positions: 240 000. */
  keepAlive?: number;
  /** An attempt or a callback that takes longer has failed: 30 000. */
  connectTimeout?: number;
  /** The latest time at which a connection is replaced: 6 600 000, which is 1 h 50 min. It is up to 10 % earlier. */
  maxAge?: number;
  /** How many messages wait while no connection is open: 100. */
  queueSize?: number;
  /** The message that fails if the queue is full: `newest`, the default, or `oldest`. */
  queueDrops?: "newest" | "oldest";
  /** Replacements for parts of the platform. */
  platform?: Partial<Platform>;
}

/** The options of a subscription. */
export interface RoomOptions {
  /** The position of the last message that the application knows. Without it, new messages arrive only. */
  since?: Position;
  /** A room token, or a callback that returns one. The callback runs before each `$subscribe`. */
  token?: string | (() => string | Promise<string>);
}

/** The options of a request. */
export interface RequestOptions {
  /** The deadline in ms: 10 000. */
  timeout?: number;
  /** Whether the handler may run twice. Such a request is sent again after a reconnect. */
  safe?: boolean;
}

/** The events of a `Client`, with the arguments of their listeners. */
export type ClientEvents = {
  state: [State];
  /** A message of the application: parsed if it is JSON, and as text. */
  message: [data: unknown, text: string];
  /** A frame without `$id` failed. */
  error: [ClientError];
};

interface Deferred extends Call {
  resolve(data: unknown): void;
  reject(error: ClientError): void;
}

/** A connection that is opened again whenever it closes, with its rooms and requests. */
export class Client extends Emitter<ClientEvents> {
  readonly #options: ClientOptions;
  readonly #platform: Platform;
  readonly #machine: Machine;
  readonly #sockets = new Map<number, Socket | undefined>();
  readonly #subscriptions = new Map<Room, Subscription<any>>();
  readonly #tokens = new Map<Room, () => string | Promise<string>>();
  readonly #stopListening: () => void;
  readonly #effects: Effect[] = [];
  #running = false;
  #timer: unknown;

  /** Connects. The client keeps a Node process alive until `close()`. */
  constructor(options: ClientOptions) {
    super();
    // Throws if it is not valid.
    if (typeof options.url === "string") new URL(options.url);
    this.#options = options;
    this.#platform = platform(options.platform ?? {});
    if (!this.#platform.WebSocket) throw new TypeError("no WebSocket found: expected Node 22 or platform.WebSocket");
    const defined = Object.entries(options).filter(([, value]) => value !== undefined);
    this.#machine = new Machine({
      ...{ minBackoff: 500, maxBackoff: 30_000, keepAlive: 240_000, connectTimeout: 30_000, maxAge: 6_600_000 },
      ...{ queueSize: 100, queueDrops: "newest", random: () => this.#platform.random() },
      ...Object.fromEntries(defined),
    });
    this.#stopListening = this.#platform.listen((type) => this.#input({ type }));
    this.#input({ type: "start" });
  }

  /** `connecting`, `open`, `waiting` for the next attempt, or `closed` for good. */
  get state(): State {
    return this.#machine.state;
  }

  /** How many connections have failed or closed since one was open for 10 s. */
  get attempts(): number {
    return this.#machine.attempts;
  }

  /** Why the last connection failed or closed. */
  get lastError(): ClientError | undefined {
    return this.#machine.lastError;
  }

  /** Joins a room. It stays joined across connections until its `close()`. */
  room<T = unknown>(name: string, { since, token }: RoomOptions = {}): Subscription<T> {
    for (const { name: taken } of this.#subscriptions.values()) {
      if (taken === name) throw new Error(`the client is already in the room ${name}: use that subscription or close it`);
    }
    const room = new Room(name, since, typeof token === "function" || token, (event) => this.#machine.emit(event));
    const subscription = new Subscription<T>(name, since, () => {
      this.#forget(room);
      this.#input({ type: "unsubscribe", room });
    });
    this.#subscriptions.set(room, subscription);
    if (typeof token === "function") this.#tokens.set(room, token);
    // The application adds its listeners first.
    if (this.state === "closed") queueMicrotask(() => this.#forget(room, this.#closed()));
    else this.#input({ type: "subscribe", room });
    return subscription;
  }

  /** Sends a message, and resolves once it is given to the socket. Delivery is certain only for a request. */
  send(message: unknown): Promise<void> {
    const sent = this.#call(JSON.stringify(reject$(message)), {}) as Promise<void>;
    // A caller that does not wait accepts the loss.
    sent.catch(() => {});
    return sent;
  }

  /** Sends a message, and resolves with the return value of its handler. */
  request<T = unknown>(message: object, { timeout = 10_000, safe = false }: RequestOptions = {}): Promise<T> {
    if (!isObject(reject$(message))) throw new TypeError("the message of a request is not valid: expected an object");
    const id = this.#machine.nextId();
    return this.#call(JSON.stringify({ ...message, $id: id }), { id, timeout, safe }) as Promise<T>;
  }

  /** Closes the connection, the rooms and the requests for good. */
  close(): void {
    this.#input({ type: "close" });
  }

  #call(text: string | undefined, options: Omit<Call, "text">): Promise<unknown> {
    if (text === undefined) throw new TypeError("the message is not valid: expected a JSON value");
    return new Promise((resolve, reject) => {
      const unsent = Math.max(0, ...[...this.#sockets.values()].map((socket) => socket?.bufferedAmount ?? 0));
      if (new TextEncoder().encode(text).length > MAX_FRAME) {
        reject(new ClientError("too_long", `the message is too long: expected at most ${MAX_FRAME} bytes`));
      } else if (unsent > MAX_UNSENT) {
        reject(new ClientError("queue_full", "the network is slow: more than 1 MiB is not sent yet"));
      } else {
        const call: Deferred = { ...options, text, resolve, reject };
        this.#input({ type: "call", call });
      }
    });
  }

  #closed(): ClientError {
    return new ClientError("closed", "the client is closed: create another one");
  }

  #forget(room: Room, error?: ClientError): void {
    const subscription = this.#subscriptions.get(room);
    this.#subscriptions.delete(room);
    this.#tokens.delete(room);
    subscription?.end(error);
  }

  // A listener can call the client, so effects wait in a queue.
  #input(input: Input): void {
    const clock = this.#platform;
    this.#effects.push(...this.#machine.handle(input, clock.now()));
    if (this.#running) return;
    this.#running = true;
    for (let effect; (effect = this.#effects.shift()); ) this.#run(effect);
    this.#running = false;
    clock.clearTimeout(this.#timer as never);
    const wait = this.#machine.deadline - clock.now();
    if (wait === Infinity) return;
    this.#timer = clock.setTimeout(() => this.#input({ type: "tick" }), Math.max(0, Math.min(wait, MAX_TIMER)));
  }

  #run(effect: Effect): void {
    switch (effect.type) {
      case "connect":
        this.#sockets.set(effect.socket, undefined);
        void this.#connect(effect.socket);
        break;
      case "disconnect": {
        const socket = this.#sockets.get(effect.socket);
        this.#sockets.delete(effect.socket);
        socket?.close();
        break;
      }
      case "send":
        this.#sockets.get(effect.socket)?.send(effect.text);
        break;
      case "token":
        void this.#ask(effect.room, effect.ask);
        break;
      case "settled": {
        const { resolve, reject } = effect.call as Deferred;
        if (effect.error) reject(effect.error);
        else resolve(effect.data);
        break;
      }
      case "app":
        this.emit("message", effect.data, effect.text);
        break;
      case "state":
        if (effect.state === "closed") this.#stopListening();
        this.emit("state", effect.state);
        break;
      case "trouble":
        if (effect.room) this.#subscriptions.get(effect.room)?.emit("error", effect.error);
        else this.emit("error", effect.error);
        break;
      case "ended":
        this.#forget(effect.room, effect.error);
        break;
      case "message":
        this.#subscriptions.get(effect.room)?.deliver(effect.data, effect.position);
        break;
      case "gap":
        this.#subscriptions.get(effect.room)?.skip(effect.from, effect.to);
        break;
      case "subscribed":
        this.#subscriptions.get(effect.room)?.start(effect.position, effect.recovered);
    }
  }

  async #connect(id: number): Promise<void> {
    const { url, protocols } = this.#options;
    try {
      const address = typeof url === "function" ? await url() : url;
      // The client can have given up meanwhile.
      if (!this.#sockets.has(id)) return;
      const socket = new this.#platform.WebSocket(address, protocols);
      this.#sockets.set(id, socket);
      let opened = false;
      let failure: unknown;
      socket.addEventListener("open", () => {
        opened = true;
        this.#input({ type: "opened", socket: id });
      });
      socket.addEventListener("message", ({ data }) => {
        if (typeof data === "string") this.#input({ type: "frame", socket: id, text: data });
      });
      socket.addEventListener("error", (event) => (failure = event));
      socket.addEventListener("close", (event) => {
        const { code, reason } = event;
        const error = opened
          ? new ClientError("lost", `the connection closed with ${code} ${reason}`.trim(), { status: code })
          : notOpened(failure, event);
        this.#input({ type: "lost", socket: id, error });
        this.#sockets.delete(id);
      });
    } catch (cause) {
      const error = new ClientError("url", `the url callback failed: ${cause}`, { cause });
      this.#input({ type: "lost", socket: id, error });
    }
  }

  async #ask(room: Room, ask: unknown): Promise<void> {
    try {
      const token = await this.#tokens.get(room)?.();
      if (typeof token !== "string") throw new TypeError("the token callback returned no text");
      this.#input({ type: "token", ask, token });
    } catch (error) {
      this.#input({ type: "token", ask, error });
    }
  }
}

/** Returns a message, unless it uses what is reserved for the client. */
function reject$(message: unknown): unknown {
  if (isObject(message) && ("$id" in message || String(message.action).startsWith("$"))) {
    throw new TypeError("the message is not valid: $id and actions that begin with $ are reserved");
  }
  return message;
}
