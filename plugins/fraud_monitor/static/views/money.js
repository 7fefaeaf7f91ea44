// What the alerts brought against what they cost, and against the champion before.

import { timeChart } from "../charts.js";
import { positions, reigns } from "../data.js";
import { card, empty, h, pill, quiet, table, tile } from "../dom.js";
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
  const closed = known.filter((position) => chargedBack(summary, position));
  const lost = total(
    closed.map((position) => Math.max(0, summary.fraud_cents[position] - summary.caught_cents[position])),
  );
  const net = total(caught) - total(spent);
  const gained = total(caught) - total(before);
  return [
    rangeBar(context),
    h(
      "div",
      { class: "glance" },
      tile(
        "Fraud on alerted cards",
        format.money(total(caught)),
        quiet(
          `${format.plural(total(known.map((position) => summary.caught_cards[position])), "card")} in ${format.plural(known.length, "day")}`,
        ),
      ),
      tile(
        "Cost of the alerts",
        format.money(total(spent)),
        quiet(
          `${format.count(total(known.map((position) => summary.investigated[position])))} alerts at ${summary.settings.investigation_cost} each`,
        ),
      ),
      tile("Net", format.money(net), quiet(`${(total(caught) / Math.max(1, total(spent))).toFixed(1)} × what it cost`)),
      tile(
        "Fraud that no alert met",
        closed.length ? format.money(lost) : "Not known yet",
        quiet(
          closed.length
            ? `in the ${format.plural(closed.length, "day")} whose chargebacks are known`
            : "chargebacks arrive a week after the transactions",
        ),
      ),
    ),
    card("Cumulated over the range", [
      anyBefore &&
        h(
          "p",
          {},
          pill(`${gained >= 0 ? "+" : "−"}${format.money(Math.abs(gained))}`, gained >= 0 ? "good" : "bad"),
          " against what the champions before would have caught, an estimate (below)",
        ),
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
    ]),
    card("By champion", byChampion(context, known, cost)),
    card("How this is counted", assumptions(summary, anyBefore)),
  ];
}

// Whether every chargeback of a day is known: until then its fraud is only what investigators met.
function chargedBack(summary, position) {
  const newest = summary.labelled_day.findLast((day) => day);
  return newest !== undefined && summary.dates[position] <= newest;
}

const assumptions = ({ settings }, anyBefore) =>
  h(
    "ul",
    { class: "notices" },
    [
      "Fraud on alerted cards: the amounts of all frauds on the alerted cards on the day of the alert, once they are known. " +
        "What blocking the card prevents on later days is not counted, nor is what had left before the card was blocked taken off.",
      `Cost: every alert with a known outcome costs ${settings.investigation_cost} (setting FRAUD_INVESTIGATION_COST), fraud or not.`,
      `Fraud that no alert met is counted for days whose chargebacks are known: they arrive about ${settings.label_delay_days} days after the transaction.`,
      anyBefore &&
        "The champion before is not scored in parallel. Its line is each day's amount times its card precision over that of the champion " +
          "that replaced it, both measured on the same held-out transactions when it was replaced.",
      "Amounts are in the account's currency.",
    ]
      .filter(Boolean)
      .map((text) => h("li", {}, text)),
  );

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
    const row = rows.get(version) ?? { version, days: 0, cards: 0, alerts: 0, cents: 0, met: 0, fraud: 0 };
    row.days += 1;
    row.cards += summary.caught_cards[position];
    row.alerts += summary.investigated[position];
    row.cents += summary.caught_cents[position];
    if (chargedBack(summary, position)) {
      row.met += summary.caught_cents[position];
      row.fraud += Math.max(summary.fraud_cents[position], summary.caught_cents[position]);
    }
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
      {
        title: "Of all fraud",
        number: true,
        show: (row) => (row.fraud ? format.percent(row.met / row.fraud) : "not known yet"),
      },
    ],
    [...rows.values()].reverse(),
    "Alerts, fraud and net amount by champion",
  );
}
