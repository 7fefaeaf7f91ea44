// A card's last 30 days: every transaction by day and amount, with what is known about it.

import { h } from "../dom.js";
import { addDays, exactMoney, plural, shortDay } from "../format.js";

const DAYS = 30;
const [WIDTH, HEIGHT, LEFT, TOP, BOTTOM] = [640, 190, 46, 10, 24];

// transactions: [minutes since the first midnight, cents, score or null, verdict or null].
export function cardHistory(transactions, day) {
  const most = Math.max(...transactions.map((one) => one[1]), 100);
  const x = (minutes) => LEFT + (minutes / (DAYS * 1440)) * (WIDTH - LEFT - 6);
  const y = (cents) => TOP + (1 - Math.sqrt(cents / most)) * (HEIGHT - TOP - BOTTOM);
  const first = addDays(day, 1 - DAYS);
  const kind = (verdict) => (verdict === 1 ? "fraud" : verdict === 0 ? "genuine" : "unknown");
  const frauds = transactions.filter((one) => one[3] === 1).length;
  const today = transactions.filter((one) => one[0] >= (DAYS - 1) * 1440);
  const label = `${plural(transactions.length, "transaction")} in 30 days, ${today.length} on the day of the alert, ${frauds} known as fraud`;
  return h(
    "div",
    {},
    h(
      "svg",
      { class: "history", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
      h("rect", {
        class: "today",
        x: x((DAYS - 1) * 1440),
        y: TOP,
        width: x(1440) - x(0),
        height: HEIGHT - TOP - BOTTOM,
      }),
      [0.25, 1].map((share) =>
        h(
          "g",
          {},
          h("line", { class: "grid", x1: LEFT, x2: WIDTH - 6, y1: y(most * share), y2: y(most * share) }),
          h("text", { x: LEFT - 6, y: y(most * share) + 4, "text-anchor": "end" }, Math.round((most * share) / 100)),
        ),
      ),
      h("line", { class: "grid", x1: LEFT, x2: WIDTH - 6, y1: y(0), y2: y(0) }),
      [0, 7, 14, 21, 29].map((offset) =>
        h(
          "text",
          { x: x(offset * 1440), y: HEIGHT - 6, "text-anchor": offset === 29 ? "end" : "start" },
          shortDay(addDays(first, offset)),
        ),
      ),
      transactions.map(([minutes, cents, score, verdict]) =>
        h(
          "circle",
          { class: kind(verdict), cx: x(minutes), cy: y(cents), r: 2.5 + 3.5 * (score ?? 0) },
          h(
            "title",
            {},
            `${shortDay(addDays(first, Math.floor(minutes / 1440)))}, ${clock(minutes % 1440)}: ${exactMoney(cents)}${score === null ? "" : `, score ${score.toFixed(3)}`}, ${verdict === null ? "not known yet" : kind(verdict)}`,
          ),
        ),
      ),
    ),
    h(
      "p",
      { class: "quiet" },
      `${label}. Higher is a larger amount (square-root scale), a larger dot a higher score; `,
      h("span", { class: "pill bad" }, "fraud"),
      " ",
      h("span", { class: "pill good" }, "genuine"),
      " ",
      h("span", { class: "pill" }, "not known yet"),
    ),
  );
}

const clock = (minutes) =>
  `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
