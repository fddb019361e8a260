// The state machine of a client: inputs go in, effects come out. It has no timers, sockets or callbacks of its own, so
// tests can run it in virtual time. `Client` carries the effects out.

import { ClientError } from "./error.ts";
import { isObject, readAnswer, readPosition, type Json, type Position } from "./protocol.ts";
import { Room, type RoomEvent } from "./room.ts";

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
}

/** A room on one connection. */
interface Member {
  room: Room;
  status: "asking" | "waiting" | "joining" | "joined" | "leaving";
  /** The deadline of the answer, or the time of the next try. */
  due: number;
  id?: number;
  since?: Position | undefined;
}

interface Link {
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

interface Pending extends Call {
  call: Call;
  due: number;
  link?: Link | undefined;
}

export type Input =
  | { type: "start" | "tick" | "close" | "online" | "offline" | "visible" }
  | { type: "opened"; socket: number }
  | { type: "frame"; socket: number; text: string }
  | { type: "lost"; socket: number; error: ClientError }
  | { type: "subscribe" | "unsubscribe"; room: Room }
  | { type: "token"; ask: unknown; token?: string; error?: unknown }
  | { type: "call"; call: Call };

export type Effect =
  | RoomEvent
  | { type: "connect" | "disconnect"; socket: number }
  | { type: "send"; socket: number; text: string }
  | { type: "token"; room: Room; ask: unknown }
  | { type: "subscribed"; room: Room; position: Position | undefined; recovered: boolean }
  | { type: "ended"; room: Room; error?: ClientError | undefined }
  | { type: "trouble"; room?: Room; error: ClientError }
  | { type: "settled"; call: Call; data?: unknown; error?: ClientError }
  | { type: "app"; data: unknown; text: string }
  | { type: "state"; state: State };

export class Machine {
  state: State = "connecting";
  /** Connections that failed or closed since one was open for 10 s. */
  attempts = 0;
  lastError: ClientError | undefined;
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
  #queue: Pending[] = [];
  /** Requests that were sent. */
  #requests = new Map<number, Pending>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Takes an input at a time, and returns what is to be done, in order. */
  handle(input: Input, now: number): Effect[] {
    this.#effects = [];
    this.#now = now;
    if (this.state !== "closed") {
      const before = this.state;
      this.#take(input);
      // Rooms that ended here close the client too.
      if (!this.#closed()) this.#settle();
      if (this.state !== before) this.emit({ type: "state", state: this.state });
    } else if (input.type === "call") {
      this.#fail(input.call, new ClientError("closed", "the client is closed: create another one"));
    }
    return this.#effects;
  }

  /** Returns the id of the next frame that has an answer: 1, 2, 3. */
  nextId(): number {
    return ++this.#ids;
  }

  /** Adds an effect, as a room does while it takes an input. */
  emit(effect: Effect): void {
    this.#effects.push(effect);
  }

  /** The time at which the machine needs a `tick`. */
  get deadline(): number {
    if (this.#closed()) return Infinity;
    const link = this.#link;
    const times = [link ? Infinity : this.#retryAt];
    for (const one of this.#links()) {
      times.push(one.due);
      if (one.ping) times.push(one.ping.due);
      for (const member of one.members.values()) times.push(member.due);
    }
    if (link?.open) {
      if (!this.#next && !this.#old) times.push(link.replaceAt);
      if (!link.ping) times.push(link.pingAt, ...this.#joined(link).map((member) => member.room.askAt));
    }
    for (const call of [...this.#queue, ...this.#requests.values()]) times.push(call.due);
    return Math.min(...times);
  }

  #take(input: Input): void {
    switch (input.type) {
      case "start":
        this.#link = this.#connect();
        break;
      case "close":
        this.#close();
        break;
      case "online":
        this.#offline = false;
        this.#retryAt = Math.max(this.#now, this.#notBefore);
        if (this.#link) this.#link.pingAt = this.#now;
        break;
      case "offline":
        this.#offline = true;
        this.#retryAt = Infinity;
        break;
      case "visible":
        if (this.#link) this.#link.pingAt = this.#now;
        break;
      case "opened":
        this.#opened(this.#find(input.socket));
        break;
      case "frame":
        this.#frame(this.#find(input.socket), input.text);
        break;
      case "lost":
        this.#lose(this.#find(input.socket), input.error);
        break;
      case "subscribe":
        this.#rooms.set(input.room.name, input.room);
        break;
      case "unsubscribe":
        if (this.#rooms.get(input.room.name) === input.room) this.#rooms.delete(input.room.name);
        break;
      case "token":
        this.#token(input.ask as Member, input.token, input.error);
        break;
      case "call":
        this.#call(input.call);
    }
  }

  // -- Connections

  #connect(): Link {
    const socket = ++this.#sockets;
    this.emit({ type: "connect", socket });
    const due = this.#now + this.#settings.connectTimeout;
    return {
      ...{ socket, open: false, due, openedAt: 0, replaceAt: Infinity, failures: 0 },
      ...{ pingAt: Infinity, members: new Map() },
    };
  }

  #opened(link: Link | undefined): void {
    if (!link || link.open) return;
    const { keepAlive, maxAge, random } = this.#settings;
    link.open = true;
    link.due = Infinity;
    link.openedAt = this.#now;
    link.pingAt = this.#now + keepAlive;
    link.replaceAt = this.#now + maxAge * (0.9 + 0.1 * random());
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
    this.emit({ type: "disconnect", socket: link.socket });
    const again: Pending[] = [];
    for (const [id, request] of this.#requests) {
      if (request.link !== link) continue;
      this.#requests.delete(id);
      if (request.safe) again.push({ ...request, link: undefined });
      else this.#fail(request.call, new ClientError("lost", "the connection closed before the reply"));
    }
    this.#queue.unshift(...again);
  }

  /** Closes the client, by its application or by order of the server. */
  #close(error?: ClientError): void {
    this.state = "closed";
    if (error) this.lastError = error;
    for (const link of this.#links()) this.#drop(link);
    const reason = error ?? new ClientError("closed", "the client was closed");
    for (const { call } of this.#queue) this.#fail(call, reason);
    for (const room of this.#rooms.values()) this.emit({ type: "ended", room, error });
    this.#link = this.#next = this.#old = undefined;
    this.#queue = [];
    this.#rooms.clear();
  }

  // -- Frames

  #frame(link: Link | undefined, text: string): void {
    if (!link) return;
    let frame: unknown;
    try {
      frame = JSON.parse(text);
    } catch {
      this.emit({ type: "app", data: text, text });
      return;
    }
    if (!isObject(frame) || !("$" in frame)) {
      this.emit({ type: "app", data: frame, text });
      return;
    }
    const { $, id } = frame;
    if ($ === "message") this.#message(link, frame);
    else if ($ === "subscribed") this.#subscribed(link, frame);
    else if ($ === "unsubscribed") {
      const member = this.#awaiting(link, frame);
      if (member?.status === "leaving") link.members.delete(member.room.name);
    } else if ($ === "pong") this.#pong(link, frame);
    else if ($ === "reply") this.#reply(id, { data: frame.data ?? null });
    else if ($ === "error") this.#error(link, frame);
    else if ($ === "bye") this.#bye(link, frame);
  }

  #message(link: Link, frame: Json): void {
    const room = this.#rooms.get(frame.room as string);
    const position = readPosition(frame);
    if (!room || !link.members.has(room.name) || position === undefined) return;
    if (position) room.receive(position, frame.data, this.#now);
    // Without positions, only one connection counts. Otherwise messages arrive twice during a replacement.
    else if (link === this.#link) room.emit({ type: "message", room, data: frame.data });
  }

  #subscribed(link: Link, frame: Json): void {
    const answer = readAnswer(frame);
    const member = this.#awaiting(link, frame);
    if (!answer || member?.status !== "joining") return;
    member.status = "joined";
    member.due = Infinity;
    const { room } = member;
    if (this.#rooms.get(room.name) !== room) return;
    room.failures = 0;
    const position = room.position ?? answer.position;
    this.emit({ type: "subscribed", room, position, recovered: answer.recovered });
    room.answer(answer, member.since, this.#now);
  }

  #pong(link: Link, frame: Json): void {
    const { ping } = link;
    if (!ping || (frame.id !== undefined && frame.id !== ping.id)) return;
    link.ping = undefined;
    const rooms = isObject(frame.rooms) ? frame.rooms : {};
    const left = Array.isArray(frame.left) ? frame.left : [];
    for (const [member, since] of ping.sent) {
      const { name } = member.room;
      if (link.members.get(name) !== member) continue;
      const answer = Object.hasOwn(rooms, name) ? readAnswer(rooms[name]) : undefined;
      if (answer) member.room.answer(answer, since, this.#now);
      else member.room.noAnswer(this.#now, Object.hasOwn(rooms, name));
      if (left.includes(name)) link.members.delete(name);
    }
  }

  #bye(link: Link, frame: Json): void {
    const { code, retry } = frame;
    const ordered = retry === undefined || retry === null;
    if (!ordered && !(typeof retry === "number" && retry >= 0)) return;
    const name = typeof code === "string" ? code : "bye";
    const error = new ClientError(name, `the server closed the connection: ${name}`, { retrying: !ordered });
    if (ordered) this.#close(error);
    else this.#lose(link, error, retry);
  }

  #error(link: Link, frame: Json): void {
    const { id } = frame;
    const { code, message, requestId } = isObject(frame.error) ? frame.error : ({} as Json);
    const name = typeof code === "string" ? code : "unknown";
    const text = typeof message === "string" ? message : name;
    const member = this.#awaiting(link, frame);
    const again =
      member?.status === "joining" && (name === "unavailable" || (name === "token_expired" && member.room.token === true));
    const error = new ClientError(name, text, {
      ...(typeof requestId === "string" && { requestId }),
      ...(member && { retrying: again }),
    });
    if (this.#reply(id, { error })) return;
    if (member?.status === "leaving") {
      link.members.delete(member.room.name);
    } else if (member) {
      this.#refused(link, member, error, again);
    } else if (link.ping && id === link.ping.id) {
      const { sent } = link.ping;
      link.ping = undefined;
      for (const { room } of sent.keys()) room.noAnswer(this.#now, true);
    } else {
      this.emit({ type: "trouble", error });
    }
  }

  /** Returns the room on a connection that waits for this answer. */
  #awaiting(link: Link, { id, room }: Json): Member | undefined {
    for (const member of link.members.values()) {
      if (member.status !== "joining" && member.status !== "leaving") continue;
      if (id === member.id || (id === undefined && room === member.room.name)) return member;
    }
    return undefined;
  }

  // -- Rooms

  #refused(link: Link, member: Member, error: ClientError, again: boolean): void {
    const { room } = member;
    link.members.delete(room.name);
    // The connection that replaced this one has its own answer.
    if (this.#rooms.get(room.name) !== room || link === this.#old) return;
    if (!again) {
      this.#rooms.delete(room.name);
      this.emit({ type: "ended", room, error });
      return;
    }
    this.emit({ type: "trouble", room, error });
    // A new token may be asked for at once. If it is not valid either, there is time to wait.
    const failures = room.failures++;
    const due = this.#now + (error.code === "token_expired" && !failures ? 0 : this.#backoff(failures));
    link.members.set(room.name, { room, status: "waiting", due });
  }

  /** Sends what makes the rooms of a connection those that the application wants. */
  #reconcile(link: Link): void {
    for (const [name, member] of link.members) {
      const wanted = this.#rooms.get(name) === member.room;
      if (member.status === "waiting" ? !wanted || member.due <= this.#now : !wanted && member.status === "asking") {
        link.members.delete(name);
      } else if (!wanted && member.status === "joined") {
        // A frame can overtake another one, so the room is joined again only after the answer.
        this.#request(link, member, "leaving", { action: "$unsubscribe", room: name });
      }
    }
    for (const [name, room] of this.#rooms) {
      if (link.members.has(name)) continue;
      const member: Member = { room, status: "asking", due: this.#now + this.#settings.connectTimeout };
      link.members.set(name, member);
      if (room.token === true) this.emit({ type: "token", room, ask: member });
      else this.#join(link, member, room.token);
    }
  }

  #token(asked: Member, token: string | undefined, cause: unknown): void {
    for (const link of this.#links()) {
      if (link.members.get(asked.room.name) !== asked || asked.status !== "asking") continue;
      if (token !== undefined) return this.#join(link, asked, token);
      const text = "the token callback failed";
      this.#refused(link, asked, new ClientError("token", text, { cause, retrying: true }), true);
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

  #joined(link: Link): Member[] {
    return [...link.members.values()].filter(
      ({ room, status }) => status === "joined" && room.position && this.#rooms.get(room.name) === room,
    );
  }

  /** Sends `$ping` with all positions, or with those of rooms that may miss something. */
  #ping(link: Link): void {
    if (link.ping) return;
    const all = link.pingAt <= this.#now;
    const members = this.#joined(link).filter(({ room }) => all || room.askAt <= this.#now);
    if (!all && !members.length) return;
    if (all) link.pingAt = this.#now + this.#settings.keepAlive;
    const sent = new Map(members.map((member) => [member, member.room.position!]));
    link.ping = { id: this.nextId(), due: this.#now + ANSWER, sent };
    const rooms = Object.fromEntries(members.map(({ room }) => [room.name, room.position]));
    this.#send(link, JSON.stringify({ action: "$ping", ...(members.length && { rooms }), $id: link.ping.id }));
  }

  // -- Messages of the application

  #call(call: Call): void {
    const pending = { ...call, call, due: this.#now + (call.timeout ?? Infinity) };
    const { queueSize, queueDrops } = this.#settings;
    if (!this.#link?.open && this.#queue.length >= queueSize) {
      const full = new ClientError("queue_full", `${queueSize} messages wait for a connection`);
      const oldest = queueDrops === "oldest" ? this.#queue.shift() : undefined;
      this.#fail((oldest ?? pending).call, full);
      if (!oldest) return;
    }
    this.#queue.push(pending);
  }

  #reply(id: unknown, result: { data: unknown } | { error: ClientError }): boolean {
    const request = this.#requests.get(id as number);
    if (!request) return false;
    this.#requests.delete(id as number);
    this.emit({ type: "settled", call: request.call, ...result });
    return true;
  }

  #fail(call: Call, error: ClientError): void {
    this.emit({ type: "settled", call, error });
  }

  // -- What follows from an input and from the time

  #settle(): void {
    const now = this.#now;
    for (const link of this.#links()) {
      const due = [...link.members.values()].some(
        (member) => member.due <= now && (member.status === "joining" || member.status === "leaving"),
      );
      if (!link.open && link.due <= now) {
        this.#lose(link, new ClientError("timeout", "the connection did not open in time"));
      } else if (due || (link.ping && link.ping.due <= now)) {
        this.#lose(link, new ClientError("no_answer", "the server did not answer within 10 s"));
      }
      for (const member of link.members.values()) {
        if (member.status !== "asking" || member.due > now) continue;
        this.#token(member, undefined, new Error("the token callback did not return in time"));
      }
    }
    for (const request of [...this.#queue, ...this.#requests.values()]) {
      if (request.due > now) continue;
      this.#requests.delete(request.id!);
      this.#queue = this.#queue.filter((one) => one !== request);
      this.#fail(request.call, new ClientError("timeout", "no reply before the deadline"));
    }
    if (!this.#link && this.#retryAt <= now) this.#link = this.#connect();
    const link = this.#link;
    if (link?.open) {
      if (this.#stable(link)) this.attempts = 0;
      if (link.replaceAt <= now && !this.#next && !this.#old) this.#next = this.#connect();
      this.#reconcile(link);
    }
    if (this.#next?.open) {
      this.#reconcile(this.#next);
      if ([...this.#rooms.keys()].every((name) => this.#next!.members.get(name)?.status === "joined")) this.#replace();
    }
    const current = this.#link;
    if (current?.open) {
      for (const pending of this.#queue.splice(0)) {
        this.#send(current, pending.text);
        if (pending.id === undefined) this.emit({ type: "settled", call: pending.call });
        else this.#requests.set(pending.id, { ...pending, link: current });
      }
      this.#ping(current);
    }
    if (this.#old && (this.#old.due <= now || !this.#awaitsReplies(this.#old))) {
      this.#lose(this.#old, new ClientError("lost", "the connection was replaced"));
    }
    this.state = current?.open ? "open" : current ? "connecting" : "waiting";
  }

  /** Uses the new connection. The one before it stays until its requests are answered. */
  #replace(): void {
    const old = this.#link!;
    this.#link = this.#next;
    this.#next = undefined;
    this.#old = old;
    old.due = this.#now + DRAIN;
    old.ping = undefined;
    for (const member of old.members.values()) member.due = Infinity;
  }

  #awaitsReplies(link: Link): boolean {
    return [...this.#requests.values()].some((request) => request.link === link);
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

  #closed(): boolean {
    return this.state === "closed";
  }

  #send(link: Link, text: string): void {
    this.emit({ type: "send", socket: link.socket, text });
  }
}
