// The logs of lossless rooms: their positions and messages. The page contains one page of a log at a time.

import { bytes, field, h, number, request, time, toast } from "./dom.js";
import { shown } from "./json.js";
import { List } from "./list.js";
import { setting } from "./store.js";

export function view() {
  const chosen = setting("rooms.name", "");
  const select = h("select", { on: { change: () => { chosen.set(select.value); load(); } } });
  const newer = h("button", { type: "button", on: { click: () => names() } }, "Newest");
  const older = h("button", { type: "button", disabled: true, on: { click: () => load(next) } }, "Older");
  const count = h("span", { class: "faint", role: "status" });
  const facts = h("dl", { class: "facts", "aria-label": "Position" });
  const detail = h("div", { class: "detail", tabIndex: -1, "aria-label": "Message" });
  let rooms = [];
  let next = null;
  const list = new List({
    label: "Messages", height: 34, key: ({ epoch, seq }) => `${epoch}:${seq}`, chosen: open, empty: "There are no messages.",
    row: (message) => h("div", {},
      h("span", { class: "col" }, number(message.seq)),
      h("span", { class: "col" }, time(message.at)),
      h("span", { class: "col faint" }, bytes(message.bytes)),
      h("span", { class: "col" }, message.data.slice(0, 200))),
  });
  const element = h("section", { class: "split rooms-view", "aria-label": "Rooms" },
    h("div", { class: "toolbar" }, field("Room", select), newer, older, count, facts), list.element, detail);

  async function names() {
    try {
      const { rooms: found, whole } = await request("GET", "rooms");
      rooms = found;
      const names = rooms.map(({ room }) => room);
      if (!names.includes(chosen.get())) chosen.set(names[0] ?? "");
      select.replaceChildren(...names.map((name) => h("option", { value: name, selected: name === chosen.get() }, name)));
      if (!whole) toast("The table is large: the list does not contain all rooms", true);
      if (names.length > 0) await load();
      else count.textContent = "No room has a log. Messages that the application publishes to a room with a history appear here.";
    } catch (error) {
      toast(error.message, true);
    }
  }

  async function load(before) {
    const { room, table } = rooms.find(({ room }) => room === chosen.get());
    try {
      const page = await request("POST", "log", { room, table, ...(before && { before }) });
      if (page.newest) paintFacts(page.newest);
      else if (!before) facts.replaceChildren();
      next = page.next;
      older.disabled = !next;
      const [first, last] = [page.messages[0], page.messages.at(-1)];
      count.textContent = first ? `${number(page.messages.length)} messages, ${place(first)} to ${place(last)}` : "no messages";
      detail.replaceChildren(h("div", { class: "empty" }, "Select a message to see its data."));
      element.classList.remove("opened");
      list.set(page.messages);
      list.element.scrollTop = 0;
    } catch (error) {
      toast(error.message, true);
    }
  }

  function paintFacts({ epoch, seq, began, ended }) {
    const known = [["epoch", epoch], ["newest seq", String(seq)], ["epoch began", began === null ? "unknown" : time(began)]];
    if (ended) known.push(["state", "the epoch has ended"]);
    facts.replaceChildren(...known.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", { class: "mono" }, value))));
  }

  function open(message) {
    element.classList.add("opened");
    const known = [["position", place(message)], ["time", time(message.at)], ["size", bytes(message.bytes)], ["expires", new Date(message.expires * 1000).toLocaleString()]];
    detail.replaceChildren(h("div", { class: "detail-head" }, h("h2", { class: "mono" }, place(message)),
      h("div", { class: "actions" }, h("button", { type: "button", class: "back", on: { click: () => element.classList.remove("opened") } }, "Back"))),
      h("dl", { class: "facts" }, known.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
      shown(message.data));
  }

  return { element, shown: names };
}

/** A position as `lambda-ws-local connect --since` takes it. */
const place = ({ epoch, seq }) => `${epoch}:${seq}`;
