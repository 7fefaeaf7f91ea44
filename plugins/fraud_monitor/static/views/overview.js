// Performance and drift over time, below the state in one glance and above what happened.

import { timeChart } from "../charts.js";
import { positions, reigns } from "../data.js";
import { ALARMS } from "../decision.js";
import { empty, h } from "../dom.js";
import * as format from "../format.js";
import { heatmap } from "../heatmap.js";
import { rangeBar } from "../range.js";
import { fillNext, glance } from "./glance.js";
import { log } from "./log.js";

const SPARSE_DAYS = 31;

export async function overview(context) {
  const { summary, models, note } = context;
  const range = positions(summary, context.from, context.to);
  const next = h("div", {}, h("p", { class: "quiet" }, "Asking Airflow…"));
  const ask = () =>
    fillNext(next, summary, models).catch(() => next.replaceChildren(h("p", { class: "quiet" }, "Airflow did not answer.")));
  // After the frame that shows the charts: Airflow's answers are not to compete with their drawing.
  requestAnimationFrame(() => setTimeout(ask));
  return [
    note && h("p", { class: "card quiet" }, note),
    glance(context, next),
    rangeBar(context),
    ...(range
      ? charts(context, range)
      : [
          empty(
            "No closed day in this range",
            "Choose a range that overlaps the days from " +
              `${format.longDay(summary.dates[0])} to ${format.longDay(summary.dates[summary.dates.length - 1])}.`,
          ),
        ]),
  ].filter(Boolean);
}

function charts(context, [first, last]) {
  const { summary, models, episodes, go } = context;
  const span = [format.seconds(summary.dates[first]), format.seconds(summary.dates[last])];
  const slice = (name) => summary[name].slice(first, last + 1);
  const labelled = [];
  for (let position = 0; position < summary.dates.length; position += 1) {
    const day = summary.labelled_day[position];
    if (day && day >= summary.dates[first] && day <= summary.dates[last]) labelled.push({ day, position });
  }
  labelled.sort((one, other) => one.day.localeCompare(other.day));
  const times = labelled.map(({ day }) => format.seconds(day));
  const at = (name) => labelled.map(({ position }) => summary[name][position]);
  // What was expected of a day is what its own champion was promoted with, not the one that the report's day had.
  const expected = labelled.map(({ day }) => summary.baseline_average_precision[summary.dates.indexOf(day)] ?? null);
  const flags = flagsOf(context, first, last);
  const bands = [
    ...episodes
      .filter((one) => one.start <= summary.dates[last] && (one.end ?? "9") >= summary.dates[first])
      .map((one, row) => ({
        from: format.seconds(one.start),
        to: format.seconds([one.end ?? summary.dates[last], summary.dates[last]].sort()[0]),
        text: format.episode(one),
        colour: "event",
        row: row % 3,
      })),
  ];
  const newest = summary.labelled_day.findLast((day) => day);
  if (newest && newest < summary.dates[last]) {
    bands.push({
      from: format.seconds(format.addDays(newest, 1)),
      to: span[1],
      text: "labels not known yet",
      colour: "muted",
      pale: true,
      row: bands.length % 3,
    });
  }
  const unnamed = bands.map((band) => ({ ...band, text: null }));
  const range = (self, low, high) =>
    span[0] === span[1] ? [span[0] - 43200, span[1] + 43200] : [span[0] - 21600, span[1] + 21600];
  const open = (day) => go({ view: "alerts", day });
  const pair = (metric) => [
    { label: "one day", values: at(`day_${metric}`), colour: "muted", dots: true, line: times.length <= SPARSE_DAYS },
    { label: "7 labelled days", values: at(`long_${metric}`), colour: "accent" },
  ];
  const noLabels = (what) =>
    empty(
      `No ${what} in this range yet`,
      `Labels arrive about ${summary.settings.label_delay_days} days after a transaction; the drift step measures each day once they are known.`,
    );
  const chart = (title, metric, height, named, { more = [], floor } = {}) =>
    times.length
      ? timeChart({
          title,
          times,
          series: [...pair(metric), ...more],
          bands: named,
          flags,
          height,
          range,
          floor,
          axisFormat: (value) => (value > 1 ? "" : value.toFixed(2)),
          onOpen: open,
        })
      : noLabels(title.toLowerCase());
  const promoted = flags.some((flag) => flag.kind === "line");
  const legend = h(
    "ul",
    { class: "legend" },
    Object.values(ALARMS).map(([name, colour]) =>
      h("li", {}, h("span", { class: "mark", style: { color: `var(--${colour})` }, "aria-hidden": "true" }, "▲"), name),
    ),
    promoted && h("li", {}, h("span", { class: "swatch dashed", style: { color: "var(--good)" } }), "model takes over"),
    episodes.length > 0 &&
      h("li", {}, h("span", { class: "swatch block", style: { color: "var(--event)" } }), "what the simulator changed"),
    h("li", {}, h("span", { class: "swatch block", style: { color: "var(--muted)" } }), "labels not known yet"),
  );
  const drift = Object.fromEntries(
    Object.entries(summary.drift).map(([name, values]) => [name, values.slice(first, last + 1)]),
  );
  const names = Object.keys(drift).sort(
    (one, other) => order(one) - order(other) || one.localeCompare(other, undefined, { numeric: true }),
  );
  const k = summary.settings.alert_budget;
  return [
    h(
      "section",
      { class: "card" },
      h("h2", {}, "How well fraud is found"),
      legend,
      chart("Average precision", "average_precision", 270, bands, {
        floor: 0,
        more: [{ label: "expected of the champion", values: expected, colour: "good", dash: true, stepped: true }],
      }),
      h(
        "div",
        { class: "two" },
        chart(`Card precision at ${k}`, "card_precision", 170, unnamed, { floor: 0 }),
        chart("AUC ROC", "auc_roc", 170, unnamed),
      ),
    ),
    h(
      "section",
      { class: "card" },
      h("h2", {}, "Drift of the features"),
      h(
        "p",
        { class: "quiet" },
        "How far each day's values lie from those that the champion was trained and judged on. A click, or Enter, opens the day's report.",
      ),
      names.length
        ? heatmap({
            days: slice("dates"),
            names,
            values: drift,
            limitOf: (name) => limit(summary, name),
            onOpen: (day) => go({ view: "report", day }),
          })
        : empty(
            "No drift measured in this range",
            "The drift step compares each day with the champion's reference once the feature windows are full.",
          ),
    ),
    h("section", { class: "card" }, h("h2", {}, "What happened"), log(context, first, last, models)),
  ];
}

const order = (name) => (name === "score" ? 0 : name.startsWith("tx_") ? 1 : name.startsWith("customer") ? 2 : 3);

function limit(summary, name) {
  if (name === "score") return null;
  const { drift } = summary.settings;
  return summary.methods[name] === "jensenshannon" ? drift.night_jensenshannon : drift.feature_wasserstein;
}

function flagsOf({ summary }, first, last) {
  const flags = [];
  for (let position = first; position <= last; position += 1) {
    const alarm = ALARMS[summary.alarm[position]];
    if (alarm)
      flags.push({ at: format.seconds(summary.dates[position]), text: alarm[0], colour: alarm[1], kind: "mark" });
  }
  for (const reign of reigns(summary).slice(1)) {
    if (reign.from >= summary.dates[first] && reign.from <= summary.dates[last]) {
      flags.push({
        at: format.seconds(reign.from),
        text: `v${reign.version} takes over`,
        short: `v${reign.version}`,
        colour: "good",
        kind: "line",
      });
    }
  }
  return flags;
}
