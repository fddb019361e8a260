// The page of the chat. Its client reconnects, and delivers each message of a room once and in order.

import { Client } from "./lambda_ws_client.js";

/** The sub-protocol of clients that subscribe to rooms, and the prefix of these rooms. */
const PROTOCOL = "chat.lossless.v1";
const PREFIX = "chat/";

/** No log has this position. So the first answer contains the whole history of the room. */
const START = ["0", 0];

/** The maximum number of lines that the page keeps of a room. */
const LINES = 300;

/** The maximum number of users in a list. The server has the same limit. */
const MAX_USERS = 100;

const NAME = /^[A-Za-z0-9_-]{1,32}$/;

const at = (id) => document.getElementById(id);
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

// Each tab has its own name, so two tabs are two users. A new tab suggests the last name.
const saved = {
  get: (key) => sessionStorage.getItem(key) ?? localStorage.getItem(key),
  set(key, value) {
    sessionStorage.setItem(key, value);
    localStorage.setItem(key, value);
  },
};

const me = { name: "", room: "lobby", to: null };
/** The lines by room. A direct message is stored in the room that is open when it arrives. */
const lines = new Map();
const unread = new Map();
let people = [];
/** Whether the room has more people than `people` contains. */
let more = false;
/** The positions of the last known messages by room. */
const positions = new Map();
let client = null;
let subscription = null;
/** What to say when the room is entered next: `welcome`, `back`, `entered` or nothing. */
let greeting = "welcome";
let requesting = null;

function element(tag, props, ...children) {
  const made = Object.assign(document.createElement(tag), props);
  made.append(...children);
  return made;
}

function avatar(name) {
  const made = element("span", { className: "avatar", textContent: name.slice(0, 2) });
  made.setAttribute("aria-hidden", "true");
  let hue = 0;
  for (const letter of name) hue = (hue * 31 + letter.codePointAt(0)) % 360;
  made.style.backgroundColor = `hsl(${hue} 55% 38%)`;
  return made;
}

// The websocket.

async function endpoint() {
  const override = new URLSearchParams(location.search).get("url");
  if (override) return override;
  const response = await fetch("config.json");
  if (!response.ok) throw new Error("config.json is missing: expected {\"websocket\": \"wss://..\"}");
  return (await response.json()).websocket;
}

function connect() {
  client = new Client({
    async url() {
      const url = new URL(await endpoint());
      url.search = new URLSearchParams({ user: me.name });
      return url.href;
    },
    protocols: [PROTOCOL],
  });
  client.on("state", connection);
  client.on("message", receive);
  client.on("error", (error) => note(me.room, error.message, "bad"));
  connection(client.state);
  subscribe();
}

/** Shows the state of the connection. The page is online when the room has answered. */
function connection(now) {
  if (now === "open") return;
  if (now === "connecting") return state("connecting", client.attempts === 0 ? "connecting" : "reconnecting");
  if (now === "closed") return state("offline", "closed");
  if (client.attempts === 1) {
    const why = client.lastError?.message;
    note(me.room, `The connection was lost${why ? ` (${why})` : ""}. It reconnects automatically.`, "bad");
  }
  greeting ??= "back";
  state("offline", navigator.onLine ? "offline, reconnecting" : "no network");
}

/** Enters the room `me.room` at the last known message, or at the begin of its history. */
function subscribe() {
  const name = me.room;
  const entered = client.room(`${PREFIX}${name}`, { since: positions.get(name) ?? START });
  subscription = entered;
  entered.on("message", ({ data: { user, text, at } }) => add(name, { user, text, at }));
  entered.on("gap", ({ from, lost }) => {
    // Nobody misses what was said before the first visit.
    if (from[0] === START[0] && from[1] === START[1]) return;
    note(name, lost ? `You missed ${lost} ${lost === 1 ? "message" : "messages"}.` : "You may have missed some messages.", "bad");
  });
  entered.on("subscribed", () => {
    // The answer contains messages, which come before the greeting.
    queueMicrotask(() => {
      if (entered !== subscription) return;
      state("online", "online");
      greet();
      requestPeople(0);
    });
  });
  entered.on("error", (error) => note(name, error.message, "bad"));
}

function state(word, text) {
  at("state").dataset.state = word;
  at("state").textContent = text;
  at("retry").hidden = word !== "offline";
  at("send").disabled = word !== "online";
}

/** Sends a message of the user, and shows its error. */
function request(message) {
  const room = me.room;
  client.request(message).catch(({ code, message: problem }) => {
    const isSent = code === "lost" || code === "timeout";
    note(room, isSent ? `It is not known whether your message arrived: ${message.text}` : problem, "bad");
  });
}

/** Requests the list of people. Several calls within the pause send one request. */
function requestPeople(after = 120) {
  clearTimeout(requesting);
  requesting = setTimeout(() => {
    if (isOnline()) client.send({ action: "who", room: me.room });
  }, after);
}

function isOnline() {
  return at("state").dataset.state === "online";
}

function greet() {
  const text = {
    welcome: `Welcome, ${me.name}! You are in ${me.room}. Click a name to send a direct message.`,
    back: `You are back in ${me.room}.`,
    entered: `You are now in ${me.room}.`,
  }[greeting];
  if (text) note(me.room, text, greeting === "welcome" ? "hello" : "");
  greeting = null;
}

/** Takes a message that is not in the log of a room. */
function receive(message) {
  switch (message.type) {
    case "direct":
      add(me.room, { user: message.user, text: message.text, direct: true });
      break;
    case "joined":
      noteUsers(message, "joined");
      arrive(message);
      break;
    case "left":
      noteUsers(message, "left");
      leave(message);
      break;
    case "members":
      members(message);
      break;
    default:
      if (message.error) note(me.room, message.error.message, "bad");
  }
}

function members(message) {
  if (message.room !== me.room) return;
  people = message.users;
  more = message.more === true;
  paintCount();
}

/** Adds a line with the users that joined or left. */
function noteUsers(message, verb) {
  const others = message.users.filter((user) => user !== me.name);
  const shown = others.slice(0, 3).join(", ");
  const more = others.length > 3 ? ` and ${others.length - 3} more` : "";
  if (others.length) note(message.room, `${shown}${more} ${verb}`);
}

/** Adds users without a request. In a large room, every member would send a request for every new user. */
function arrive(message) {
  if (message.room !== me.room) return;
  const all = [...new Set([...people, ...message.users])].sort();
  if (all.length > MAX_USERS) more = true;
  people = all.slice(0, MAX_USERS);
  paintCount();
}

function leave(message) {
  if (message.room !== me.room) return;
  people = people.filter((user) => !message.users.includes(user));
  if (more && people.length < MAX_USERS / 2) requestPeople(500 + 2500 * Math.random());
  paintCount();
}

function paintCount() {
  at("count").textContent = more ? `${people.length}+` : `${people.length}`;
  paintPeople();
}

// The display.

function add(room, line) {
  const all = lines.get(room) ?? [];
  lines.set(room, all);
  all.push({ at: Date.now(), ...line });
  if (all.length > LINES) all.shift();
  if (room !== me.room) unread.set(room, (unread.get(room) ?? 0) + 1);
  try {
    // Together, so that a reload continues exactly after the stored lines.
    if (subscription?.position) positions.set(subscription.name.slice(PREFIX.length), subscription.position);
    const stored = { lines: [...lines].map(([name, list]) => [name, list.slice(-100)]), positions: [...positions] };
    sessionStorage.setItem("chat:log", JSON.stringify(stored));
  } catch {
    // The storage is full or not allowed. The lines are then lost on a reload.
  }
  if (room === me.room) show(all.at(-1), all.at(-2));
  else paintRooms();
}

function note(room, text, kind = "") {
  add(room, { note: text, kind });
}

function show(line, before) {
  const log = at("log");
  const end = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  log.append(row(line, before));
  while (log.childElementCount > LINES) log.firstElementChild.remove();
  if (end || line.mine) log.scrollTop = log.scrollHeight;
}

function row(line, before) {
  if (line.note) return element("li", { className: `note ${line.kind}`, textContent: line.note });
  const mine = line.mine || line.user === me.name;
  const same = before && before.user === line.user && before.to === line.to && Boolean(before.direct) === Boolean(line.direct) && line.at - before.at < 120_000;
  const classes = ["message", mine && "mine", line.direct && "direct", same && "same"].filter(Boolean).join(" ");
  const name = line.direct ? (line.to ? `you to ${line.to} (direct)` : `${line.user} to you (direct)`) : mine ? "you" : line.user;
  return element("li", { className: classes }, avatar(line.user),
    element("div", { className: "who" }, element("b", { textContent: name }), element("time", { dateTime: new Date(line.at).toISOString(), textContent: clock.format(line.at) })),
    element("div", { className: "text", textContent: line.text }));
}

function paint() {
  at("title").textContent = `# ${me.room}`;
  document.title = `${me.room} · Chat`;
  at("me").textContent = me.name;
  at("me-avatar").replaceWith(Object.assign(avatar(me.name), { id: "me-avatar" }));
  unread.delete(me.room);
  const all = lines.get(me.room) ?? [];
  at("log").replaceChildren(...all.map((line, index) => row(line, all[index - 1])));
  at("log").scrollTop = at("log").scrollHeight;
  people = [];
  paintRooms();
  paintPeople();
}

function paintRooms() {
  const names = new Set(["lobby", me.room, ...JSON.parse(saved.get("chat:rooms") ?? "[]"), ...lines.keys()]);
  saved.set("chat:rooms", JSON.stringify([...names].slice(-30)));
  at("rooms").replaceChildren(...[...names].sort().map((name) => {
    const button = element("button", { type: "button", onclick: () => join(name) }, element("span", { textContent: `# ${name}` }));
    button.setAttribute("aria-current", String(name === me.room));
    const count = unread.get(name);
    if (count) button.append(element("span", { className: "unread", textContent: count }));
    return element("li", {}, button);
  }));
}

function paintPeople() {
  at("people").replaceChildren(...people.map((name) => {
    const own = name === me.name;
    const button = element("button", { type: "button", disabled: own, onclick: () => selectRecipient(name) }, avatar(name), element("span", { textContent: name }));
    if (own) button.append(element("span", { className: "you", textContent: "you" }));
    else button.title = `Send a direct message to ${name}`;
    return element("li", {}, button);
  }));
}

function selectRecipient(name) {
  me.to = name;
  at("to").hidden = !name;
  at("to").textContent = name ? `to ${name} ✕` : "";
  at("to").setAttribute("aria-label", name ? `Direct message to ${name}. Click to write to the room again` : "");
  at("text").placeholder = name ? `Direct message to ${name}` : `Message to ${me.room}`;
  menu(false);
  at("text").focus();
}

function join(room) {
  menu(false);
  if (room === me.room) return;
  if (subscription.position) positions.set(me.room, subscription.position);
  subscription.close();
  me.room = room;
  saved.set("chat:room", room);
  greeting = "entered";
  selectRecipient(null);
  paint();
  if (client.state === "open") state("connecting", "entering");
  subscribe();
}

function menu(open) {
  at("side").classList.toggle("open", open);
  at("menu").setAttribute("aria-expanded", String(open));
}

function enter(name, room) {
  Object.assign(me, { name, room });
  saved.set("chat:name", name);
  saved.set("chat:room", room);
  sessionStorage.setItem("chat:in", "yes");
  at("door").hidden = true;
  at("chat").hidden = false;
  paint();
  selectRecipient(null);
  connect();
}

at("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  const [name, room] = [at("name").value.trim(), at("room").value.trim()];
  if (NAME.test(name) && NAME.test(room)) enter(name, room);
  else at("problem").textContent = "The name or the room is not valid: expected 1 to 32 letters, digits, _ or -.";
});
at("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = at("text").value.trim();
  if (!text || !isOnline()) return;
  request(me.to ? { action: "direct", to: me.to, text } : { action: "say", room: me.room, text });
  // The chat sends a direct message only to its recipient.
  if (me.to) add(me.room, { user: me.name, to: me.to, text, direct: true, mine: true });
  at("text").value = "";
});
at("join").addEventListener("submit", (event) => {
  event.preventDefault();
  join(at("other").value.trim());
  at("other").value = "";
});
at("to").addEventListener("click", () => selectRecipient(null));
at("menu").addEventListener("click", () => menu(!at("side").classList.contains("open")));
// The client connects at once when the network is back.
at("retry").addEventListener("click", () => {
  if (client.state === "closed") connect();
  else dispatchEvent(new Event("online"));
});
at("leave").addEventListener("click", () => {
  sessionStorage.removeItem("chat:in");
  sessionStorage.removeItem("chat:log");
  location.reload();
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape") me.to ? selectRecipient(null) : menu(false);
});

const query = new URLSearchParams(location.search);
at("name").value = query.get("user") ?? saved.get("chat:name") ?? "";
at("room").value = query.get("room") ?? saved.get("chat:room") ?? "lobby";
if (sessionStorage.getItem("chat:in")) {
  const stored = JSON.parse(sessionStorage.getItem("chat:log") ?? '{"lines":[],"positions":[]}');
  for (const [room, list] of stored.lines) lines.set(room, list);
  for (const [room, position] of stored.positions) positions.set(room, position);
  greeting = "back";
  enter(sessionStorage.getItem("chat:name"), sessionStorage.getItem("chat:room"));
}
