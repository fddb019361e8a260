// The page of the chat. Its websocket reconnects automatically.

/** The pauses between attempts to connect, in ms. They double and are random, so that clients do not all reconnect at once. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;

/** The pause between keep-alive messages, in ms. API Gateway closes a connection that is idle for 10 minutes. */
const KEEP_ALIVE = 4 * 60_000;

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
let socket = null;
let attempts = 0;
let timer = null;
let greeted = false;
/** Whether the current connection received a welcome message. */
let welcomed = false;
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

async function connect() {
  clearTimeout(timer);
  state("connecting", attempts === 0 ? "connecting" : "reconnecting");
  let opened;
  try {
    const url = new URL(await endpoint());
    url.search = new URLSearchParams({ user: me.name, room: me.room });
    opened = new WebSocket(url);
  } catch (error) {
    return reconnectLater(error.message);
  }
  socket = opened;
  opened.onopen = () => {
    if (opened !== socket) return;
    attempts = 0;
    state("online", "online");
    welcomed = false;
  };
  opened.onmessage = (message) => {
    if (opened === socket) receive(JSON.parse(message.data));
  };
  opened.onclose = (event) => {
    if (opened === socket) reconnectLater(event.reason);
  };
}

/** Reconnects after a pause. */
function reconnectLater(why) {
  socket = null;
  const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** attempts) * (0.5 + Math.random() / 2);
  attempts++;
  if (attempts === 1) note(me.room, `The connection was lost${why ? ` (${why})` : ""}. It reconnects automatically.`, "bad");
  const until = Date.now() + pause;
  const count = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left <= 0) return connect();
    state("offline", navigator.onLine ? `offline, reconnecting in ${left} s` : "no network");
    timer = setTimeout(count, Math.min(1000, until - Date.now()));
  };
  count();
}

function state(word, text) {
  at("state").dataset.state = word;
  at("state").textContent = text;
  at("retry").hidden = word !== "offline";
  at("send").disabled = word !== "online";
}

function send(message) {
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(message));
  return true;
}

/** Requests the list of people. Several calls within the pause send one request. */
function requestPeople(after = 120) {
  clearTimeout(requesting);
  requesting = setTimeout(() => send({ action: "who" }), after);
}

function greet() {
  const text = greeted ? `You are back in ${me.room}.` : `Welcome, ${me.name}! You are in ${me.room}. Click a name to send a direct message.`;
  note(me.room, text, greeted ? "" : "hello");
  greeted = true;
}

function receive(message) {
  switch (message.type) {
    case "said":
      add(message.room, { user: message.user, text: message.text });
      break;
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
    case "welcome":
      // A connection can receive two welcome messages.
      if (!welcomed) greet();
      welcomed = true;
      members(message);
      break;
    case "entered":
      me.room = message.room;
      saved.set("chat:room", me.room);
      selectRecipient(null);
      note(me.room, `You are now in ${me.room}.`);
      paint();
      requestPeople();
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
    sessionStorage.setItem("chat:lines", JSON.stringify([...lines].map(([name, list]) => [name, list.slice(-100)])));
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
  if (room !== me.room) send({ action: "join", room });
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
  if (!text) return;
  const message = me.to ? { action: "direct", to: me.to, text } : { action: "say", text };
  if (!send(message)) return;
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
at("retry").addEventListener("click", connect);
at("leave").addEventListener("click", () => {
  sessionStorage.removeItem("chat:in");
  sessionStorage.removeItem("chat:lines");
  location.reload();
});
addEventListener("online", () => {
  if (!socket && me.name) connect();
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape") me.to ? selectRecipient(null) : menu(false);
});
setInterval(() => send({ action: "who" }), KEEP_ALIVE);

const query = new URLSearchParams(location.search);
at("name").value = query.get("user") ?? saved.get("chat:name") ?? "";
at("room").value = query.get("room") ?? saved.get("chat:room") ?? "lobby";
if (sessionStorage.getItem("chat:in")) {
  for (const [room, list] of JSON.parse(sessionStorage.getItem("chat:lines") ?? "[]")) lines.set(room, list);
  greeted = true;
  enter(sessionStorage.getItem("chat:name"), sessionStorage.getItem("chat:room"));
}
