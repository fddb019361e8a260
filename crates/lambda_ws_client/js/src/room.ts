// The state of one room: rules 1 to 7 of PROTOCOL.md. It has no timers and no sockets.

import { compare, type Answer, type Position } from "./protocol.ts";

/** A message waits this long for the messages before it. In ms, as all times. */
const JUMP = 500;
const MAX_REPAIR = 30_000;
/** A room is checked this long after its last new message. */
const QUIET = 20_000;
const MAX_BUFFERED = 1000;

/** The effects of a room. */
export type RoomEffect =
  | ["message", room: Room, data: unknown, position: Position | undefined]
  | ["gap", room: Room, from: Position, to: Position | undefined];

type Emit = (...effect: RoomEffect) => void;

export class Room {
  readonly name: string;
  /** The last delivered message. */
  position: Position | undefined;
  /** A room token, or whether the application is asked for one before each `$subscribe`. */
  readonly token: string | true | undefined;
  /** The time of the next `$ping` with this room's position. */
  askAt = Infinity;
  /** The number of failed subscriptions in a row. */
  failures = 0;

  readonly #emit: Emit;
  #answered = false;
  #buffer = new Map<string, unknown>();
  /** The greatest position that was seen. Something is missing while it is greater than `position`. */
  #seen: Position | undefined;
  #more = false;
  #repairAt = Infinity;
  #repairs = 0;
  #quietAt = Infinity;

  constructor(name: string, since: Position | undefined, token: string | true | undefined, emit: Emit) {
    this.name = name;
    this.position = since;
    this.token = token;
    this.#emit = emit;
  }

  /** Takes a live message. */
  receive(position: Position, data: unknown, now: number): void {
    const before = this.position;
    this.#take(position, data, now);
    this.#schedule(now, this.position !== before);
  }

  /** Takes the answer to a frame that reported the position `since`. */
  answer(answer: Answer, since: Position | undefined, now: number): void {
    const { position: end, messages, recovered } = answer;
    const before = this.position;
    this.#answered = true;
    this.#more = answer.more;
    if (this.#quietAt <= now) this.#quietAt = Infinity;
    if (end) {
      const first = messages[0];
      const base: Position = first ? [end[0], first[0] - 1] : end;
      // Another answer or live messages can have moved the position since it was sent. What is old by now is no gap.
      const moved = !before || !since || compare(before, since) !== 0;
      if (!before) {
        this.#moveTo(base);
      } else if (recovered ? base[0] !== before[0] && !moved : !moved || compare(base, before) > 0) {
        if (!recovered && compare(base, before) !== 0) {
          this.#emit("gap", this, before, base);
        }
        this.#moveTo(base);
      }
      this.#see(end);
      this.#drain();
      for (const [seq, data] of messages) this.#take([end[0], seq], data, now);
    } else if (before) {
      // The room has lost its history.
      this.#emit("gap", this, before, undefined);
      this.position = this.#seen = undefined;
      this.#buffer.clear();
    }
    this.#schedule(now, this.position !== before, true);
  }

  /** Notes that the server knows no message after the position that was sent, or that it could not look. */
  noAnswer(now: number, failed: boolean): void {
    if (failed) this.#quietAt = now + QUIET;
    else if (this.#quietAt <= now) this.#quietAt = Infinity;
    this.#more &&= failed;
    this.#schedule(now, false, true);
  }

  /** Adds a message to the buffer if it is new, and delivers what has become deliverable. */
  #take(position: Position, data: unknown, now: number): void {
    const key = position.join();
    if ((this.position && compare(position, this.position) <= 0) || this.#buffer.has(key)) return;
    this.#see(position);
    this.#quietAt = now + QUIET;
    // A message that does not fit is fetched later: `seen` remembers it.
    if (this.#buffer.size < MAX_BUFFERED || this.#next() === key) this.#buffer.set(key, data);
    this.#drain();
  }

  #see(position: Position): void {
    if (!this.#seen || compare(position, this.#seen) > 0) this.#seen = position;
  }

  #next(): string | undefined {
    return this.#answered && this.position ? [this.position[0], this.position[1] + 1].join() : undefined;
  }

  #drain(): void {
    for (let key; (key = this.#next()) !== undefined && this.#buffer.has(key); ) {
      const data = this.#buffer.get(key);
      this.#buffer.delete(key);
      this.position = [this.position![0], this.position![1] + 1];
      this.#emit("message", this, data, this.position);
    }
  }

  #moveTo(base: Position): void {
    // A log that went back is another log: what came from the old one is void.
    if (this.position && compare(base, this.position) < 0) {
      this.#buffer.clear();
      this.#seen = undefined;
    }
    this.position = base;
    for (const key of this.#buffer.keys()) {
      const comma = key.lastIndexOf(",");
      if (compare([key.slice(0, comma), +key.slice(comma + 1)], base) <= 0) this.#buffer.delete(key);
    }
  }

  /** Sets the time of the next `$ping`. `asked` is true if an answer has just arrived. */
  #schedule(now: number, progress: boolean, asked = false): void {
    const { position } = this;
    const behind = this.#answered && position && (this.#more || (this.#seen && compare(this.#seen, position) > 0));
    if (progress || !behind) this.#repairs = 0;
    if (!behind) this.#repairAt = Infinity;
    else if (asked && this.#more && progress) this.#repairAt = now;
    else if (asked) this.#repairAt = now + Math.min(MAX_REPAIR, JUMP * 2 ** this.#repairs++);
    else if (progress || this.#repairAt === Infinity) this.#repairAt = now + JUMP;
    this.askAt = Math.min(this.#repairAt, this.#quietAt);
  }
}
