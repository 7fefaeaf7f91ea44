// Time charts: lines by uPlot, with bands and flags for what happened, read by mouse, touch and keyboard.

import { announce, h } from "./dom.js";
import { isoDay, longDay, shortDay } from "./format.js";

const DAY = 86400;
const LONG = 300 * DAY; // from here on the axis names years
const alive = new Set();

// Canvas takes no CSS variables: resolve them as the theme has them now. Asking for a style lays the page out, so each
// colour is asked for once a theme.
const colours = new Map();

export function colour(name) {
  if (!colours.has(name)) {
    const probe = h("span", { style: { color: `var(--${name})`, display: "none" } });
    document.body.append(probe);
    colours.set(name, getComputedStyle(probe).color);
    probe.remove();
  }
  return colours.get(name);
}

const faint = (resolved, share = 0.1) =>
  `rgba(${resolved
    .match(/[\d.]+/g)
    .slice(0, 3)
    .join(", ")}, ${share})`;

// floor: where the scale begins, the lowest value otherwise.
// series: [{label, values, colour, dots, dash, fill, format}], bands: [{from, to, text, colour}] and flags: [{at, text, colour, kind}] by day's seconds.
export function timeChart({
  title,
  times,
  series,
  bands = [],
  flags = [],
  height = 220,
  range,
  floor,
  onOpen,
  format = (value) => value.toFixed(3),
  axisFormat = (value) => value.toFixed(2),
  axisSize = 48,
}) {
  const readout = h("div", { class: "readout" }, "");
  const legend = h(
    "ul",
    { class: "legend" },
    series.map((one) =>
      h(
        "li",
        {},
        h("span", {
          class: `swatch ${one.dots ? "dots" : one.dash ? "dashed" : ""}`,
          style: { color: `var(--${one.colour})` },
        }),
        one.label,
      ),
    ),
  );
  const box = h("div", {
    class: "chart",
    tabindex: "0",
    role: "slider",
    "aria-label": `${title}: use the arrow keys to read it day by day`,
    "aria-valuemin": "0",
    "aria-valuemax": String(Math.max(0, times.length - 1)),
    "aria-valuenow": "0",
    "aria-valuetext": "",
  });
  const figure = h("figure", { class: "figure" }, h("figcaption", {}, h("h3", {}, title), legend, readout), box);
  let plot = null;
  let at = times.length - 1;

  const describe = (position) => {
    const values = series
      .filter((one) => one.values[position] !== null && one.values[position] !== undefined)
      .map((one) => `${one.label} ${(one.format ?? format)(one.values[position])}`);
    const happened = flags.filter((flag) => flag.at === times[position]).map((flag) => flag.text);
    return [longDay(isoDay(times[position])), ...values, ...happened].join(" · ");
  };
  const show = (position) => {
    readout.textContent = position === null ? "" : describe(position);
  };

  const draw = () => {
    plot?.destroy();
    box.replaceChildren();
    const width = box.clientWidth;
    if (!width || !times.length) return;
    const long = times[times.length - 1] - times[0] > LONG;
    const axis = {
      stroke: colour("muted"),
      grid: { stroke: colour("line"), width: 1 },
      ticks: { show: false },
      font: "12px system-ui, sans-serif",
    };
    plot = new window.uPlot(
      {
        width,
        height,
        legend: { show: false },
        tzDate: (time) => window.uPlot.tzDate(new Date(time * 1000), "UTC"),
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
        scales: {
          x: { range: range ?? undefined },
          y: { range: (self, low, high) => padded(floor ?? low, high, bands.some((band) => band.text) ? 0.3 : 0.12) },
        },
        axes: [
          {
            ...axis,
            grid: { show: false },
            size: 30,
            values: (self, splits) => splits.map((time) => shortDay(isoDay(time), long)),
            space: long ? 90 : 70,
            incrs: [1, 2, 3, 7, 14, 28, 56, 91, 182, 364].map((days) => days * DAY),
          },
          { ...axis, size: axisSize, values: (self, splits) => splits.map((value) => axisFormat(value)) },
        ],
        series: [
          {},
          ...series.map((one) => ({
            label: one.label,
            stroke: colour(one.colour),
            width: one.dots ? 1 : 2,
            dash: one.dash ? [6, 5] : undefined,
            spanGaps: true,
            points: { show: Boolean(one.dots), size: long ? 2 : 4, fill: colour(one.colour), width: 0 },
            paths:
              one.dots && !one.line ? () => null : one.stepped ? window.uPlot.paths.stepped({ align: 1 }) : undefined,
            fill: one.fill ? faint(colour(one.colour)) : undefined,
          })),
        ],
        hooks: {
          drawClear: [(self) => drawBands(self, bands)],
          draw: [(self) => drawFlags(self, flags)],
          setCursor: [(self) => show(self.cursor.idx ?? null)],
        },
      },
      [times, ...series.map((one) => one.values)],
      box,
    );
    if (onOpen)
      plot.over.addEventListener("click", () => plot.cursor.idx !== null && onOpen(isoDay(times[plot.cursor.idx])));
  };

  const move = (to) => {
    at = Math.max(0, Math.min(times.length - 1, to));
    plot?.setCursor({ left: plot.valToPos(times[at], "x"), top: 10 });
    show(at);
    box.setAttribute("aria-valuenow", String(at));
    box.setAttribute("aria-valuetext", describe(at));
  };
  box.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -7, PageDown: 7, Home: -Infinity, End: Infinity }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      move(at + step);
    } else if (event.key === "Enter" && onOpen && times.length) {
      announce(`Opening ${longDay(isoDay(times[at]))}`);
      onOpen(isoDay(times[at]));
    }
  });
  box.addEventListener("focus", () => times.length && move(at));

  return keep(figure, box, draw);
}

// Draws once the element is in the page, and again when its width or the theme changes.
export function keep(figure, box, draw) {
  let width = 0;
  const entry = { box, draw };
  const observer = new ResizeObserver(() => {
    if (!box.isConnected) {
      observer.disconnect();
      alive.delete(entry);
    } else if (box.clientWidth !== width) {
      width = box.clientWidth;
      draw();
    }
  });
  observer.observe(box);
  alive.add(entry);
  return figure;
}

export function redrawAll() {
  colours.clear();
  for (const entry of alive) {
    if (entry.box.isConnected) entry.draw();
    else alive.delete(entry);
  }
}

function padded(low, high, above) {
  if (low === null || high === null) return [0, 1];
  const room = high - low || Math.abs(high) || 1;
  return [low >= 0 ? Math.max(0, low - room * 0.12) : low - room * 0.12, high + room * above];
}

function drawBands(plot, bands) {
  const { ctx } = plot;
  const { top, height, left, width } = plot.bbox;
  const ratio = window.devicePixelRatio || 1;
  for (const band of bands) {
    const from = Math.max(left, plot.valToPos(band.from - DAY / 2, "x", true));
    const to = Math.min(left + width, plot.valToPos(band.to + DAY / 2, "x", true));
    if (to <= from) continue;
    const resolved = colour(band.colour);
    ctx.save();
    if (!band.row || band.pale) {
      ctx.fillStyle = faint(resolved, band.pale ? 0.05 : 0.1);
      ctx.fillRect(from, top, to - from, height);
    }
    ctx.fillStyle = resolved;
    ctx.fillRect(from, top, to - from, 2 * ratio);
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.textBaseline = "top";
    if (band.text && ctx.measureText(band.text).width < to - from - 10 * ratio) {
      ctx.fillText(band.text, from + 6 * ratio, top + (6 + 14 * (band.row ?? 0)) * ratio);
    }
    ctx.restore();
  }
}

function drawFlags(plot, flags) {
  const { ctx } = plot;
  const { top, height, left, width } = plot.bbox;
  const ratio = window.devicePixelRatio || 1;
  for (const flag of flags) {
    const x = plot.valToPos(flag.at, "x", true);
    if (x < left || x > left + width) continue;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour(flag.colour);
    ctx.lineWidth = ratio;
    if (flag.kind === "line") {
      ctx.setLineDash([4 * ratio, 4 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, top);
      ctx.lineTo(x, top + height);
      ctx.stroke();
      ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`;
      ctx.textBaseline = "bottom";
      ctx.textAlign = x > left + width - 40 * ratio ? "right" : "left";
      ctx.fillText(` ${flag.short} `, x, top + height - 4 * ratio);
    } else {
      const size = 5 * ratio;
      const base = top + height;
      ctx.beginPath();
      ctx.moveTo(x - size, base);
      ctx.lineTo(x + size, base);
      ctx.lineTo(x, base - 2 * size);
      ctx.fill();
    }
    ctx.restore();
  }
}
