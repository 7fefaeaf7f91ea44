// Choosing the range of days, and one day.

import { lastDay } from "./data.js";
import { h } from "./dom.js";
import { addDays, daysBetween } from "./format.js";

const PRESETS = [
  ["14 d", 14],
  ["30 d", 30],
  ["90 d", 90],
  ["1 y", 365],
  ["All", Infinity],
];

export function rangeBar({ summary, from, to, go }) {
  const first = summary.dates[0];
  const last = lastDay(summary);
  const length = daysBetween(from, to) + 1;
  const startOf = (days) => (days === Infinity ? first : [addDays(last, 1 - days), first].sort()[1]);
  const chosen =
    PRESETS.findLast(([, days]) => to === last && from === startOf(days) && (days === Infinity || days === length)) ??
    (to === last && from === first ? PRESETS[PRESETS.length - 1] : null);
  const choose = (changes) => {
    const next = { from, to, ...changes };
    if (next.from && next.to && next.from <= next.to) go(next);
  };
  return h(
    "div",
    { class: "bar", role: "group", "aria-label": "Range of days" },
    h(
      "div",
      { class: "presets" },
      PRESETS.map((preset) =>
        h(
          "button",
          { "aria-pressed": String(preset === chosen), onclick: () => go({ from: startOf(preset[1]), to: last }) },
          preset[0],
        ),
      ),
    ),
    h(
      "label",
      {},
      "from",
      h("input", {
        type: "date",
        name: "from",
        value: from,
        min: first,
        max: last,
        onchange: (event) => choose({ from: event.target.value }),
      }),
    ),
    h(
      "label",
      {},
      "to",
      h("input", {
        type: "date",
        name: "to",
        value: to,
        min: first,
        max: last,
        onchange: (event) => choose({ to: event.target.value }),
      }),
    ),
  );
}

export function dayBar({ days, day, view, go }, ...more) {
  const position = days.indexOf(day);
  const step = (offset, label, sign) =>
    h(
      "button",
      {
        "aria-label": label,
        disabled: !days[position + offset],
        onclick: () => go({ view, day: days[position + offset] }),
      },
      sign,
    );
  return h(
    "div",
    { class: "bar", role: "group", "aria-label": "Day" },
    step(-1, "Day before", "‹"),
    h(
      "label",
      {},
      "Day",
      h("input", {
        type: "date",
        name: "day",
        value: day,
        min: days[0],
        max: days[days.length - 1],
        onchange: (event) => event.target.value && go({ view, day: event.target.value }),
      }),
    ),
    step(1, "Day after", "›"),
    more,
  );
}
