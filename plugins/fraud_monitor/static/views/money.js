// What the alerts brought against what they cost, and against the champion before.

import { timeChart } from "../charts.js";
import { positions, reigns } from "../data.js";
import { card, empty, h, table } from "../dom.js";
import * as format from "../format.js";
import { rangeBar } from "../range.js";

export async function moneyView(context) {
  const { summary, models, go } = context;
  const range = positions(summary, context.from, context.to);
  const known = [];
  if (range)
    for (let position = range[0]; position <= range[1]; position += 1)
      if (summary.investigated[position]) known.push(position);
  if (!known.length) {
    return [
      rangeBar(context),
      card(
        "Money",
        empty(
          "No outcome is known in this range yet",
          "Investigators report on the day after an alert; amounts appear when the drift step has looked them up.",
        ),
      ),
    ];
  }
  const cost = Math.round(summary.settings.investigation_cost * 100);
  const caught = known.map((position) => summary.caught_cents[position]);
  const spent = known.map((position) => summary.investigated[position] * cost);
  const total = (values) => values.reduce((sum, value) => sum + value, 0);
  const before = known.map((position) =>
    caughtBefore(models, summary.model_version[position], summary.caught_cents[position]),
  );
  const anyBefore = before.some((value, index) => value !== caught[index]);
  const cumulated = (values) => {
    let sum = 0;
    return values.map((value) => (sum += value) / 100);
  };
  const lost = total(
    known.map((position) => Math.max(0, summary.fraud_cents[position] - summary.caught_cents[position])),
  );
  const net = total(caught) - total(spent);
  const figure = (title, value, note) =>
    h(
      "section",
      { class: "card" },
      h("h2", {}, title),
      h("p", { class: "figure-big" }, value),
      h("p", { class: "quiet" }, note),
    );
  return [
    rangeBar(context),
    h(
      "div",
      { class: "glance" },
      figure(
        "Fraud on alerted cards",
        format.money(total(caught)),
        `${format.plural(total(known.map((position) => summary.caught_cards[position])), "card")} in ${format.plural(known.length, "day")}`,
      ),
      figure(
        "Cost of the alerts",
        format.money(total(spent)),
        `${format.count(total(known.map((position) => summary.investigated[position])))} × ${summary.settings.investigation_cost} an alert (setting investigation_cost)`,
      ),
      figure("Net", format.money(net), `${(total(caught) / Math.max(1, total(spent))).toFixed(1)} × what it cost`),
      figure(
        "Fraud that no alert met",
        format.money(lost),
        "known so far; chargebacks of the last days are still to come",
      ),
    ),
    card("Cumulated over the range", [
      timeChart({
        title: "Amounts in the account's currency",
        times: known.map((position) => format.seconds(summary.dates[position])),
        height: 280,
        format: (value) => format.count(value),
        axisFormat: (value) => format.count(value),
        axisSize: 76,
        series: [
          { label: "fraud on alerted cards", values: cumulated(caught), colour: "good", fill: true },
          {
            label: "net of the alerts' cost",
            values: cumulated(caught.map((value, index) => value - spent[index])),
            colour: "accent",
          },
          ...(anyBefore
            ? [{ label: "the champion before it, estimated", values: cumulated(before), colour: "muted", dash: true }]
            : []),
          { label: "cost of the alerts", values: cumulated(spent), colour: "bad" },
        ],
        flags: reigns(summary)
          .slice(1)
          .map((reign) => ({
            at: format.seconds(reign.from),
            text: `v${reign.version} takes over`,
            short: `v${reign.version}`,
            colour: "good",
            kind: "line",
          })),
        onOpen: (day) => go({ view: "alerts", day }),
      }),
      anyBefore &&
        h(
          "p",
          { class: "quiet" },
          "The champion before: the day's amount times its card precision over the present champion's, both measured on the same held-out transactions when it was replaced.",
        ),
    ]),
    card("By champion", byChampion(context, known, cost)),
  ];
}

// What the champion before would have caught of a day's amount, by the comparison that replaced it.
function caughtBefore(models, version, cents) {
  const verdict = models?.models.find((model) => model.version === version)?.verdict;
  const now = verdict?.candidates?.[verdict.best]?.card_precision;
  const then = verdict?.champion?.card_precision;
  return now && then !== undefined ? (cents * then) / now : cents;
}

function byChampion({ summary }, known, cost) {
  const rows = new Map();
  for (const position of known) {
    const version = summary.model_version[position];
    const row = rows.get(version) ?? { version, days: 0, cards: 0, alerts: 0, cents: 0, fraud: 0 };
    row.days += 1;
    row.cards += summary.caught_cards[position];
    row.alerts += summary.investigated[position];
    row.cents += summary.caught_cents[position];
    row.fraud += Math.max(summary.fraud_cents[position], summary.caught_cents[position]);
    rows.set(version, row);
  }
  return table(
    [
      { title: "Champion", show: (row) => h("a", { href: `#models?version=${row.version}` }, `v${row.version}`) },
      { title: "Days", number: true, show: (row) => format.count(row.days) },
      { title: "Alerts", number: true, show: (row) => format.count(row.alerts) },
      { title: "Were fraud", number: true, show: (row) => format.percent(row.cards / row.alerts) },
      { title: "Caught a day", number: true, show: (row) => format.money(row.cents / row.days) },
      { title: "Net a day", number: true, show: (row) => format.money((row.cents - row.alerts * cost) / row.days) },
      { title: "Of known fraud", number: true, show: (row) => format.percent(row.fraud ? row.cents / row.fraud : NaN) },
    ],
    [...rows.values()].reverse(),
    "Alerts, fraud and net amount by champion",
  );
}
