import { ClientError } from "./error.ts";
import { Emitter } from "./events.ts";
import type { Position } from "./protocol.ts";

const MAX_WAITING = 1000;

/** Messages that were lost for this client: they are older than the history of the room. */
export interface Gap {
  /** The last message before the gap. */
  from: Position;
  /** The last message of the gap. Absent if the room has no history any more. */
  to?: Position;
  /** How many messages are lost. Absent if nobody knows, because the epoch changed. */
  lost?: number;
}

/** A message of a room. */
export interface Message<T = unknown> {
  room: string;
  data: T;
  /** Absent in a room without history, as is `seq`. */
  epoch?: string;
  seq?: number;
  /** The gap before this message. */
  gap?: Gap;
}

/** The events of a `Subscription`, with the arguments of their listeners. */
export type SubscriptionEvents<T> = {
  /** The server has answered `$subscribe`. This happens on each connection. */
  subscribed: [{ position: Position | undefined; recovered: boolean }];
  message: [Message<T>];
  gap: [Gap];
  /** The subscription failed. `error.retrying` says whether the client tries again. */
  error: [ClientError];
  /** No more events follow. The error is absent after `close()`. */
  closed: [ClientError | undefined];
};

/** A room that the client is in: its messages arrive once and in order, to listeners and to `for await`. */
export class Subscription<T = unknown> extends Emitter<SubscriptionEvents<T>> implements AsyncIterable<Message<T>> {
  readonly name: string;
  /** The position of the last delivered message. Store it to continue there with `since`. */
  position: Position | undefined;
  readonly #close: () => void;
  #gap: Gap | undefined;
  #ended: { error: ClientError | undefined } | undefined;

  /** @internal Use `Client.room`. */
  constructor(name: string, since: Position | undefined, close: () => void) {
    super();
    this.name = name;
    this.position = since;
    this.#close = close;
  }

  /** Leaves the room. */
  close(): void {
    this.#close();
  }

  /**
   * Iterates over the messages from now on. At most 1 000 messages wait for a slow loop. If there are more, the loop
   * gets an error with the code `overflow`. The subscription continues.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message<T>> {
    const waiting: Message<T>[] = [];
    let ended = this.#ended;
    const sleeping: (() => void)[] = [];
    const wake = () => sleeping.splice(0).forEach((resolve) => resolve());
    const stop = (error?: ClientError) => {
      offs.forEach((off) => off());
      ended ??= { error };
      wake();
    };
    const take = (message: Message<T>) => {
      if (waiting.push(message) > MAX_WAITING) {
        waiting.length = 0;
        stop(new ClientError("overflow", `the loop is slow: ${MAX_WAITING} messages wait`));
      } else wake();
    };
    const offs = [this.on("message", take), this.on("closed", stop)];
    return {
      async next() {
        while (!waiting.length && !ended) await new Promise<void>((resolve) => sleeping.push(resolve));
        if (waiting.length) return { done: false, value: waiting.shift()! };
        const { error } = ended!;
        ended = { error: undefined };
        if (error) throw error;
        return { done: true, value: undefined };
      },
      async return() {
        waiting.length = 0;
        stop();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** @internal */
  start(position: Position | undefined, recovered: boolean): void {
    this.position ??= position;
    this.emit("subscribed", { position, recovered });
  }

  /** @internal */
  deliver(data: unknown, position: Position | undefined): void {
    if (position) this.position = position;
    const message: Message<T> = {
      ...{ room: this.name, data: data as T },
      ...(position && { epoch: position[0], seq: position[1] }),
      ...(this.#gap && { gap: this.#gap }),
    };
    this.#gap = undefined;
    this.emit("message", message);
  }

  /** @internal */
  skip(from: Position, to: Position | undefined): void {
    const lost = to && from[0] === to[0] && to[1] > from[1] ? to[1] - from[1] : undefined;
    const gap = { from, ...(to && { to }), ...(lost !== undefined && { lost }) };
    this.position = to;
    this.#gap = { ...gap, from: this.#gap?.from ?? from };
    this.emit("gap", gap);
  }

  /** @internal */
  end(error: ClientError | undefined): void {
    if (this.#ended) return;
    this.#ended = { error };
    if (error) this.emit("error", error);
    this.emit("closed", error);
  }
}
