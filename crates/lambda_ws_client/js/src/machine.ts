// The state machine of a client: inputs go in, effects come out. It has no timers, sockets or callbacks of its own, so
// tests can run it in virtual time. `Client` carries the effects out.

import { ClientError } from "./error.ts";
import { isObject, readAnswer, readPosition, type Json, type Position } from "./protocol.ts";
import { Room, type RoomEffect } from "./room.ts";

// Times in ms.
const ANSWER = 10_000;
const STABLE = 10_000;
const DRAIN = 30_000;

/** The settings of a machine, with all defaults applied. */
export interface Settings {
  minBackoff: number;
  maxBackoff: number;
  keepAlive: number;
  /** An attempt, or an answer of the application, that takes longer has failed. */
  connectTimeout: number;
  maxAge: number;
  queueSize: number;
  queueDrops: "newest" | "oldest";
  random: () => number;
}

export type State = "connecting" | "open" | "waiting" | "closed";

/** A message of the application. A request has an id. */
export interface Call {
  text: string;
  id?: number;
  timeout?: number;
  safe?: boolean;
  /** The machine's own: the deadline, and the connection that carries the request. */
  due?: number;
  link?: Link | undefined;
}

/** A room on one connection. */
export interface Member {
  room: Room;
  status: "asking" | "waiting" | "joining" | "joined" | "leaving" | "staying";
  /** The deadline of the answer, or the time of the next try. */
  due: number;
  /** The id of the frame that has no answer yet. */
  id?: number;
  since?: Position | undefined;
}

export interface Link {
  socket: number;
  open: boolean;
  /** The deadline of the handshake, or of a retired connection. */
  due: number;
  openedAt: number;
  replaceAt: number;
  failures: number;
  pingAt: number;
  ping?: { id: number; due: number; sent: Map<Member, Position> } | undefined;
  members: Map<string, Member>;
}

/** What is to be done: a name and its arguments. */
export type Effect =
  | RoomEffect
  | ["connect", socket: number]
  | ["disconnect", socket: number]
  | ["send", socket: number, text: string]
  /** Asks the application for a token. `Machine.token` takes it with the same `ask`. */
  | ["ask", room: Room, ask: Member]
  | ["subscribed", room: Room, position: Position | undefined, recovered: boolean]
  /** A subscription failed, and is tried again. */
  | ["refused", room: Room, error: ClientError]
  | ["ended", room: Room, error: ClientError | undefined]
  | ["settled", call: Call, error: ClientError | undefined, data?: unknown]
  /** A message of the application. */
  | ["app", data: unknown, text: string]
  | ["error", error: ClientError]
  | ["state", state: State];

export class Machine {
  state: State = "connecting";
  /** Connections that failed or closed since one was open for 10 s. */
  attempts = 0;
  lastError: ClientError | undefined;
  /** The time at which `handle` must be called again, with an input that does nothing. */
  deadline = Infinity;
  readonly #settings: Settings;
  #now = 0;
  #effects: Effect[] = [];
  #sockets = 0;
  #ids = 0;
  /** The connection in use, its replacement, and a replaced one that still awaits replies. */
  #link: Link | undefined;
  #next: Link | undefined;
  #old: Link | undefined;
  #retryAt = Infinity;
  /** `bye` forbids a connection before this time. */
  #notBefore = 0;
  #offline = false;
  #rooms = new Map<string, Room>();
  #queue: Call[] = [];
  /** Requests that were sent. */
  #requests = new Map<number, Call>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Takes an input, which is a call of one of the methods below, and returns what is to be done, in order. */
  handle(now: number, input: () => void): Effect[] {
    this.#effects = [];
    this.#now = now;
    const before = this.state;
    input();
    // One step can make another one due.
    for (let done = -1; done < this.#effects.length; ) {
      done = this.#effects.length;
      this.deadline = Infinity;
      if (!this.#closed()) this.#settle();
    }
    if (this.state !== before) this.emit("state", this.state);
    return this.#effects;
  }

  /** Returns the id of the next frame that has an answer: 1, 2, 3. */
  nextId(): number {
    return ++this.#ids;
  }

  /** Adds an effect, as a room does while it takes an input. */
  emit(...effect: Effect): void {
    this.#effects.push(effect);
  }

  // -- Inputs

  start(): void {
    this.#link = this.#connect();
  }

  opened(socket: number): void {
    const link = this.#find(socket);
    if (!link || link.open) return;
    const { keepAlive, maxAge, random } = this.#settings;
    link.open = true;
    link.due = Infinity;
    link.openedAt = this.#now;
    link.pingAt = this.#now + keepAlive;
    link.replaceAt = this.#now + maxAge * (0.9 + 0.1 * random());
  }

  lost(socket: number, error: ClientError): void {
    this.#lose(this.#find(socket), error);
  }

  /** The page can be seen again, or its timers run again. */
  visible(): void {
    if (this.#link) this.#link.pingAt = this.#now;
  }

  online(): void {
    this.#offline = false;
    this.#retryAt = Math.max(this.#now, this.#notBefore);
    this.visible();
  }

  offline(): void {
    this.#offline = true;
    this.#retryAt = Infinity;
  }

  subscribe(room: Room): void {
    this.#rooms.set(room.name, room);
  }

  unsubscribe(room: Room): void {
    if (this.#wants(room)) this.#rooms.delete(room.name);
  }

  /** Takes the answer of the application to `ask`: a token, or its error. */
  token(asked: Member, token: string | undefined, cause?: unknown): void {
    for (const link of this.#links()) {
      if (link.members.get(asked.room.name) !== asked || asked.status !== "asking") continue;
      if (token !== undefined) this.#join(link, asked, token);
      else this.#refused(link, asked, new ClientError("token", "the token callback failed", { cause, retrying: true }));
    }
  }

  call(call: Call): void {
    if (this.#closed()) return this.#fail(call, new ClientError("closed", "the client is closed"));
    const { queueSize, queueDrops } = this.#settings;
    if (!this.#link?.open && this.#queue.length >= queueSize) {
      const full = new ClientError("queue_full", `${queueSize} messages wait for a connection`);
      const oldest = queueDrops === "oldest" && this.#queue.shift();
      this.#fail(oldest || call, full);
      if (!oldest) return;
    }
    call.due = this.#now + (call.timeout ?? Infinity);
    this.#queue.push(call);
  }

  close(): void {
    if (!this.#closed()) this.#close();
  }

  // -- Connections

  #connect(): Link {
    const socket = ++this.#sockets;
    this.emit("connect", socket);
    const due = this.#now + this.#settings.connectTimeout;
    return {
      ...{ socket, open: false, due, openedAt: 0, replaceAt: Infinity, failures: 0 },
      ...{ pingAt: Infinity, members: new Map() },
    };
  }

  /** Ends a connection that has closed, or that is of no use. `wait` is the time that `bye` states. */
  #lose(link: Link | undefined, error: ClientError, wait?: number): void {
    if (!link) return;
    this.#drop(link);
    if (link === this.#old) {
      this.#old = undefined;
      return;
    }
    this.lastError = error;
    const delay = wait === undefined ? undefined : wait * (1 + this.#settings.random());
    if (link === this.#next) {
      this.#next = undefined;
      this.#link!.replaceAt = this.#now + (delay ?? this.#backoff(this.#link!.failures++));
    } else if (this.#next) {
      this.#link = this.#next;
      this.#next = undefined;
    } else {
      if (this.#stable(link)) this.attempts = 0;
      this.#link = undefined;
      this.#notBefore = this.#now + (delay ?? 0);
      const retryAt = this.#now + (delay ?? this.#backoff(this.attempts));
      this.#retryAt = this.#offline ? Infinity : retryAt;
      this.attempts++;
    }
  }

  /** Closes a connection. Its requests fail, or wait for the next connection. */
  #drop(link: Link): void {
    this.emit("disconnect", link.socket);
    const requests = [...this.#requests.values()].filter((request) => request.link === link);
    for (const request of requests) {
      this.#requests.delete(request.id!);
      if (!request.safe) this.#fail(request, new ClientError("lost", "the connection closed"));
    }
    this.#queue.unshift(...requests.filter(({ safe }) => safe));
  }

  /** Closes the client, by its application or by order of the server. */
  #close(error?: ClientError): void {
    this.state = "closed";
    if (error) this.lastError = error;
    for (const link of this.#links()) this.#drop(link);
    const reason = error ?? new ClientError("closed", "the client is closed");
    for (const call of this.#queue) this.#fail(call, reason);
    for (const room of this.#rooms.values()) this.emit("ended", room, error);
    this.#link = this.#next = this.#old = undefined;
    this.#queue = [];
    this.#rooms.clear();
  }

  // -- Frames

  frame(socket: number, text: string): void {
    const link = this.#find(socket);
    if (!link) return;
    let frame: unknown = text;
    try {
      frame = JSON.parse(text);
    } catch {
      // An application can send text.
    }
    if (!isObject(frame) || !("$" in frame)) return this.emit("app", frame, text);
    const { $, id } = frame;
    if ($ === "message") this.#message(link, frame);
    if ($ === "subscribed") this.#subscribed(link, frame);
    if ($ === "unsubscribed") this.#left(link, this.#awaiting(link, frame));
    if ($ === "pong") this.#pong(link, frame);
    if ($ === "reply") this.#reply(id, undefined, frame.data ?? null);
    if ($ === "error") this.#error(link, frame);
    if ($ === "bye") this.#bye(link, frame);
  }

  #message(link: Link, frame: Json): void {
    const room = this.#rooms.get(frame.room as string);
    const position = readPosition(frame);
    if (!room || !link.members.has(room.name) || position === undefined) return;
    if (position) room.receive(position, frame.data, this.#now);
    // Without positions, only one connection counts. Otherwise messages arrive twice during a replacement.
    else if (link === this.#link) this.emit("message", room, frame.data, undefined);
  }

  #subscribed(link: Link, frame: Json): void {
    const answer = readAnswer(frame);
    const member = this.#awaiting(link, frame);
    if (!answer || member?.status !== "joining") return;
    const { room, since } = member;
    link.members.set(room.name, { room, status: "joined", due: Infinity });
    if (!this.#wants(room)) return;
    room.failures = 0;
    const position = room.position ?? answer.position;
    this.emit("subscribed", room, position, answer.recovered);
    room.answer(answer, since, this.#now);
  }

  #pong(link: Link, frame: Json): void {
    const { ping } = link;
    if (!ping || (frame.id !== undefined && frame.id !== ping.id)) return;
    link.ping = undefined;
    const rooms = new Map(Object.entries(frame.rooms ?? {}));
    for (const [member, since] of ping.sent) {
      const { room } = member;
      if (link.members.get(room.name) !== member) continue;
      const answer = readAnswer(rooms.get(room.name));
      if (answer) room.answer(answer, since, this.#now);
      else room.noAnswer(this.#now, rooms.has(room.name));
      if ([frame.left].flat().includes(room.name)) link.members.delete(room.name);
    }
  }

  #bye(link: Link, frame: Json): void {
    const { code, retry } = frame;
    const ordered = retry === undefined || retry === null;
    if (!ordered && !(typeof retry === "number" && retry >= 0)) return;
    const error = new ClientError(`${code}`, `the server closed the connection: ${code}`, { retrying: !ordered });
    if (ordered) this.#close(error);
    else this.#lose(link, error, retry);
  }

  #error(link: Link, frame: Json): void {
    const { id } = frame;
    const { code = "unknown", message = code, requestId } = isObject(frame.error) ? frame.error : ({} as Json);
    const member = this.#awaiting(link, frame);
    const expired = code === "token_expired" && member?.room.token === true;
    const failed = code === "unavailable" || code === "internal" || code === "too_many_requests";
    const error = new ClientError(`${code}`, `${message}`, {
      ...(requestId !== undefined && { requestId: `${requestId}` }),
      ...(member && { retrying: expired || failed }),
    });
    if (this.#reply(id, error)) return;
    if (failed && member?.status === "leaving") {
      // The connection is still in the room.
      member.status = "staying";
      delete member.id;
      member.due = this.#now + this.#backoff(member.room.failures++);
    } else if (this.#left(link, member)) {
      // There is nothing to leave.
    } else if (member) {
      this.#refused(link, member, error);
    } else if (link.ping?.id === id && link.ping) {
      for (const { room } of link.ping.sent.keys()) room.noAnswer(this.#now, true);
      link.ping = undefined;
    } else {
      this.emit("error", error);
    }
  }

  /** Returns the room on a connection that waits for this answer. */
  #awaiting(link: Link, { id, room }: Json): Member | undefined {
    for (const member of link.members.values()) {
      if (member.id && (id === member.id || (id === undefined && room === member.room.name))) return member;
    }
    return undefined;
  }

  // -- Rooms

  #left(link: Link, member: Member | undefined): boolean {
    return member?.status === "leaving" && link.members.delete(member.room.name);
  }

  #refused(link: Link, member: Member, error: ClientError): void {
    const { room } = member;
    link.members.delete(room.name);
    // The connection that replaced this one has its own answer.
    if (!this.#wants(room) || link === this.#old) return;
    if (!error.retrying) {
      this.#rooms.delete(room.name);
      this.emit("ended", room, error);
      return;
    }
    this.emit("refused", room, error);
    // A new token may be asked for at once. If it is not valid either, there is time to wait.
    const failures = room.failures++;
    const due = this.#now + (error.code === "token_expired" && !failures ? 0 : this.#backoff(failures));
    link.members.set(room.name, { room, status: "waiting", due });
  }

  /** Sends what makes the rooms of a connection those that the application wants. */
  #reconcile(link: Link): void {
    for (const [name, member] of link.members) {
      const { status, due } = member;
      const wanted = this.#wants(member.room);
      const over = status === "waiting" ? !wanted || this.#due(due) : !wanted && status === "asking";
      if (over || (status === "staying" && this.#rooms.has(name))) {
        link.members.delete(name);
      } else if (status === "staying" ? this.#due(due) : !wanted && status === "joined") {
        // A frame can overtake another one, so the room is joined again only after the answer.
        this.#request(link, member, "leaving", { action: "$unsubscribe", room: name });
      }
    }
    for (const [name, room] of this.#rooms) {
      if (link.members.has(name)) continue;
      const member: Member = { room, status: "asking", due: this.#now + this.#settings.connectTimeout };
      link.members.set(name, member);
      if (room.token === true) this.emit("ask", room, member);
      else this.#join(link, member, room.token);
    }
  }

  #join(link: Link, member: Member, token: string | undefined): void {
    const { name, position } = member.room;
    member.since = position;
    this.#request(link, member, "joining", { action: "$subscribe", room: name, since: position, token });
  }

  #request(link: Link, member: Member, status: "joining" | "leaving", frame: Json): void {
    member.status = status;
    member.due = this.#now + ANSWER;
    member.id = this.nextId();
    this.#send(link, JSON.stringify({ ...frame, $id: member.id }));
  }

  /** Sends `$ping` with all positions, or with those of rooms that may miss something. */
  #ping(link: Link): void {
    if (link.ping) return;
    const all = this.#due(link.pingAt);
    const members = [...link.members.values()].filter(
      ({ room, status }) => status === "joined" && room.position && this.#wants(room) && (this.#due(room.askAt) || all),
    );
    if (!all && !members.length) return;
    if (all) link.pingAt = this.#now + this.#settings.keepAlive;
    const sent = new Map(members.map((member) => [member, member.room.position!]));
    link.ping = { id: this.nextId(), due: this.#now + ANSWER, sent };
    const rooms = Object.fromEntries(members.map(({ room }) => [room.name, room.position]));
    this.#send(link, JSON.stringify({ action: "$ping", ...(members.length && { rooms }), $id: link.ping.id }));
  }

  // -- Calls

  #reply(id: unknown, error: ClientError | undefined, data?: unknown): boolean {
    const request = this.#requests.get(id as number);
    if (!request) return false;
    this.#requests.delete(id as number);
    this.emit("settled", request, error, data);
    return true;
  }

  #fail(call: Call, error: ClientError): void {
    this.emit("settled", call, error);
  }

  // -- What follows from an input and from the time

  #settle(): void {
    for (const link of this.#links()) {
      if (this.#due(link.due)) {
        this.#lose(link, new ClientError("timeout", "the connection did not open"));
        continue;
      }
      const members = [...link.members.values()];
      if (members.filter(({ id, due }) => id && this.#due(due)).length || (link.ping && this.#due(link.ping.due))) {
        this.#lose(link, new ClientError("no_answer", "the server did not answer"));
      }
      for (const member of members) {
        if (member.status !== "asking" || !this.#due(member.due)) continue;
        this.token(member, undefined, new Error("no token in time"));
      }
    }
    for (const call of [...this.#queue, ...this.#requests.values()]) {
      if (!this.#due(call.due!)) continue;
      this.#requests.delete(call.id!);
      this.#queue = this.#queue.filter((one) => one !== call);
      this.#fail(call, new ClientError("timeout", "no reply in time"));
    }
    if (!this.#link && this.#due(this.#retryAt)) this.#link = this.#connect();
    const link = this.#link;
    if (link?.open) {
      if (this.#stable(link)) this.attempts = 0;
      if (!this.#next && !this.#old && this.#due(link.replaceAt)) this.#next = this.#connect();
      this.#reconcile(link);
    }
    if (this.#next?.open) {
      this.#reconcile(this.#next);
      if ([...this.#rooms.keys()].every((name) => this.#next!.members.get(name)?.status === "joined")) this.#replace();
    }
    const current = this.#link;
    if (current?.open) {
      for (const call of this.#queue.splice(0)) {
        this.#send(current, call.text);
        if (call.id === undefined) this.emit("settled", call, undefined);
        else this.#requests.set(call.id, call);
        call.link = current;
      }
      this.#ping(current);
    }
    if (this.#old && ![...this.#requests.values()].some(({ link }) => link === this.#old)) {
      this.#lose(this.#old, new ClientError("lost", "the connection closed"));
    }
    this.state = current?.open ? "open" : current ? "connecting" : "waiting";
  }

  /** Uses the new connection. The one before it stays until its requests are answered. */
  #replace(): void {
    const old = this.#link!;
    this.#link = this.#next;
    this.#next = undefined;
    this.#old = old;
    this.#due((old.due = this.#now + DRAIN));
    // What it still says about rooms counts, but its answers are not awaited.
    old.ping = undefined;
    for (const member of old.members.values()) member.due = Infinity;
  }

  /** Returns whether a time has come. If not, the machine is to be called at that time. */
  #due(time: number): boolean {
    if (time > this.#now) this.deadline = Math.min(this.deadline, time);
    return time <= this.#now;
  }

  #stable(link: Link): boolean {
    return link.open && this.#now - link.openedAt >= STABLE;
  }

  /** Returns a random time up to the bound of an attempt (full jitter). */
  #backoff(attempt: number): number {
    const { minBackoff, maxBackoff, random } = this.#settings;
    return random() * Math.min(maxBackoff, minBackoff * 2 ** attempt);
  }

  #links(): Link[] {
    return [this.#link, this.#next, this.#old].filter((link) => link !== undefined);
  }

  #find(socket: number): Link | undefined {
    return this.#links().find((link) => link.socket === socket);
  }

  #wants(room: Room): boolean {
    return this.#rooms.get(room.name) === room;
  }

  #closed(): boolean {
    return this.state === "closed";
  }

  #send(link: Link, text: string): void {
    this.emit("send", link.socket, text);
  }
}
