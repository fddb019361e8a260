// The DynamoDB tables of the function.

import { bytes, field, h, number, request, toast } from "./dom.js";
import { shown } from "./json.js";
import { List } from "./list.js";
import { setting } from "./store.js";

const PAGE = 500;

export function view() {
  const chosen = setting("tables.name", "");
  const partition = setting("tables.partition", "");
  const select = h("select", { on: { change: () => { chosen.set(select.value); load(); } } });
  const key = h("input", { type: "text", value: partition.get(), placeholder: "all partitions", spellcheck: false, on: { change: () => { partition.set(key.value); load(); } } });
  const keyField = field("Partition", key, "grow");
  const search = h("input", { type: "search", placeholder: "in the loaded items", on: { input: () => paint() } });
  const count = h("span", { class: "faint", role: "status" });
  const more = h("button", { type: "button", hidden: true, on: { click: () => load(next) } }, "Load more");
  const detail = h("div", { class: "detail", tabIndex: -1, "aria-label": "Item" });
  let keys = [];
  let items = [];
  let next = null;
  const list = new List({
    label: "Items", height: 34, key: (item) => item.number, chosen: open, empty: "The table is empty.",
    row: ({ item }) => h("div", {},
      keys.map((name) => h("span", { class: "col id" }, plain(item[name]))),
      h("span", { class: "col faint" }, Object.entries(item).filter(([name]) => !keys.includes(name)).map(([name, value]) => `${name}: ${plain(value)}`).join("  "))),
  });
  const element = h("section", { class: "split tables", "aria-label": "Tables" },
    h("div", { class: "toolbar" }, field("Table", select), keyField, field("Search", search), h("button", { type: "button", on: { click: () => load() } }, "Refresh"), more, count),
    list.element, detail);

  async function names() {
    try {
      const { TableNames: found } = await request("POST", "dynamodb/ListTables", {});
      select.replaceChildren(...found.map((name) => h("option", { value: name, selected: name === chosen.get() }, name)));
      if (!found.includes(chosen.get())) chosen.set(found[0] ?? "");
      if (found.length > 0) await load();
      else count.textContent = "There are no tables.";
    } catch (error) {
      toast(error.message, true);
    }
  }

  async function load(start) {
    const TableName = chosen.get();
    try {
      const { Table: table } = await request("POST", "dynamodb/DescribeTable", { TableName });
      const schema = [...table.KeySchema].sort((one, other) => (one.KeyType === "HASH" ? -1 : other.KeyType === "HASH" ? 1 : 0));
      keys = schema.map((part) => part.AttributeName);
      keyField.firstChild.textContent = `Partition (${keys[0]})`;
      const query = { TableName, Limit: PAGE, ExclusiveStartKey: start ?? undefined };
      const wanted = partition.get().trim();
      let page;
      if (wanted) {
        const type = table.AttributeDefinitions.find((one) => one.AttributeName === keys[0])?.AttributeType ?? "S";
        page = await request("POST", "dynamodb/Query", { ...query, KeyConditionExpression: "#key = :key", ExpressionAttributeNames: { "#key": keys[0] }, ExpressionAttributeValues: { ":key": { [type]: wanted } } });
      } else page = await request("POST", "dynamodb/Scan", query);
      if (!start) { items = []; detail.replaceChildren(h("div", { class: "empty" }, "Select an item to see its attributes.")); element.classList.remove("opened"); }
      items.push(...page.Items.map((item, index) => ({ item, number: items.length + index })));
      next = page.LastEvaluatedKey ?? null;
      more.hidden = !next;
      const size = table.TableSizeBytes ? `, ${bytes(table.TableSizeBytes)}` : "";
      count.textContent = `${number(items.length)}${next ? "+" : ""} items${size}`;
      paint();
    } catch (error) {
      toast(error.message, true);
    }
  }

  function paint() {
    const text = search.value.trim().toLowerCase();
    list.set(text ? items.filter(({ item }) => JSON.stringify(item).toLowerCase().includes(text)) : items);
  }

  function open({ item }) {
    element.classList.add("opened");
    detail.replaceChildren(h("div", { class: "detail-head" }, h("h2", { class: "mono" }, keys.map((name) => plain(item[name])).join(" / ")),
      h("div", { class: "actions" }, h("button", { type: "button", class: "back", on: { click: () => element.classList.remove("opened") } }, "Back"))),
      shown(JSON.stringify(Object.fromEntries(Object.entries(item).map(([name, value]) => [name, untyped(value)])))),
      h("details", {}, h("summary", { class: "faint" }, "With DynamoDB types"), shown(JSON.stringify(item))));
  }

  return { element, shown: names };
}

/** Converts a DynamoDB value to JSON. */
function untyped(value) {
  const [type, inner] = Object.entries(value)[0];
  switch (type) {
    case "N": return Number.isSafeInteger(Number(inner)) || !/^-?\d+$/.test(inner) ? Number(inner) : inner;
    case "NS": return inner.map(Number);
    case "L": return inner.map(untyped);
    case "M": return Object.fromEntries(Object.entries(inner).map(([name, one]) => [name, untyped(one)]));
    case "NULL": return null;
    default: return inner;
  }
}

/** Formats a DynamoDB value in one line, without its type. */
function plain(value) {
  if (value === undefined) return "";
  const [type, inner] = Object.entries(value)[0];
  if (type === "L") return `[${inner.map(plain).join(", ")}]`;
  if (type === "M") return `{${Object.entries(inner).map(([name, one]) => `${name}: ${plain(one)}`).join(", ")}}`;
  if (type.endsWith("S") && Array.isArray(inner)) return inner.join(", ");
  if (type === "NULL") return "null";
  return String(inner);
}
