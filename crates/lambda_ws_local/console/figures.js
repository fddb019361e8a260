// The numbers and durations of events over time.

import { duration, h, number, painter } from "./dom.js";
import { setting } from "./store.js";

const SVG = "http://www.w3.org/2000/svg";
const SPANS = [[60, "1 min"], [120, "2 min"], [300, "5 min"]];

const CHARTS = [
  ["Messages per second", [["in", "from clients"], ["out", "posted to clients"]], number],
  ["Duration", [["p50", "p50"], ["p99", "p99"]], duration],
  ["Connections", [["connections", "open"]], number],
  ["Errors per second", [["errors", "errors"]], number],
];

export function view(model) {
  const seconds = setting("figures.seconds", 120);
  const charts = CHARTS.map(([title, lines, unit]) => chart(title, lines, unit));
  const body = h("tbody", {});
  const range = h("div", { class: "segments", role: "group", "aria-label": "Time shown" }, SPANS.map(([value, label]) =>
    h("button", { type: "button", "aria-pressed": String(value === seconds.get()), on: { click(event) {
      seconds.set(value);
      for (const button of event.target.parentElement.children) button.setAttribute("aria-pressed", String(button === event.target));
      paint();
    } } }, label)));
  const element = h("section", { class: "page figures", "aria-label": "Figures" },
    h("div", { class: "toolbar" }, range, h("span", { class: "faint" }, "The figures include all events, also those that are not shown.")),
    h("div", { class: "charts" }, charts.map((one) => one.element)),
    h("div", { class: "card" }, h("h2", {}, "By route, in the last minute"),
      h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["Route", "Count", "Per second", "Errors", "p50", "p99"].map((name) => h("th", { scope: "col" }, name)))), body))));

  function paint() {
    const shown = model.seconds.slice(-seconds.get());
    for (const one of charts) one.paint(shown, seconds.get());
    body.replaceChildren(...(model.routes.length ? model.routes.map((route) => h("tr", {},
      h("th", { scope: "row" }, route.route), h("td", {}, number(route.count)), h("td", {}, (route.count / 60).toFixed(1)),
      h("td", { class: route.errors ? "bad" : "" }, number(route.errors)), h("td", {}, duration(route.p50)), h("td", {}, duration(route.p99))))
      : [h("tr", {}, h("td", { colSpan: 6, class: "faint" }, "There were no events in the last minute."))]));
  }

  model.addEventListener("figures", painter(paint, () => element.isConnected));
  return { element, shown: paint };
}

const WIDTH = 600;
const HEIGHT = 120;

function chart(title, lines, unit) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  const paths = lines.map((_, index) => {
    const group = [document.createElementNS(SVG, "path"), document.createElementNS(SVG, "path")];
    group[0].setAttribute("class", `area line-${index}`);
    group[1].setAttribute("class", `line line-${index}`);
    svg.append(...group);
    return group;
  });
  const most = h("span", { class: "most faint" });
  const values = lines.map(([, label], index) => h("span", { class: `legend line-${index}` }, h("b", {}, "–"), ` ${label}`));
  const element = h("figure", { class: "card chart" }, h("figcaption", {}, h("h2", {}, title), h("span", { class: "spring" }), values), h("div", { class: "plot" }, svg, most));

  function paint(seconds, wanted) {
    const top = Math.max(1e-9, ...seconds.flatMap((second) => lines.map(([key]) => second[key] ?? 0)));
    const round = nice(top);
    most.textContent = unit(round);
    lines.forEach(([key, label], index) => {
      const now = seconds.at(-1)?.[key];
      values[index].firstChild.textContent = now === null || now === undefined ? "–" : unit(now);
      const points = seconds.map((second, at) => {
        const x = WIDTH - (seconds.length - 1 - at) * (WIDTH / (wanted - 1));
        const value = second[key];
        return value === null || value === undefined ? null : [x, HEIGHT - (value / round) * (HEIGHT - 6)];
      });
      const [area, line] = paths[index];
      line.setAttribute("d", stroke(points));
      const solid = points.filter(Boolean);
      area.setAttribute("d", index === 0 && solid.length > 1 ? `M${solid[0][0].toFixed(1)},${HEIGHT} ${solid.map(([x, y]) => `L${x.toFixed(1)},${y.toFixed(1)}`).join(" ")} L${solid.at(-1)[0].toFixed(1)},${HEIGHT} Z` : "");
      svg.setAttribute("aria-label", `${title}: ${lines.map(([name, text]) => `${text} ${unit(seconds.at(-1)?.[name] ?? 0)}`).join(", ")}`);
    });
  }
  return { element, paint };
}

/** Returns the path of a line, with gaps for missing values. */
function stroke(points) {
  let path = "";
  let pen = false;
  for (const point of points) {
    if (!point) { pen = false; continue; }
    path += `${pen ? "L" : "M"}${point[0].toFixed(1)},${point[1].toFixed(1)} `;
    // A short line makes a single point visible.
    if (!pen) path += "h0.1 ";
    pen = true;
  }
  return path;
}

/** Returns the next larger round number. */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}
