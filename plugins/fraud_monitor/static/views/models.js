// Every model package: what it was trained on, how good it is, why it was promoted or refused, and by what.

import { runLink } from "../airflow.js";
import { lastDay, reigns } from "../data.js";
import { card, empty, h, pill, table } from "../dom.js";
import * as format from "../format.js";

const BY = {
  bootstrap: "the bootstrap",
  scheduled: "the weekly training",
  alarm: "a drift alarm",
  manual: "a person, by hand",
  rollback: "a person, rolling back",
};
// Key, heading, digits, whether more is better.
const MEASURES = [
  ["average_precision", "Average precision", 3, true],
  ["auc_roc", "AUC ROC", 3, true],
  ["card_precision", "Card precision", 3, true],
  ["card_recall", "Card recall", 3, true],
  ["brier", "Brier score", 4, false],
  ["calibration_error", "Calibration error", 4, false],
  ["expected_cost", "Cost a transaction", 3, false],
];

export async function modelsView({ summary, models, version }) {
  const list = models?.models ?? [];
  if (!models)
    return card(
      "Models",
      empty(
        "No model to show",
        "Models appear once the drift step has closed a day after fraud_history or fraud_training registered one; reading them takes the right to read fraud_training.",
      ),
    );
  if (!list.length)
    return card(
      "Models",
      empty(
        "No champion yet",
        "fraud_history with step train trains the first one; fraud_training trains challengers every week, on an alarm, or by hand.",
      ),
    );
  const champion = summary ? summary.model_version[summary.model_version.length - 1] : null;
  return card(
    "Models",
    h(
      "div",
      {},
      [...list]
        .reverse()
        .map((model) => modelEntry(model, { champion, summary, open: String(model.version) === version })),
    ),
    "Newest first. A challenger takes over only by the promotion rule, measured on the same transactions of customers that no model was trained on.",
  );
}

function status(model, champion, summary) {
  if (model.version === champion) return pill("champion", "accent");
  if (model.approval === "Rejected") return pill("refused", "");
  if (model.approval === "PendingManualApproval") return pill("waits for approval", "warn");
  if (summary && model.effective_from > lastDay(summary))
    return pill(`scores from ${format.shortDay(model.effective_from)}`, "good");
  return pill("retired", "");
}

function modelEntry(model, { champion, summary, open }) {
  const about = model.metadata;
  const stat = (name, title) =>
    h("span", { class: "stat" }, h("small", {}, title), about[name] ? Number(about[name]).toFixed(3) : "–");
  const reign = summary ? reigns(summary).filter((one) => one.version === model.version) : [];
  const scored = reign.reduce((days, one) => days + format.daysBetween(one.from, one.to) + 1, 0);
  const entry = h(
    "details",
    { class: "model", id: `version-${model.version}`, open },
    h(
      "summary",
      {},
      h("span", { class: "version" }, `v${model.version}`),
      h("span", {}, format.candidate(about.candidate)),
      h("span", {}, status(model, champion, summary)),
      stat("average_precision", "AP"),
      stat("auc_roc", "AUC"),
      stat("card_precision", "CP@k"),
      h(
        "span",
        { class: "quiet" },
        `${format.longDay(about.promoted_version ? model.effective_from : (about.as_of ?? model.effective_from))}, ${BY[about.kind] ?? about.kind ?? ""}`,
      ),
    ),
    h(
      "div",
      {},
      story(model, reign, scored),
      model.verdict && comparison(model.verdict),
      h(
        "dl",
        { class: "facts" },
        fact("Features", about.feature_version),
        fact("Code", about.code_version),
        fact("World or source", about.world && `${about.world.slice(0, 12)}…`),
        fact("Hold-out", about.holdout_digest && `${about.holdout_digest.slice(0, 12)}…`),
      ),
    ),
  );
  if (open) requestAnimationFrame(() => entry.scrollIntoView({ block: "center" }));
  return entry;
}

const fact = (name, value) => (value ? [h("dt", {}, name), h("dd", {}, value)] : []);

// From training to the days that it scored, in order.
function story(model, reign, scored) {
  const about = model.metadata;
  const { verdict } = model;
  const compared = verdict?.compared;
  const step = (title, ...text) => h("li", {}, h("strong", {}, title), h("span", {}, ...text));
  const copied = about.promoted_version && about.promoted_version !== String(model.version);
  return h(
    "ol",
    { class: "story" },
    copied
      ? step("Taken from", versionLink(about.promoted_version), ", the same model registered again")
      : about.window_start &&
          step(
            "Trained",
            `on ${format.longDay(about.window_start)} – ${format.longDay(about.window_end)}, with the labels known before ${format.longDay(about.as_of)}`,
          ),
    compared &&
      step(
        "Compared",
        verdict.champion_version ? ["with champion ", versionLink(verdict.champion_version), " "] : "",
        `on ${format.count(compared.transactions)} transactions of ${format.count(compared.customers)} held-out customers, ${format.plural(compared.frauds, "fraud")}, ${format.shortDay(compared.start)} – ${format.shortDay(compared.end)}, ${compared.k} alerts a day`,
      ),
    step("Verdict", format.humanise(verdict?.verdict?.reason ?? "none was kept for this package")),
    step(
      "Decided by",
      BY[about.kind] ?? about.kind ?? "–",
      about.approved_by && about.approved_by !== "nobody" ? `, approved by ${about.approved_by}` : "",
      about.refused_by && about.refused_by !== "nobody" ? `, refused by ${about.refused_by}` : "",
      about.run && [": ", verdict?.run_id ? runLink(verdict.dag_id, verdict.run_id, verdict.run_id) : about.run],
    ),
    about.rolled_back_from && step("Instead of", versionLink(about.rolled_back_from)),
    step("Scored", scoredDays(model, reign, scored)),
  );
}

const versionLink = (version) => h("a", { href: `#models?version=${version}` }, `v${version}`);

function scoredDays(model, reign, scored) {
  if (scored) {
    const spans = reign.map((one) => `${format.shortDay(one.from)} – ${format.shortDay(one.to)}`);
    return `${format.plural(scored, "day")}: ${spans.join(", ")}`;
  }
  return model.approval === "Approved" ? `no day yet; may score from ${format.longDay(model.effective_from)} on` : "no day";
}

function comparison(verdict) {
  const contestants = [
    ...(verdict.champion ? [[`champion v${verdict.champion_version}`, verdict.champion]] : []),
    ...Object.entries(verdict.candidates).map(([name, metrics]) => [
      format.candidate(name) + (name === verdict.best ? " (best)" : ""),
      metrics,
    ]),
  ];
  const { gain, gain_percentile: low, card_precision_change: cards } = verdict.verdict;
  const measures = MEASURES.filter(([key]) => contestants.some(([, metrics]) => key in metrics));
  return h(
    "div",
    { class: "comparison" },
    gain !== undefined &&
      h(
        "p",
        {},
        pill(`average precision ${format.signed(gain)}`, gain > 0 ? "good" : "bad"),
        " ",
        pill(`low end of the resamples ${format.signed(low)}`, low > 0 ? "good" : "bad"),
        " ",
        pill(`card precision ${format.signed(cards)}`, ""),
      ),
    table(
      [
        { title: "", show: ([name]) => h("strong", {}, name) },
        ...measures.map(([key, title, digits, more]) => ({
          title: more ? title : `${title} ↓`,
          number: true,
          show: ([, metrics]) => cell(metrics[key], digits, more, contestants.map(([, one]) => one[key])),
        })),
      ],
      contestants,
      "Candidates and champion on the same transactions",
    ),
    h(
      "p",
      { class: "quiet" },
      "Bold is best; ↓ means less is better. The rule asks for average precision: what a day's alerts can find.",
    ),
  );
}

function cell(value, digits, more, all) {
  const known = all.filter((one) => one !== undefined && one !== null);
  const best = value === (more ? Math.max(...known) : Math.min(...known));
  const text = format.number(value, digits);
  const shown = best ? h("strong", {}, text) : text;
  if (!more || value === undefined) return shown;
  return [shown, h("span", { class: "meter", "aria-hidden": "true" }, h("span", { style: { width: `${value * 100}%` } }))];
}
