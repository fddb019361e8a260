// A list of any length. The page contains only its visible rows.

import { h } from "./dom.js";

export class List {
  /**
   * `row(item)` creates the element of a row. `key(item)` identifies an item. `chosen(item)` is called when an item is selected.
   */
  constructor({ label, height, row, key, chosen, empty }) {
    this.height = height;
    this.row = row;
    this.key = key;
    this.chosen = chosen;
    this.items = [];
    this.at = null;
    this.inner = h("div", { class: "rows", role: "presentation" });
    this.empty = h("div", { class: "empty" }, empty);
    this.element = h("div", {
      class: "list", role: "listbox", tabIndex: 0, "aria-label": label,
      on: {
        scroll: () => this.paint(),
        keydown: (event) => this.pressed(event),
        // The row can be replaced before the button is released.
        pointerdown: (event) => { this.pointed = event.target.closest("[data-key]")?.dataset.key; },
        click: (event) => {
          const key = this.pointed ?? event.target.closest("[data-key]")?.dataset.key;
          this.pointed = undefined;
          if (key !== undefined) this.choose(key, false);
        },
      },
    }, this.empty, this.inner);
    new ResizeObserver(() => this.paint()).observe(this.element);
  }

  /** Shows these items. The visible rows keep their position. */
  set(items) {
    const top = this.element.scrollTop;
    const first = this.items[Math.floor(top / this.height)];
    const offset = top % this.height;
    this.items = items;
    this.inner.style.height = `${items.length * this.height}px`;
    this.empty.hidden = items.length > 0;
    if (top > 0 && first) {
      const key = this.key(first);
      const index = items.findIndex((item) => this.key(item) === key);
      if (index >= 0) this.element.scrollTop = index * this.height + offset;
    }
    this.paint();
  }

  /** Returns the visible items. */
  visible() {
    const first = Math.floor(this.element.scrollTop / this.height);
    const count = Math.ceil(this.element.clientHeight / this.height) + 1;
    return this.items.slice(first, first + count);
  }

  paint() {
    const first = Math.max(0, Math.floor(this.element.scrollTop / this.height) - 4);
    const count = Math.ceil((this.element.clientHeight || 600) / this.height) + 8;
    const rows = [];
    for (let index = first; index < Math.min(this.items.length, first + count); index++) {
      const item = this.items[index];
      const key = String(this.key(item));
      const row = this.row(item);
      row.classList.add("row");
      row.id = `row-${this.element.ariaLabel ?? ""}-${key}`.replaceAll(/\s/g, "");
      row.dataset.key = key;
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", String(key === this.at));
      row.setAttribute("aria-setsize", this.items.length);
      row.setAttribute("aria-posinset", index + 1);
      row.style.transform = `translateY(${index * this.height}px)`;
      row.style.height = `${this.height}px`;
      if (key === this.at) this.element.setAttribute("aria-activedescendant", row.id);
      rows.push(row);
    }
    this.inner.replaceChildren(...rows);
  }

  choose(key, scroll = true) {
    this.at = key === null ? null : String(key);
    const index = this.items.findIndex((item) => String(this.key(item)) === this.at);
    if (scroll && index >= 0) {
      const top = index * this.height;
      const { scrollTop, clientHeight } = this.element;
      if (top < scrollTop) this.element.scrollTop = top;
      else if (top + this.height > scrollTop + clientHeight) this.element.scrollTop = top + this.height - clientHeight;
    }
    this.paint();
    if (index >= 0) this.chosen?.(this.items[index]);
  }

  pressed(event) {
    const index = this.items.findIndex((item) => String(this.key(item)) === this.at);
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.height) - 1);
    const last = this.items.length - 1;
    const to = {
      ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + page, PageUp: index - page, Home: 0, End: last,
    }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    this.choose(this.key(this.items[Math.min(last, Math.max(0, to))]));
  }
}
