// The state in one glance: who is champion, what was scored last, whether an alarm is open, what happens next.

import { dag, dagLink, runLink, runs } from "../airflow.js";
import { reigns } from "../data.js";
import { ALARMS, consequence, signal } from "../decision.js";
import { h, pill, quiet, tile } from "../dom.js";
import * as format from "../format.js";

const SIGNALS_AT_ONCE = 2;

export function glance({ summary, models }, next) {
  const end = summary.dates.length - 1;
  const day = summary.dates[end];
  const reign = reigns(summary).pop();
  const champion = models?.models.find((model) => model.version === reign.version);
  const about = champion?.metadata ?? {};
  const expected = summary.baseline_average_precision[end];
  return h(
    "div",
    { class: "glance wide-third" },
    tile(
      "Champion",
      [
        h("a", { href: `#models?version=${reign.version}` }, `v${reign.version}`),
        about.candidate ? ` ${format.candidate(about.candidate)}` : "",
      ],
      quiet(
        `has scored ${format.plural(format.daysBetween(reign.from, day) + 1, "day")}, since ${format.shortDay(reign.from)}`,
      ),
      about.window_start &&
        quiet(`trained on ${format.shortDay(about.window_start)} – ${format.shortDay(about.window_end)}`),
      expected !== null && quiet(`expected average precision ${format.number(expected)}`),
    ),
    tile(
      "Last scored day",
      h("a", { href: `#alerts/${day}` }, format.longDay(day).replace(/ \d{4}$/, "")),
      quiet(`${format.count(summary.transactions[end])} transactions, ${format.plural(summary.alerts[end], "alert")}`),
      quiet(investigated(summary, end)),
    ),
    alarms(summary, day),
    h("section", { class: "card" }, h("h2", {}, "Next"), next),
  );
}

const HEADLINES = { labels: "Worse than expected", unlabelled: "Drift, without labels yet" };

function alarms(summary, day) {
  const decision = summary.last;
  const alarm = ALARMS[decision.alarm];
  const signals = decision.signals ?? [];
  const notices = decision.notices ?? [];
  const [shown, others] = [signals.slice(0, SIGNALS_AT_ONCE), signals.slice(SIGNALS_AT_ONCE)];
  const rest = [others.length && format.plural(others.length, "more signal"), notices.length && format.plural(notices.length, "notice")];
  let since = summary.dates.length - 1;
  while (since > 0 && summary.alarm[since - 1] === summary.alarm[since]) since -= 1;
  const follows = consequence(decision);
  const all = reigns(summary);
  const [before, present] = [all.at(-2), all.at(-1)];
  const newest = summary.labelled_day.findLast((one) => one);
  const replaced = decision.alarm === "labels" && before && newest < present.from;
  return h(
    "section",
    { class: `card ${alarm ? `attention ${alarm[1]}` : ""}` },
    h("h2", {}, "Open alarms"),
    h("p", { class: "figure-big" }, alarm ? HEADLINES[decision.alarm] : "None"),
    alarm && quiet(pill(...alarm), ` since ${format.shortDay(summary.dates[since])}`),
    shown.length > 0 && signalList(shown),
    replaced && quiet(`The labels are of v${before.version}'s days; those of v${present.version} are still to come.`),
    follows && quiet(follows),
    rest.some(Boolean) &&
      h(
        "details",
        { class: "quiet" },
        h("summary", {}, rest.filter(Boolean).join(", ")),
        others.length > 0 && signalList(others),
        notices.length > 0 &&
          h("ul", { class: "notices" }, notices.map((text) => h("li", {}, format.humanise(text)))),
      ),
    h("p", {}, h("a", { href: `#report/${day}` }, "Drift report of the day")),
  );
}

const signalList = (texts) =>
  h(
    "ul",
    { class: "signals" },
    texts.map(signal).map(({ what, is, limit }) =>
      h("li", {}, h("span", {}, what), h("strong", {}, is), h("span", { class: "quiet" }, limit)),
    ),
  );

function investigated(summary, end) {
  if (summary.investigated[end])
    return `${format.count(summary.caught_cards[end])} of ${format.count(summary.investigated[end])} investigated cards were fraud`;
  const position = summary.investigated.findLastIndex((value) => value);
  return position < 0
    ? "investigators report on the next day"
    : `${format.shortDay(summary.dates[position])}: ${summary.caught_cards[position]} of ${summary.investigated[position]} cards were fraud`;
}

export async function fillNext(box, summary, models) {
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
