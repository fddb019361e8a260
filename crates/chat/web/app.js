// The chat's page: a name, a room, and a websocket that comes back by itself.

/** Pauses between attempts in ms: they double, with chance, so that not all come back at once. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;

/** API Gateway ends a connection without a message for 10 minutes. */
const KEEP_ALIVE = 4 * 60_000;

/** How many lines of a room are kept. */
const LINES = 300;

/** How many users a list names, as the server has it. */
const MOST_USERS = 100;

const NAME = /^[A-Za-z0-9_-]{1,32}$/;

const at = (id) => document.getElementById(id);
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

// The name is the tab's, so that two tabs are two people; the next tab is offered it.
const kept = {
  get: (key) => sessionStorage.getItem(key) ?? localStorage.getItem(key),
  set(key, value) {
    sessionStorage.setItem(key, value);
    localStorage.setItem(key, value);
  },
};

const me = { name: "", room: "lobby", to: null };
/** Lines by room; direct messages are in the room where they are read. */
const lines = new Map();
const unread = new Map();
let people = [];
/** Whether there are more people than are listed. */
let more = false;
let socket = null;
let attempts = 0;
let timer = null;
let greeted = false;
/** Whether the connection has been welcomed. */
let welcomed = false;
let asking = null;

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
  const asked = new URLSearchParams(location.search).get("url");
  if (asked) return asked;
  const answer = await fetch("config.json");
  if (!answer.ok) throw new Error("config.json is missing: it says where the websocket is");
  return (await answer.json()).websocket;
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
    return later(error.message);
  }
  socket = opened;
  opened.onopen = () => {
    if (opened !== socket) return;
    attempts = 0;
    state("online", "online");
    welcomed = false;
  };
  opened.onmessage = (message) => {
    if (opened === socket) hear(JSON.parse(message.data));
  };
  opened.onclose = (event) => {
    if (opened === socket) later(event.reason);
  };
}

/** Comes back after a pause. */
function later(why) {
  socket = null;
  const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** attempts) * (0.5 + Math.random() / 2);
  attempts++;
  if (attempts === 1) note(me.room, `The connection is gone${why ? ` (${why})` : ""}. It comes back by itself.`, "bad");
  const until = Date.now() + pause;
  const count = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left <= 0) return connect();
    state("offline", navigator.onLine ? `offline, again in ${left} s` : "no network");
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

/** Asks who is here, once for many changes. */
function who(after = 120) {
  clearTimeout(asking);
  asking = setTimeout(() => send({ action: "who" }), after);
}

function greet() {
  const text = greeted ? `You are back in ${me.room}.` : `Welcome, ${me.name}! You are in ${me.room}. Click on a name to speak to one person alone.`;
  note(me.room, text, greeted ? "" : "hello");
  greeted = true;
}

function hear(heard) {
  switch (heard.type) {
    case "said":
      add(heard.room, { user: heard.user, text: heard.text });
      break;
    case "direct":
      add(me.room, { user: heard.user, text: heard.text, direct: true });
      break;
    case "joined":
      noteUsers(heard, "joined");
      arrive(heard);
      break;
    case "left":
      noteUsers(heard, "left");
      leave(heard);
      break;
    case "welcome":
      // It comes once or, seldom, twice.
      if (!welcomed) greet();
      welcomed = true;
      members(heard);
      break;
    case "entered":
      me.room = heard.room;
      kept.set("chat:room", me.room);
      speakTo(null);
      note(me.room, `You are in ${me.room} now.`);
      paint();
      who();
      break;
    case "members":
      members(heard);
      break;
    default:
      if (heard.error) note(me.room, heard.error.message, "bad");
  }
}

function members(heard) {
  if (heard.room !== me.room) return;
  people = heard.users;
  more = heard.more === true;
  paintCount();
}

/** Notes who joined or left. */
function noteUsers(heard, verb) {
  const others = heard.users.filter((user) => user !== me.name);
  const shown = others.slice(0, 3).join(", ");
  const more = others.length > 3 ? ` and ${others.length - 3} more` : "";
  if (others.length) note(heard.room, `${shown}${more} ${verb}`);
}

/** Adds users without asking: each member of a large room would ask for each newcomer. */
function arrive(heard) {
  if (heard.room !== me.room) return;
  const all = [...new Set([...people, ...heard.users])].sort();
  if (all.length > MOST_USERS) more = true;
  people = all.slice(0, MOST_USERS);
  paintCount();
}

function leave(heard) {
  if (heard.room !== me.room) return;
  people = people.filter((user) => !heard.users.includes(user));
  if (more && people.length < MOST_USERS / 2) who(500 + 2500 * Math.random());
  paintCount();
}

function paintCount() {
  at("count").textContent = more ? `${people.length}+` : `${people.length}`;
  paintPeople();
}

// What is shown.

function add(room, line) {
  const all = lines.get(room) ?? [];
  lines.set(room, all);
  all.push({ at: Date.now(), ...line });
  if (all.length > LINES) all.shift();
  if (room !== me.room) unread.set(room, (unread.get(room) ?? 0) + 1);
  try {
    sessionStorage.setItem("chat:lines", JSON.stringify([...lines].map(([name, list]) => [name, list.slice(-100)])));
  } catch {
    // Full, or forbidden: then a reload forgets.
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
  const name = line.direct ? (line.to ? `you to ${line.to} alone` : `${line.user} to you alone`) : mine ? "you" : line.user;
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
  const names = new Set(["lobby", me.room, ...JSON.parse(kept.get("chat:rooms") ?? "[]"), ...lines.keys()]);
  kept.set("chat:rooms", JSON.stringify([...names].slice(-30)));
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
    const button = element("button", { type: "button", disabled: own, onclick: () => speakTo(name) }, avatar(name), element("span", { textContent: name }));
    if (own) button.append(element("span", { className: "you", textContent: "you" }));
    else button.title = `Speak to ${name} alone`;
    return element("li", {}, button);
  }));
}

function speakTo(name) {
  me.to = name;
  at("to").hidden = !name;
  at("to").textContent = name ? `to ${name} ✕` : "";
  at("to").setAttribute("aria-label", name ? `Only ${name} hears you. Speak to all again` : "");
  at("text").placeholder = name ? `Only ${name} hears you` : `Say something in ${me.room}`;
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
  kept.set("chat:name", name);
  kept.set("chat:room", room);
  sessionStorage.setItem("chat:in", "yes");
  at("door").hidden = true;
  at("chat").hidden = false;
  paint();
  speakTo(null);
  connect();
}

at("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  const [name, room] = [at("name").value.trim(), at("room").value.trim()];
  if (NAME.test(name) && NAME.test(room)) enter(name, room);
  else at("problem").textContent = "A name is 1 to 32 letters, digits, _ and -.";
});
at("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = at("text").value.trim();
  if (!text) return;
  const message = me.to ? { action: "direct", to: me.to, text } : { action: "say", text };
  if (!send(message)) return;
  // Only the other one hears a direct message.
  if (me.to) add(me.room, { user: me.name, to: me.to, text, direct: true, mine: true });
  at("text").value = "";
});
at("join").addEventListener("submit", (event) => {
  event.preventDefault();
  join(at("other").value.trim());
  at("other").value = "";
});
at("to").addEventListener("click", () => speakTo(null));
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
  if (event.key === "Escape") me.to ? speakTo(null) : menu(false);
});
setInterval(() => send({ action: "who" }), KEEP_ALIVE);

const asked = new URLSearchParams(location.search);
at("name").value = asked.get("user") ?? kept.get("chat:name") ?? "";
at("room").value = asked.get("room") ?? kept.get("chat:room") ?? "lobby";
if (sessionStorage.getItem("chat:in")) {
  for (const [room, list] of JSON.parse(sessionStorage.getItem("chat:lines") ?? "[]")) lines.set(room, list);
  greeted = true;
  enter(sessionStorage.getItem("chat:name"), sessionStorage.getItem("chat:room"));
}
