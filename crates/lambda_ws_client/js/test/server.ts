// A server that follows PROTOCOL.md, with faults. It knows neither sockets nor real time.

export type Random = () => number;

/** Returns a source of random numbers that depends on its seed only (mulberry32). */
export function seeded(seed: number): Random {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The probabilities of faults, from 0 to 1, and the longest delays in ms. */
export interface Faults {
  latency: number;
  /** A post that fails. */
  drop: number;
  duplicate: number;
  /** A frame of the client that no function answers. */
  crash: number;
  unavailable: number;
  /** A connection that loses its membership without a word. */
  forget: number;
}

export const NO_FAULTS: Faults = { latency: 0, drop: 0, duplicate: 0, crash: 0, unavailable: 0, forget: 0 };

export interface Connection {
  send(text: string): void;
  close(): void;
}

interface Log {
  epoch: number;
  /** All messages of the epoch. Only the last ones are still stored. */
  data: unknown[];
}

export interface Host {
  random: Random;
  timer(delay: number, callback: () => void): unknown;
}

const PAGE = 20;
const name = (epoch: number) => `e${String(epoch).padStart(6, "0")}`;

export class Server {
  faults: Faults = NO_FAULTS;
  /** Answers with `recovered: false`. */
  gaps = 0;
  readonly logs = new Map<string, Log>();
  readonly connections = new Map<Connection, Set<string>>();
  readonly #history: number;
  readonly #host: Host;

  constructor(host: Host, history = Infinity) {
    this.#host = host;
    this.#history = history;
  }

  log(room: string): Log {
    const log = this.logs.get(room) ?? { epoch: 1, data: [] };
    this.logs.set(room, log);
    return log;
  }

  /** Starts a new epoch, as after a long silence. */
  restart(room: string): void {
    this.logs.set(room, { epoch: this.log(room).epoch + 1, data: [] });
  }

  publish(room: string, data: unknown): void {
    const log = this.log(room);
    const seq = log.data.push(data);
    for (const [connection, rooms] of this.connections) {
      if (!rooms.has(room)) continue;
      const frame = { $: "message", room, epoch: name(log.epoch), seq, data };
      this.#post(connection, frame);
      if (this.#chance("duplicate")) this.#post(connection, frame);
    }
  }

  /** Runs a function for a frame. Functions run at the same time, so frames overtake each other. */
  receive(connection: Connection, text: string): void {
    const frame = JSON.parse(text);
    this.#later(() => {
      const rooms = this.connections.get(connection);
      if (!rooms || this.#chance("crash")) return;
      const { action, room, $id: id, since } = frame;
      const failure = { code: "unavailable", message: "the table did not answer" };
      if (action?.startsWith("$") && this.#chance("unavailable")) {
        this.#post(connection, { $: "error", id, error: failure, ...(room && { room }) });
      } else if (action === "$subscribe") {
        rooms.add(room);
        // The member is added first, and the log is read a moment later.
        this.#later(() => this.#post(connection, { $: "subscribed", room, id, ...this.#after(room, since) }));
      } else if (action === "$unsubscribe") {
        rooms.delete(room);
        this.#post(connection, { $: "unsubscribed", room, id });
      } else if (action === "$ping") {
        const sent: [string, [string, number]][] = Object.entries(frame.rooms ?? {});
        const left = sent.map(([one]) => one).filter((one) => !rooms.has(one));
        const missed = sent.filter(([one, position]) => !this.#isEnd(one, position));
        const answers = missed.map(([one, position]) => [one, this.#after(one, position)]);
        this.#post(connection, { $: "pong", id, rooms: Object.fromEntries(answers), left });
      } else if (action === "say") {
        this.publish(frame.room, frame.data);
        this.#post(connection, { $: "reply", id, data: this.log(frame.room).data.length });
      }
    });
  }

  /** Ends a connection without a word to the client. */
  forget(connection: Connection): void {
    this.connections.delete(connection);
  }

  cut(connection: Connection): void {
    this.forget(connection);
    connection.close();
  }

  bye(connection: Connection, retry: number): void {
    connection.send(JSON.stringify({ $: "bye", code: "expired", retry }));
    this.cut(connection);
  }

  position(room: string): [string, number] {
    const { epoch, data } = this.log(room);
    return [name(epoch), data.length];
  }

  #isEnd(room: string, [epoch, seq]: [string, number]): boolean {
    const end = this.position(room);
    return epoch === end[0] && seq === end[1];
  }

  #after(room: string, since: [string, number] | undefined): object {
    const { epoch, data } = this.log(room);
    const [end, length] = this.position(room);
    if (!since) return { epoch: end, seq: length, recovered: true };
    const oldest = Math.max(0, data.length - this.#history);
    const known = since[0] === name(epoch) && since[1] <= data.length;
    const recovered = known && since[1] >= oldest;
    if (!recovered) this.gaps++;
    const first = recovered ? since[1] : oldest;
    const messages = data.slice(first, first + PAGE).map((one, index) => [first + index + 1, one]);
    const seq = messages.length ? first + messages.length : data.length;
    return { epoch: end, seq, recovered, messages, more: seq < data.length };
  }

  #post(connection: Connection, frame: object): void {
    if (this.#chance("forget")) this.connections.get(connection)?.clear();
    if (this.#chance("drop")) return;
    const text = JSON.stringify(frame);
    this.#later(() => this.connections.has(connection) && connection.send(text));
  }

  #chance(fault: Exclude<keyof Faults, "latency">): boolean {
    return this.#host.random() < this.faults[fault];
  }

  #later(callback: () => void): void {
    const { latency } = this.faults;
    if (latency) this.#host.timer(Math.ceil(this.#host.random() * latency), callback);
    else callback();
  }
}
