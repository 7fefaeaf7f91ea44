// What happened in a range of days: alarms, training decisions, models that took over or were refused.

import { runFolder, runLink } from "../airflow.js";
import { lastDay, reigns } from "../data.js";
import { ACTIONS, ALARMS } from "../decision.js";
import { empty, h, pill } from "../dom.js";
import * as format from "../format.js";

export function log({ summary }, first, last, models) {
  const entries = [];
  const began = new Set(reigns(summary).map((reign) => reign.from));
  const versionLink = (version) => h("a", { href: `#models?version=${version}` }, `v${version}`);
  for (let position = last; position >= first; position -= 1) {
    const day = summary.dates[position];
    const run = () => runLink(summary.dag_id[position], summary.run_id[position]);
    if (began.has(day)) {
      const version = summary.model_version[position];
      const model = models?.models.find((one) => one.version === version);
      entries.push([
        day,
        pill("model takes over", "good"),
        [versionLink(version), ` ${format.humanise(model?.verdict?.verdict?.reason)}`],
        run,
      ]);
    }
    const action = ACTIONS[summary.action[position]];
    if (action) entries.push([day, pill(...action), outcome(summary, position, models, versionLink), run]);
    const fresh = summary.alarm[position] && summary.alarm[position] !== summary.alarm[position - 1];
    if (fresh) {
      const until = summary.dates[streak(summary, position, last)];
      entries.push([
        day,
        pill(...ALARMS[summary.alarm[position]]),
        [
          until === day ? "on one day. " : until === lastDay(summary) ? "still open. " : `until ${format.shortDay(until)}. `,
          h("a", { href: `#report/${day}` }, "Drift report"),
        ],
        run,
      ]);
    }
  }
  for (const model of models?.models ?? []) {
    const decided = model.metadata.as_of;
    const inside = decided >= summary.dates[first] && decided <= format.addDays(summary.dates[last], 1);
    if (model.approval === "Rejected" && inside)
      entries.push([
        decided,
        pill("challenger refused", ""),
        [versionLink(model.version), ` ${format.humanise(model.verdict?.verdict?.reason)}`],
        model.verdict?.run_id && (() => runLink(model.verdict.dag_id, model.verdict.run_id)),
      ]);
  }
  entries.sort((one, other) => other[0].localeCompare(one[0]));
  if (!entries.length)
    return empty("Nothing happened in this range", "Alarms, training decisions and models that take over are listed here.");
  return h(
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
  );
}

// What a training decision led to: the day it waits for, or the challenger that it brought.
function outcome(summary, position, models, versionLink) {
  if (summary.action[position] === "plan_challenger") return `for ${format.longDay(summary.due_date[position])}`;
  if (summary.action[position] === "escalate") return "retraining does not help";
  const trained = models?.models.find((model) => model.metadata.run === runFolder(`drift__${summary.dates[position]}`));
  if (!trained) return "no challenger was registered yet";
  const became = { Approved: "was promoted", Rejected: "was refused" }[trained.approval] ?? "waits for approval";
  return ["its challenger ", versionLink(trained.version), ` ${became}`];
}

function streak(summary, position, last) {
  let end = position;
  while (end < last && summary.alarm[end + 1] === summary.alarm[position]) end += 1;
  return end;
}
