import { ClientError } from "./error.ts";
import { Emitter } from "./events.ts";
import { Machine, type Call, type Effect, type Member, type State } from "./machine.ts";
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

/** The arguments of an effect. */
type Values<Name> = Extract<Effect, [Name, ...unknown[]]> extends [Name, ...infer Values] ? Values : never;

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
  readonly #handlers: { [Name in Effect[0]]: (...values: Values<Name>) => void } = {
    connect: (socket) => {
      this.#sockets.set(socket, undefined);
      void this.#connect(socket);
    },
    disconnect: (id) => {
      const socket = this.#sockets.get(id);
      this.#sockets.delete(id);
      socket?.close();
    },
    send: (socket, text) => this.#sockets.get(socket)?.send(text),
    ask: (room, ask) => void this.#ask(room, ask),
    subscribed: (room, position, recovered) => this.#subscriptions.get(room)?.start(position, recovered),
    message: (room, data, position) => this.#subscriptions.get(room)?.deliver(data, position),
    gap: (room, from, to) => this.#subscriptions.get(room)?.skip(from, to),
    ended: (room, error) => this.#forget(room, error),
    refused: (room, error) => this.#subscriptions.get(room)?.emit("error", error),
    error: (error) => this.emit("error", error),
    settled: (call, error, data) => (error ? (call as Deferred).reject(error) : (call as Deferred).resolve(data)),
    app: (data, text) => this.emit("message", data, text),
    state: (state) => {
      if (state === "closed") this.#stopListening();
      this.emit("state", state);
    },
  };
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
    this.#machine = new Machine({
      ...{ minBackoff: 500, maxBackoff: 30_000, keepAlive: 240_000, connectTimeout: 30_000, maxAge: 6_600_000 },
      ...{ queueSize: 100, queueDrops: "newest", random: () => this.#platform.random() },
      ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    });
    this.#stopListening = this.#platform.listen((change) => this.#input(() => this.#machine[change]()));
    this.#input(() => this.#machine.start());
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
      if (taken === name) throw new Error(`the room ${name} has a subscription: close it first`);
    }
    const given = typeof token === "function" || token;
    const room = new Room(name, since, given, (...effect) => this.#machine.emit(...effect));
    const subscription = new Subscription<T>(name, since, () => {
      this.#forget(room);
      this.#input(() => this.#machine.unsubscribe(room));
    });
    this.#subscriptions.set(room, subscription);
    if (typeof token === "function") this.#tokens.set(room, token);
    // The application adds its listeners first.
    if (this.state === "closed") queueMicrotask(() => this.#forget(room, this.#closed()));
    else this.#input(() => this.#machine.subscribe(room));
    return subscription;
  }

  /** Sends a message, and resolves once it is given to the socket. Delivery is certain only for a request. */
  send(message: unknown): Promise<void> {
    const sent = this.#call(JSON.stringify(message ?? null), {}) as Promise<void>;
    // A caller that does not wait accepts the loss.
    sent.catch(() => {});
    return sent;
  }

  /** Sends a message, and resolves with the return value of its handler. */
  request<T = unknown>(message: object, { timeout = 10_000, safe = false }: RequestOptions = {}): Promise<T> {
    if (!isObject(message)) throw new TypeError("the request is not valid: expected an object");
    const id = this.#machine.nextId();
    return this.#call(JSON.stringify({ ...message, $id: id }), { id, timeout, safe }) as Promise<T>;
  }

  /** Closes the connection, the rooms and the requests for good. */
  close(): void {
    this.#input(() => this.#machine.close());
  }

  #call(text: string, options: Omit<Call, "text">): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const unsent = Math.max(0, ...[...this.#sockets.values()].map((socket) => socket?.bufferedAmount ?? 0));
      const { length } = new TextEncoder().encode(text);
      if (length > MAX_FRAME) {
        reject(new ClientError("too_long", `a message of ${length} bytes is too long: expected at most 32 KB (${MAX_FRAME})`));
      } else if (unsent > MAX_UNSENT) {
        reject(new ClientError("queue_full", "the network is slow: 1 MiB is not sent yet"));
      } else {
        const call: Deferred = { ...options, text, resolve, reject };
        this.#input(() => this.#machine.call(call));
      }
    });
  }

  #closed(): ClientError {
    return new ClientError("closed", "the client is closed");
  }

  #forget(room: Room, error?: ClientError): void {
    const subscription = this.#subscriptions.get(room);
    this.#subscriptions.delete(room);
    this.#tokens.delete(room);
    subscription?.end(error);
  }

  // A listener can call the client, so effects wait in a queue.
  #input(input: () => void): void {
    const clock = this.#platform;
    this.#effects.push(...this.#machine.handle(clock.now(), input));
    if (this.#running) return;
    this.#running = true;
    try {
      for (let effect; (effect = this.#effects.shift()); ) {
        const [name, ...values] = effect;
        (this.#handlers[name] as (...values: unknown[]) => void)(...values);
      }
    } finally {
      this.#running = false;
    }
    clock.clearTimeout(this.#timer as never);
    const wait = this.#machine.deadline - clock.now();
    if (wait === Infinity) return;
    this.#timer = clock.setTimeout(() => this.#input(() => {}), Math.max(0, Math.min(wait, MAX_TIMER)));
  }

  async #connect(id: number): Promise<void> {
    const { url, protocols } = this.#options;
    try {
      // A callback that fails at once must not report it before the application has added its listeners.
      await null;
      const address = typeof url === "function" ? await url() : url;
      // The client can have given up meanwhile.
      if (!this.#sockets.has(id)) return;
      const socket = new this.#platform.WebSocket(address, protocols);
      this.#sockets.set(id, socket);
      let opened = false;
      socket.addEventListener("open", () => {
        opened = true;
        this.#input(() => this.#machine.opened(id));
      });
      socket.addEventListener("message", ({ data }) => {
        if (typeof data === "string") this.#input(() => this.#machine.frame(id, data));
      });
      const end = (event: any) => {
        const { code, reason, message } = event;
        const error = opened
          ? new ClientError("lost", `the connection closed: ${reason || code || message}`, { status: code })
          : notOpened(event);
        this.#input(() => this.#machine.lost(id, error));
        this.#sockets.delete(id);
      };
      // Some versions of Node report an error only.
      socket.addEventListener("error", end);
      socket.addEventListener("close", end);
    } catch (cause) {
      const error = new ClientError("url", `the url callback failed: ${cause}`, { cause });
      this.#input(() => this.#machine.lost(id, error));
    }
  }

  async #ask(room: Room, ask: Member): Promise<void> {
    try {
      const token = await this.#tokens.get(room)?.();
      if (typeof token !== "string") throw new TypeError("the token callback returned no text");
      this.#input(() => this.#machine.token(ask, token));
    } catch (error) {
      this.#input(() => this.#machine.token(ask, undefined, error));
    }
  }
}
