// The settings of the gateway: faults, the time scale, freezing and rate limits.

import { field, h, number, request, toast } from "./dom.js";

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
  const numbers = h("div", { class: "fields" }, field("Requests per second", rate), field("Burst", burst), field("New connections per second", connections),
    h("button", { type: "submit", class: "primary" }, "Set limits"));
  const element = h("section", { class: "page knobs", "aria-label": "Knobs" },
    h("form", { class: "card", on: { submit: (event) => { event.preventDefault(); setScale(); } } },
      h("h2", {}, "Time"), h("p", { class: "hint" }, "The speed of the timers for idle (10 min) and old (2 h) connections. With 600, ten minutes take one second. The times in events do not change."),
      h("div", { class: "fields" }, field("Time scale", scale), h("button", { type: "submit", class: "primary" }, "Set time scale")), scaleNow),
    h("div", { class: "card" }, h("h2", {}, "Freeze"), h("p", { class: "hint" }, "Lambda stops a process between events. Work that was not awaited stops, too."),
      h("label", { class: "check" }, freeze, "Stop processes between events")),
    h("form", { class: "card", on: { submit: (event) => { event.preventDefault(); setLimits(); } } },
      h("h2", {}, "Throttling"), h("p", { class: "hint" }, "The rate limits of the account. Above them, clients get 429 and posts fail with LimitExceededException."),
      h("label", { class: "check" }, limits, "Limit rates"), numbers),
    h("form", { class: "card wide", on: { submit: (event) => { event.preventDefault(); setFaults(); } } },
      h("h2", {}, "Faults"), h("p", { class: "hint" }, "Faults that sometimes happen on AWS. Set a rate such as 5% or 0.01, or a time such as 20ms. An empty field turns a fault off."),
      h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["Fault", "Setting", "Count", "Description"].map((name) => h("th", { scope: "col" }, name)))), faults)),
      h("div", { class: "actions" }, h("button", { type: "submit", class: "primary" }, "Set faults"), h("button", { type: "button", on: { click: () => put({}) } }, "All off"), seed)));

  freeze.addEventListener("change", () => change({ freeze: freeze.checked }, freeze.checked ? "Processes are frozen between events" : "Processes run between events"));
  limits.addEventListener("change", () => { numbers.hidden = !limits.checked; setLimits(); });

  async function refresh() {
    try {
      showFaults(await request("GET", "/_admin/faults"));
      showScale(await request("GET", "/_admin/time-scale"));
      showKnobs(await request("GET", "knobs"));
    } catch (error) {
      toast(error.message, true);
    }
  }

  function showFaults(state) {
    const focused = document.activeElement?.dataset?.fault;
    faults.replaceChildren(...Object.entries(state.known).map(([name, about]) => {
      const setting = state.faults[name] ?? "";
      const input = h("input", { type: "text", value: setting, placeholder: "off", "aria-label": name, size: 8, "data-fault": name, spellcheck: false });
      return h("tr", { class: setting ? "on" : "" }, h("th", { scope: "row" }, name), h("td", {}, input), h("td", {}, state.fired[name] ? number(state.fired[name]) : ""), h("td", { class: "faint" }, about));
    }));
    seed.textContent = `To repeat these faults, use --fault-seed ${state.seed}`;
    const on = Object.entries(state.faults).map(([name, setting]) => `${name} ${setting}`);
    model.faults = on;
    model.notify("notice");
    if (focused) faults.querySelector(`[data-fault="${focused}"]`)?.focus();
  }

  function setFaults() {
    const wanted = {};
    for (const input of faults.querySelectorAll("input")) if (input.value.trim()) wanted[input.dataset.fault] = input.value.trim();
    put(wanted);
  }

  async function put(wanted) {
    try {
      showFaults(await request("PUT", "/_admin/faults", wanted));
      toast(Object.keys(wanted).length ? "Faults are set" : "All faults are off");
    } catch (error) {
      toast(error.message, true);
    }
  }

  function showScale(state) {
    scale.disabled = Boolean(state.manual);
    scale.value = state.scale ?? "";
    scaleNow.textContent = state.manual ? "The clock is manual." : state.scale === 1 ? "Time passes at normal speed." : `Time passes ${number(state.scale)} times as fast.`;
  }

  async function setScale() {
    try {
      showScale(await request("PUT", "/_admin/time-scale", { scale: Number(scale.value) }));
      toast("The time scale is set");
    } catch (error) {
      toast(error.message, true);
    }
  }

  function showKnobs(state) {
    freeze.disabled = state.freeze === null;
    freeze.checked = Boolean(state.freeze);
    limits.checked = state.throttle !== null;
    numbers.hidden = !limits.checked;
    if (state.throttle) {
      rate.value = state.throttle.rate ?? rate.value;
      burst.value = state.throttle.burst ?? burst.value;
      connections.value = state.throttle.connections ?? connections.value;
    }
  }

  function setLimits() {
    const throttle = limits.checked ? { rate: Number(rate.value), burst: Number(burst.value), connections: Number(connections.value) } : null;
    return change({ throttle }, throttle ? "Rates are limited" : "Rates are not limited");
  }

  async function change(knobs, message) {
    try {
      showKnobs(await request("PATCH", "knobs", knobs));
      toast(message);
    } catch (error) {
      toast(error.message, true);
    }
  }

  return { element, shown: refresh };
}
