// Drift as a heat map, features by days; a long range shows the largest value of the days that share a column.

import { colour, keep } from "./charts.js";
import { announce, h } from "./dom.js";
import { feature, longDay, shortDay, shortFeature } from "./format.js";

const ROW = 22;
const LEAST_COLUMN = 4;

export function heatmap({ days, names, values, limitOf, onOpen }) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const readout = h("div", { class: "readout" });
  const box = h(
    "div",
    {
      class: "heat",
      tabindex: "0",
      role: "slider",
      "aria-label": "Drift of every feature, day by day: arrow keys move, Enter opens the day's report",
      "aria-valuemin": "0",
      "aria-valuemax": String(Math.max(0, days.length * names.length - 1)),
      "aria-valuenow": "0",
      "aria-valuetext": "",
    },
    canvas,
  );
  const labels = h(
    "div",
    { class: "heat-labels", "aria-hidden": "true" },
    names.map((name) => h("div", { title: feature(name) }, shortFeature(name))),
  );
  const axis = h(
    "div",
    { class: "heat-axis", "aria-hidden": "true" },
    ticks(days).map((day) => h("span", {}, shortDay(day))),
  );
  const figure = h(
    "figure",
    { class: "figure" },
    h("div", { class: "heat-frame" }, labels, h("div", { class: "heat-body" }, box, axis)),
    readout,
    key(),
  );
  let chosen = null;
  let bins = [];

  const draw = () => {
    const width = box.clientWidth;
    if (!width || !days.length) return;
    const height = names.length * ROW;
    const ratio = window.devicePixelRatio || 1;
    const columns = Math.max(1, Math.min(days.length, Math.floor(width / LEAST_COLUMN)));
    bins = Array.from({ length: columns }, (_, column) => [
      Math.floor((column * days.length) / columns),
      Math.floor(((column + 1) * days.length) / columns),
    ]);
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const palette = ["heat-0", "heat-1", "heat-2", "heat-3", "heat-4", "heat-5"].map(colour);
    const nothing = colour("heat-none");
    const step = width / columns;
    const gap = step > 8 ? 1 : 0;
    names.forEach((name, row) => {
      const limit = limitOf(name);
      bins.forEach(([from, to], column) => {
        const known = values[name].slice(from, to).filter((value) => value !== null);
        context.fillStyle = known.length ? palette[level(Math.max(...known), limit)] : nothing;
        context.fillRect(column * step, row * ROW, step - gap, ROW - 1);
      });
    });
    if (chosen) {
      const column = bins.findIndex(([from, to]) => chosen.day >= from && chosen.day < to);
      context.strokeStyle = colour("ink");
      context.lineWidth = 2;
      context.strokeRect(column * step + 1, chosen.row * ROW + 1, Math.max(step - 2, 2), ROW - 3);
    }
  };

  const describe = ({ day, row }) => {
    const name = names[row];
    const value = values[name][day];
    const limit = limitOf(name);
    const against = limit ? (value >= limit ? `, above ${limit}` : `, threshold ${limit}`) : ", shown only";
    return `${longDay(days[day])} · ${feature(name)} ${value === null ? "not measured" : value.toFixed(3) + against}`;
  };
  const choose = (next) => {
    chosen = next;
    const text = next ? describe(next) : "";
    readout.textContent = text;
    if (next) {
      box.setAttribute("aria-valuenow", String(next.row * days.length + next.day));
      box.setAttribute("aria-valuetext", text);
    }
    draw();
  };
  const under = (event) => {
    const place = canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - place.left) / place.width) * bins.length);
    const row = Math.floor((event.clientY - place.top) / ROW);
    if (!bins[column] || row < 0 || row >= names.length) return null;
    const [from, to] = bins[column];
    const values_ = values[names[row]].slice(from, to).map((value) => value ?? -1);
    return { row, day: from + values_.indexOf(Math.max(...values_)) };
  };
  canvas.addEventListener("mousemove", (event) => choose(under(event)));
  canvas.addEventListener("mouseleave", () => choose(null));
  canvas.addEventListener("click", (event) => {
    const place = under(event);
    if (place) onOpen(days[place.day]);
  });
  box.addEventListener("focus", () => chosen || choose({ day: days.length - 1, row: 0 }));
  box.addEventListener("keydown", (event) => {
    const moves = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
      PageUp: [-7, 0],
      PageDown: [7, 0],
    };
    const now = chosen ?? { day: days.length - 1, row: 0 };
    if (moves[event.key]) {
      event.preventDefault();
      const [across, down] = moves[event.key];
      choose({ day: clamp(now.day + across, days.length), row: clamp(now.row + down, names.length) });
    } else if (event.key === "Enter") {
      announce(`Opening the report of ${longDay(days[now.day])}`);
      onOpen(days[now.day]);
    }
  });
  return keep(figure, box, draw);
}

const ticks = (days) => [
  ...new Set([0, 0.25, 0.5, 0.75, 1].map((share) => days[Math.round(share * (days.length - 1))])),
];

const clamp = (value, size) => Math.max(0, Math.min(size - 1, value));

// Six steps: four below the threshold, two at it and beyond twice it. Without a threshold the steps are of 0.1.
function level(value, limit) {
  const share = value / (limit || 0.4);
  if (limit && share >= 1) return share >= 2 ? 5 : 4;
  return Math.max(0, Math.min(3, Math.floor(share * 4)));
}

function key() {
  const steps = ["below ¼", "½", "¾", "threshold", "1–2 ×", "2 × and more"];
  return h(
    "div",
    { class: "heat-key" },
    h("span", {}, "of the threshold:"),
    steps.map((text, step) =>
      h("span", {}, h("span", { class: "cell", style: { background: `var(--heat-${step})` } }), text),
    ),
    h("span", {}, h("span", { class: "cell", style: { background: "var(--heat-none)" } }), "not measured"),
  );
}
