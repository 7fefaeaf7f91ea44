// The state in one glance, performance and drift over time, and what happened.

import { dag, dagLink, runLink, runs } from "../airflow.js";
import { timeChart } from "../charts.js";
import { positions, reigns } from "../data.js";
import { card, empty, h, pill } from "../dom.js";
import * as format from "../format.js";
import { heatmap } from "../heatmap.js";
import { rangeBar } from "../range.js";

const ACTIONS = {
  train_now: ["training started", "accent"],
  plan_challenger: ["challenger planned", "warn"],
  escalate: ["escalated to a person", "bad"],
};
const SPARSE_DAYS = 31;
const ALARMS = { labels: ["label alarm", "bad"], unlabelled: ["drift alarm", "warn"] };

export async function overview(context) {
  const { summary, models, note } = context;
  const range = positions(summary, context.from, context.to);
  const next = h("div", {}, h("p", { class: "quiet" }, "Asking Airflow…"));
  fillNext(next, summary, models).catch(() => next.replaceChildren(h("p", { class: "quiet" }, "Airflow did not answer.")));
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

function glance({ summary, models, go }, next) {
  const end = summary.dates.length - 1;
  const day = summary.dates[end];
  const reign = reigns(summary).pop();
  const champion = models?.models.find((model) => model.version === reign.version);
  const decision = summary.last;
  const alarm = ALARMS[decision.alarm];
  const about = champion?.metadata ?? {};
  return h(
    "div",
    { class: "glance" },
    h(
      "section",
      { class: "card" },
      h("h2", {}, "Champion"),
      h(
        "p",
        { class: "figure-big" },
        h("a", { href: `#models?version=${reign.version}` }, `v${reign.version}`),
        about.candidate ? ` ${format.candidate(about.candidate)}` : "",
      ),
      h(
        "p",
        { class: "quiet" },
        `has scored ${format.plural(format.daysBetween(reign.from, day) + 1, "day")}, since ${format.shortDay(reign.from)}`,
      ),
      about.window_start &&
        h(
          "p",
          { class: "quiet" },
          `trained on ${format.shortDay(about.window_start)} – ${format.shortDay(about.window_end)}`,
        ),
    ),
    h(
      "section",
      { class: "card" },
      h("h2", {}, "Last scored day"),
      h("p", { class: "figure-big" }, h("a", { href: `#alerts/${day}` }, format.longDay(day).replace(/ \d{4}$/, ""))),
      h(
        "p",
        { class: "quiet" },
        `${format.count(summary.transactions[end])} transactions, ${format.plural(summary.alerts[end], "alert")}`,
      ),
      h("p", { class: "quiet" }, investigated(summary, end)),
    ),
    h(
      "section",
      { class: `card ${alarm ? "attention" : ""}` },
      h("h2", {}, "Open alarms"),
      h("p", { class: "figure-big" }, alarm ? pillText(decision) : "None"),
      h("p", { class: "quiet" }, format.humanise(decision.reason)),
      decision.notices?.length > 0 &&
        h(
          "details",
          { class: "quiet" },
          h("summary", {}, format.plural(decision.notices.length, "notice")),
          h(
            "ul",
            { class: "notices" },
            decision.notices.map((text) => h("li", {}, format.humanise(text))),
          ),
        ),
      h(
        "p",
        {},
        h(
          "a",
          {
            href: `#report/${day}`,
            onclick: (event) => {
              event.preventDefault();
              go({ view: "report", day });
            },
          },
          "Drift report of the day",
        ),
      ),
    ),
    h("section", { class: "card" }, h("h2", {}, "Next"), next),
  );
}

const pillText = (decision) =>
  decision.alarm === "labels" ? "Labels: worse than expected" : "Drift, without labels yet";

function investigated(summary, end) {
  if (summary.investigated[end])
    return `${format.count(summary.caught_cards[end])} of ${format.count(summary.investigated[end])} investigated cards were fraud`;
  const position = summary.investigated.findLastIndex((value) => value);
  return position < 0
    ? "investigators report on the next day"
    : `${format.shortDay(summary.dates[position])}: ${summary.caught_cards[position]} of ${summary.investigated[position]} cards were fraud`;
}

async function fillNext(box, summary, models) {
  const asked = ["fraud_daily", "fraud_training"];
  const [[daily, training], failures] = await Promise.all([Promise.all(asked.map(dag)), runs("fraud_daily", "failed")]);
  const last = summary.last;
  const lines = [];
  if (daily?.is_paused)
    lines.push(h("p", {}, pill("paused", "warn"), " ", dagLink("fraud_daily", "fraud_daily"), " waits to be unpaused"));
  if (last.action === "train_now")
    lines.push(h("p", { class: "quiet" }, "A challenger is trained and compared with the champion."));
  if (last.action === "plan_challenger")
    lines.push(
      h(
        "p",
        { class: "quiet" },
        `A challenger is trained on ${format.longDay(last.due_date)}, when what followed the drift is labelled.`,
      ),
    );
  if (last.action === "escalate") lines.push(h("p", {}, pill("needs a person", "bad"), " retraining does not help"));
  for (const model of models?.models ?? [])
    if (model.approval === "PendingManualApproval")
      lines.push(
        h(
          "p",
          {},
          pill("needs a person", "warn"),
          " ",
          h("a", { href: `#models?version=${model.version}` }, `v${model.version}`),
          " waits for approval under Required actions",
        ),
      );
  const retraining = models?.retraining;
  if (retraining?.paused) lines.push(h("p", {}, pill("retraining paused", "warn"), ` by ${retraining.by}`));
  else if (training && !training.is_paused && training.next_dagrun_run_after)
    lines.push(h("p", { class: "quiet" }, `Weekly training ${format.moment(training.next_dagrun_run_after)}`));
  for (const run of failures.slice(0, 2))
    lines.push(h("p", {}, pill("failed", "bad"), " ", runLink(run.dag_id, run.dag_run_id, run.dag_run_id)));
  const upcoming = daily?.next_dagrun_run_after;
  box.replaceChildren(
    h(
      "p",
      { class: "figure-big" },
      upcoming && !daily.is_paused ? format.moment(upcoming) : daily ? "Nothing scheduled" : "Not visible to you",
    ),
    h(
      "p",
      { class: "quiet" },
      upcoming && !daily.is_paused
        ? `scores ${format.shortDay(daily.next_dagrun_logical_date.slice(0, 10))}, then decides on its drift`
        : "",
    ),
    ...lines,
  );
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
    bands.push({ from: format.seconds(format.addDays(newest, 1)), to: span[1], colour: "muted", pale: true });
  }
  const unnamed = bands.map((band) => ({ ...band, text: null }));
  const range = (self, low, high) =>
    span[0] === span[1] ? [span[0] - 43200, span[1] + 43200] : [span[0] - 21600, span[1] + 21600];
  const open = (day) => go({ view: "alerts", day });
  const pair = (metric) => [
    { label: "7 labelled days", values: at(`long_${metric}`), colour: "accent" },
    { label: "one day", values: at(`day_${metric}`), colour: "muted", dots: true, line: times.length <= SPARSE_DAYS },
  ];
  const noLabels = (what) =>
    empty(
      `No ${what} in this range yet`,
      `Labels arrive about ${summary.settings.label_delay_days} days after a transaction; the drift step measures each day once they are known.`,
    );
  const chart = (title, metric, height, named, more = []) =>
    times.length
      ? timeChart({
          title,
          times,
          series: [...pair(metric), ...more],
          bands: named,
          flags,
          height,
          range,
          onOpen: open,
        })
      : noLabels(title.toLowerCase());
  const promoted = flags.some((flag) => flag.kind === "line");
  const legend = h(
    "ul",
    { class: "legend" },
    h("li", {}, h("span", { class: "swatch block", style: { color: "var(--bad)" } }), "▲ label alarm"),
    h("li", {}, h("span", { class: "swatch block", style: { color: "var(--warn)" } }), "▲ drift alarm"),
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
      chart("Average precision", "average_precision", 270, bands, [
        { label: "expected of the champion", values: expected, colour: "good", dash: true, stepped: true },
      ]),
      h(
        "div",
        { class: "two" },
        chart(`Card precision at ${k}`, "card_precision", 170, unnamed),
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
        "Distance of the day's values from those that the champion was held against; Enter or a click opens the day's report.",
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

function log({ summary, go }, first, last, models) {
  const entries = [];
  const began = new Set(reigns(summary).map((reign) => reign.from));
  for (let position = last; position >= first; position -= 1) {
    const day = summary.dates[position];
    const version = summary.model_version[position];
    const run = () => runLink(summary.dag_id[position], summary.run_id[position]);
    const model = models?.models.find((one) => one.version === version);
    if (began.has(day))
      entries.push([
        day,
        pill("model takes over", "good"),
        h(
          "span",
          {},
          h("a", { href: `#models?version=${version}` }, `v${version}`),
          ` ${format.humanise(model?.verdict?.verdict?.reason)}`,
        ),
        run,
      ]);
    const action = ACTIONS[summary.action[position]];
    if (action)
      entries.push([
        day,
        pill(...action),
        summary.due_date[position] ? `for ${format.longDay(summary.due_date[position])}` : "",
        run,
      ]);
    const fresh = summary.alarm[position] && summary.alarm[position] !== summary.alarm[position - 1];
    if (fresh) {
      const until = summary.dates[streak(summary, position, last)];
      entries.push([
        day,
        pill(...ALARMS[summary.alarm[position]]),
        h(
          "span",
          {},
          until === day ? "on one day. " : `until ${format.shortDay(until)}. `,
          h(
            "a",
            {
              href: `#report/${day}`,
              onclick: (event) => {
                event.preventDefault();
                go({ view: "report", day });
              },
            },
            "Drift report",
          ),
        ),
        run,
      ]);
    }
  }
  for (const model of models?.models ?? []) {
    const decided = model.metadata.as_of;
    if (
      model.approval === "Rejected" &&
      decided >= summary.dates[first] &&
      decided <= format.addDays(summary.dates[last], 1)
    ) {
      entries.push([
        decided,
        pill("challenger refused", ""),
        h(
          "span",
          {},
          h("a", { href: `#models?version=${model.version}` }, `v${model.version}`),
          ` ${format.humanise(model.verdict?.verdict?.reason)}`,
        ),
        null,
      ]);
    }
  }
  entries.sort((one, other) => other[0].localeCompare(one[0]));
  return entries.length
    ? h(
        "ul",
        { class: "log" },
        entries.map(([day, what, text, run]) =>
          h(
            "li",
            {},
            h("span", { class: "quiet" }, format.shortDay(day)),
            h("span", {}, what),
            h("span", {}, text),
            h("span", {}, run ? run() : ""),
          ),
        ),
      )
    : empty("Nothing happened in this range", "Alarms, training decisions and models that take over are listed here.");
}

function streak(summary, position, last) {
  let end = position;
  while (end < last && summary.alarm[end + 1] === summary.alarm[position]) end += 1;
  return end;
}
