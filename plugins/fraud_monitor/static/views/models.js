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
const MEASURES = [
  ["average_precision", "Average precision", 3],
  ["auc_roc", "AUC ROC", 3],
  ["card_precision", "Card precision", 3],
  ["card_recall", "Card recall", 3],
  ["brier", "Brier score", 4],
  ["calibration_error", "Calibration error", 4],
  ["expected_cost", "Expected cost a transaction", 3],
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
        `${format.longDay(about.as_of ?? model.effective_from)}, ${BY[about.kind] ?? about.kind ?? ""}`,
      ),
    ),
    h(
      "div",
      {},
      h("p", {}, h("strong", {}, model.verdict?.verdict?.reason ?? "No verdict was kept for this package.")),
      model.verdict && comparison(model.verdict),
      h(
        "dl",
        { class: "facts" },
        fact(
          "Trained on",
          about.window_start &&
            `${format.longDay(about.window_start)} – ${format.longDay(about.window_end)}, labels known before ${format.longDay(about.as_of)}`,
        ),
        fact("May score from", format.longDay(model.effective_from)),
        fact(
          "Scored",
          scored
            ? `${format.plural(scored, "day")}: ${reign.map((one) => `${format.shortDay(one.from)} – ${format.shortDay(one.to)}`).join(", ")}`
            : "no day yet",
        ),
        fact("Rolled back from", about.rolled_back_from && `v${about.rolled_back_from}`),
        fact("Approved by", about.approved_by),
        fact("Features", about.feature_version),
        fact("Code", about.code_version),
        fact(
          "Run",
          about.run &&
            (model.verdict?.run_id
              ? runLink(model.verdict.dag_id, model.verdict.run_id, model.verdict.run_id)
              : about.run),
        ),
        fact("World or source", about.world && `${about.world.slice(0, 12)}…`),
        fact("Hold-out", about.holdout_digest && `${about.holdout_digest.slice(0, 12)}…`),
      ),
    ),
  );
  if (open) requestAnimationFrame(() => entry.scrollIntoView({ block: "center" }));
  return entry;
}

const fact = (name, value) => (value ? [h("dt", {}, name), h("dd", {}, value)] : []);

function comparison(verdict) {
  const contestants = [
    ...(verdict.champion ? [[`champion v${verdict.champion_version}`, verdict.champion]] : []),
    ...Object.entries(verdict.candidates).map(([name, metrics]) => [
      format.candidate(name) + (name === verdict.best ? " (best)" : ""),
      metrics,
    ]),
  ];
  const { compared } = verdict;
  const caption = compared
    ? `Compared on ${format.count(compared.transactions)} transactions of ${format.count(compared.customers)} held-out customers, ${format.plural(compared.frauds, "fraud")}, ${format.shortDay(compared.start)} – ${format.shortDay(compared.end)}, ${compared.k} alerts a day`
    : "Compared on held-out customers";
  const gain = verdict.verdict.gain;
  return h(
    "div",
    {},
    h("p", { class: "quiet" }, `${caption}.`),
    gain !== undefined &&
      h(
        "p",
        {},
        pill(`average precision ${format.signed(gain)}`, gain > 0 ? "good" : "bad"),
        " ",
        pill(
          `low end of the resamples ${format.signed(verdict.verdict.gain_percentile)}`,
          verdict.verdict.gain_percentile > 0 ? "good" : "bad",
        ),
        " ",
        pill(`card precision ${format.signed(verdict.verdict.card_precision_change)}`, ""),
      ),
    table(
      [
        { title: "", show: ([name]) => h("strong", {}, name) },
        ...MEASURES.filter(([key]) => contestants.some(([, metrics]) => key in metrics)).map(
          ([key, title, digits]) => ({
            title,
            number: true,
            show: ([, metrics]) => format.number(metrics[key], digits),
          }),
        ),
      ],
      contestants,
      "Candidates and champion on the same transactions",
    ),
  );
}
