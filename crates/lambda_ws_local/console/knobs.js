// The knobs of the gateway: what goes wrong, how fast time passes, how much is let through.

import { ask, field, h, number, toast } from "./dom.js";

export function view(model) {
  const faults = h("tbody", {});
  const seed = h("span", { class: "faint" });
  const scale = h("input", { type: "number", min: "0.001", max: "1000000", step: "any" });
  const scaleNow = h("p", { class: "hint", role: "status" });
  const freeze = h("input", { type: "checkbox", role: "switch" });
  const limits = h("input", { type: "checkbox", role: "switch" });
  const rate = h("input", { type: "number", min: "0", value: "10000" });
  const burst = h("input", { type: "number", min: "0", value: "5000" });
  const connections = h("input", { type: "number", min: "0", value: "500" });
  const numbers = h("div", { class: "fields" }, field("Requests a second", rate), field("At once", burst), field("New connections a second", connections),
    h("button", { type: "submit", class: "primary" }, "Set limits"));
  const element = h("section", { class: "page knobs", "aria-label": "Knobs" },
    h("form", { class: "card", on: { submit: (event) => { event.preventDefault(); setScale(); } } },
      h("h2", {}, "Time"), h("p", { class: "hint" }, "How fast the timers of idle (10 min) and old (2 h) connections run: 600 makes ten minutes a second. Events keep the clock's time."),
      h("div", { class: "fields" }, field("Time scale", scale), h("button", { type: "submit", class: "primary" }, "Set time scale")), scaleNow),
    h("div", { class: "card" }, h("h2", {}, "Freeze"), h("p", { class: "hint" }, "Lambda stops a process between events, and with it all that was not awaited."),
      h("label", { class: "check" }, freeze, "Stop processes between events")),
    h("form", { class: "card", on: { submit: (event) => { event.preventDefault(); setLimits(); } } },
      h("h2", {}, "Throttling"), h("p", { class: "hint" }, "The account's limits. Over them clients see 429, and posts fail with LimitExceededException."),
      h("label", { class: "check" }, limits, "Limit rates"), numbers),
    h("form", { class: "card wide", on: { submit: (event) => { event.preventDefault(); setFaults(); } } },
      h("h2", {}, "Faults"), h("p", { class: "hint" }, "What AWS does now and then, on purpose: a rate such as 5% or 0.01, a time such as 20ms, or nothing."),
      h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["Fault", "Setting", "Happened", "What it is"].map((name) => h("th", { scope: "col" }, name)))), faults)),
      h("div", { class: "actions" }, h("button", { type: "submit", class: "primary" }, "Set faults"), h("button", { type: "button", on: { click: () => put({}) } }, "All off"), seed)));

  freeze.addEventListener("change", () => turn({ freeze: freeze.checked }, freeze.checked ? "Processes are frozen between events" : "Processes run between events"));
  limits.addEventListener("change", () => { numbers.hidden = !limits.checked; setLimits(); });

  async function refresh() {
    try {
      showFaults(await ask("GET", "/_admin/faults"));
      showScale(await ask("GET", "/_admin/time-scale"));
      showKnobs(await ask("GET", "knobs"));
    } catch (error) {
      toast(error.message, true);
    }
  }

  function showFaults(said) {
    const focused = document.activeElement?.dataset?.fault;
    faults.replaceChildren(...Object.entries(said.known).map(([name, about]) => {
      const setting = said.faults[name] ?? "";
      const input = h("input", { type: "text", value: setting, placeholder: "off", "aria-label": name, size: 8, "data-fault": name, spellcheck: false });
      return h("tr", { class: setting ? "on" : "" }, h("th", { scope: "row" }, name), h("td", {}, input), h("td", {}, said.fired[name] ? number(said.fired[name]) : ""), h("td", { class: "faint" }, about));
    }));
    seed.textContent = `The same again with --fault-seed ${said.seed}`;
    const on = Object.entries(said.faults).map(([name, setting]) => `${name} ${setting}`);
    model.faults = on;
    model.tell("notice");
    if (focused) faults.querySelector(`[data-fault="${focused}"]`)?.focus();
  }

  function setFaults() {
    const wanted = {};
    for (const input of faults.querySelectorAll("input")) if (input.value.trim()) wanted[input.dataset.fault] = input.value.trim();
    put(wanted);
  }

  async function put(wanted) {
    try {
      showFaults(await ask("PUT", "/_admin/faults", wanted));
      toast(Object.keys(wanted).length ? "Faults are set" : "All faults are off");
    } catch (error) {
      toast(error.message, true);
    }
  }

  function showScale(said) {
    scale.disabled = Boolean(said.manual);
    scale.value = said.scale ?? "";
    scaleNow.textContent = said.manual ? "The time is manual." : said.scale === 1 ? "Time passes as it does." : `Time passes ${number(said.scale)} times as fast.`;
  }

  async function setScale() {
    try {
      showScale(await ask("PUT", "/_admin/time-scale", { scale: Number(scale.value) }));
      toast("The time scale is set");
    } catch (error) {
      toast(error.message, true);
    }
  }

  function showKnobs(said) {
    freeze.disabled = said.freeze === null;
    freeze.checked = Boolean(said.freeze);
    limits.checked = said.throttle !== null;
    numbers.hidden = !limits.checked;
    if (said.throttle) {
      rate.value = said.throttle.rate ?? rate.value;
      burst.value = said.throttle.burst ?? burst.value;
      connections.value = said.throttle.connections ?? connections.value;
    }
  }

  function setLimits() {
    const throttle = limits.checked ? { rate: Number(rate.value), burst: Number(burst.value), connections: Number(connections.value) } : null;
    return turn({ throttle }, throttle ? "Rates are limited" : "Rates are not limited");
  }

  async function turn(change, said) {
    try {
      showKnobs(await ask("PATCH", "knobs", change));
      toast(said);
    } catch (error) {
      toast(error.message, true);
    }
  }

  return { element, shown: refresh };
}
