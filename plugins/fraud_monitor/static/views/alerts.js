// The day's alerts: which cards, how sure, why, and what became of them.

import { link, runLink } from "../airflow.js";
import { lastDay, load, loadOr } from "../data.js";
import { announce, empty, h, pill, quiet, tile } from "../dom.js";
import * as format from "../format.js";
import { cardHistory } from "./history.js";
import { dayBar } from "../range.js";

const OUTCOMES = { fraud: ["fraud", "bad"], genuine: ["genuine", "good"], open: ["not known yet", ""] };

export async function alertsView({ summary, day, go }) {
  const bar = (...more) => dayBar({ days: summary.dates, day, view: "alerts", go }, ...more);
  if (!summary.dates.includes(day)) {
    return h(
      "section",
      { class: "card" },
      bar(),
      empty(
        `${format.longDay(day)} is not closed yet`,
        `Its alerts appear when fraud_daily has finished that day; the last closed day is ${format.longDay(lastDay(summary))}.`,
      ),
    );
  }
  const [part, cards] = await Promise.all([load(`data/days/${day}`), loadOr(`data/cards/${day}`, null)]);
  const rows = part.alerts.map((alert) => {
    const outcome = cards?.outcomes[alert.rank];
    return {
      ...alert,
      history: cards?.cards[alert.rank] ?? null,
      outcome: outcome ? (outcome[0] ? "fraud" : "genuine") : "open",
      cents: outcome ? outcome[1] : null,
    };
  });
  return [
    h(
      "section",
      { class: "card" },
      h("h2", {}, `Alerts of ${format.longDay(day)}`),
      bar(
        link(`alerts/${day}.csv`, "Download CSV", { download: true }),
        runLink(part.dag_id, part.run_id, "Airflow run"),
        h("a", { href: `#report/${day}` }, "Drift report"),
      ),
    ),
    tiles(rows, part),
    h(
      "section",
      { class: "card" },
      rows.length
        ? alertTable(rows, day)
        : empty(
            "No card was alerted",
            "Every card of the day was already known to be compromised, or nothing was scored.",
          ),
    ),
  ];
}

function tiles(rows, part) {
  const known = rows.filter((row) => row.outcome !== "open");
  const caught = known.filter((row) => row.outcome === "fraud");
  const waiting = "investigators report on the next day";
  return h(
    "div",
    { class: "glance" },
    tile(
      "Alerted cards",
      format.count(rows.length),
      quiet(`of ${format.count(part.transactions)} transactions, scored by `, versionLink(part.model_version)),
    ),
    tile(
      "Were fraud",
      known.length ? `${format.count(caught.length)} of ${format.count(known.length)}` : "Not known yet",
      quiet(
        known.length === rows.length
          ? "every alert has its outcome"
          : known.length
            ? `${format.count(rows.length - known.length)} not known yet`
            : waiting,
      ),
    ),
    tile(
      "Amount of their frauds",
      known.length ? format.money(caught.reduce((sum, row) => sum + row.cents, 0)) : "Not known yet",
      quiet(known.length ? "on the day of the alert, in the account's currency" : waiting),
    ),
    tile(
      "Scores",
      rows.length ? `${rows[rows.length - 1].score.toFixed(3)} – ${rows[0].score.toFixed(3)}` : "–",
      quiet("from the last alert to the first, each by its card's most suspicious transaction"),
    ),
  );
}

const versionLink = (version) => h("a", { href: `#models?version=${version}` }, `v${version}`);

function alertTable(rows, day) {
  const reasons = [...new Set(rows.flatMap((row) => row.reasons.map((reason) => reason.feature)))].sort();
  const state = { sort: "rank", down: false, text: "", outcome: "", reason: "", open: new Set() };
  const body = h("tbody");
  const count = h("span", { class: "quiet" });
  const keys = {
    rank: (row) => row.rank,
    customer_id: (row) => row.customer_id,
    score: (row) => row.score,
    reason: (row) => format.feature(row.reasons[0]?.feature ?? ""),
    outcome: (row) => `${row.outcome}${String(row.cents ?? 0).padStart(12, "0")}`,
  };
  const headings = [
    ["rank", "#", "number"],
    ["customer_id", "Card"],
    ["score", "Score"],
    ["reason", "Why"],
    ["outcome", "Outcome"],
  ];
  const heads = headings.map(([name, title, kind]) =>
    h(
      "th",
      { scope: "col", class: kind, "data-key": name },
      h(
        "button",
        { class: "sort", onclick: () => sortBy(name) },
        title,
        h("span", { "aria-hidden": "true", class: "arrow" }),
      ),
    ),
  );

  function sortBy(name) {
    state.down = state.sort === name ? !state.down : false;
    state.sort = name;
    fill();
    announce(`Sorted by ${name.replace("_", " ")}, ${state.down ? "descending" : "ascending"}`);
  }

  function fill() {
    for (const head of heads) {
      const mine = head.dataset.key === state.sort;
      if (mine) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
      head.querySelector(".arrow").textContent = mine ? (state.down ? " ↓" : " ↑") : "";
    }
    const key = keys[state.sort];
    const shown = rows.filter(
      (row) =>
        (!state.text || String(row.customer_id).includes(state.text)) &&
        (!state.outcome || row.outcome === state.outcome) &&
        (!state.reason || row.reasons.some((reason) => reason.feature === state.reason)),
    );
    shown.sort((one, other) => {
      const [a, b] = [key(one), key(other)];
      return (a < b ? -1 : a > b ? 1 : one.rank - other.rank) * (state.down ? -1 : 1);
    });
    count.textContent =
      shown.length === rows.length ? `${rows.length} alerts` : `${shown.length} of ${rows.length} alerts`;
    body.replaceChildren(...shown.flatMap((row) => lines(row)));
    if (!shown.length)
      body.append(h("tr", {}, h("td", { colspan: "6" }, empty("No alert matches", "Loosen the filters above."))));
  }

  function lines(row) {
    const opened = state.open.has(row.rank);
    const toggle = () => {
      if (!state.open.delete(row.rank)) state.open.add(row.rank);
      fill();
      body.querySelector(`[data-rank="${row.rank}"]`)?.focus();
    };
    const line = h(
      "tr",
      { class: "row", onclick: (event) => event.target.closest("a, button") || toggle() },
      h("td", { class: "number" }, row.rank),
      h("td", {}, h("strong", {}, row.customer_id)),
      h(
        "td",
        {},
        row.score.toFixed(3),
        h(
          "span",
          { class: "meter", "aria-hidden": "true" },
          h("span", { style: { width: `${Math.round(row.score * 100)}%` } }),
        ),
      ),
      h(
        "td",
        {},
        h(
          "ul",
          { class: "reasons" },
          row.reasons.map((reason) => h("li", {}, pill(format.reason(reason.feature, reason.value), ""))),
        ),
      ),
      h("td", {}, pill(...OUTCOMES[row.outcome]), row.outcome === "fraud" ? ` ${format.exactMoney(row.cents)}` : ""),
      h(
        "td",
        {},
        h(
          "button",
          {
            class: "open-row",
            "data-rank": row.rank,
            "aria-expanded": String(opened),
            "aria-label": `Why card ${row.customer_id} was alerted`,
            onclick: toggle,
          },
          opened ? "▾" : "▸",
        ),
      ),
    );
    return opened ? [line, h("tr", { class: "detail" }, h("td", { colspan: "6" }, detail(row, day)))] : [line];
  }

  const option = (value, text) => h("option", { value }, text);
  const filter = (name, options) =>
    h(
      "select",
      {
        name,
        onchange: (event) => {
          state[name] = event.target.value;
          fill();
        },
      },
      options,
    );
  fill();
  return h(
    "div",
    { class: "alerts" },
    h(
      "div",
      { class: "bar" },
      h(
        "label",
        {},
        "Card",
        h("input", {
          type: "search",
          name: "card",
          size: "8",
          inputmode: "numeric",
          oninput: (event) => {
            state.text = event.target.value.trim();
            fill();
          },
        }),
      ),
      h(
        "label",
        {},
        "Outcome",
        filter("outcome", [
          option("", "any"),
          ...Object.entries(OUTCOMES).map(([value, [text]]) => option(value, text)),
        ]),
      ),
      h(
        "label",
        {},
        "Why",
        filter("reason", [option("", "any"), ...reasons.map((name) => option(name, format.feature(name)))]),
      ),
      h("span", { class: "spread" }),
      count,
    ),
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        {},
        h("caption", { class: "unseen" }, `Alerts of ${format.longDay(day)}`),
        h("thead", {}, h("tr", {}, heads, h("td", {}, h("span", { class: "unseen" }, "Details")))),
        body,
      ),
    ),
  );
}

function detail(row, day) {
  const largest = Math.max(...row.reasons.map((reason) => Math.abs(reason.contribution)), 1e-9);
  return h(
    "div",
    { class: "two" },
    h(
      "div",
      {},
      h("h3", {}, "What pushed the score up"),
      row.reasons.map((reason) =>
        h(
          "div",
          { class: "contribution" },
          h("span", {}, format.reason(reason.feature, reason.value)),
          h("strong", {}, format.signed(reason.contribution, 2)),
          h(
            "span",
            { class: "track", "aria-hidden": "true" },
            h("span", { style: { width: `${(Math.max(0, reason.contribution) / largest) * 100}%` } }),
          ),
        ),
      ),
      quiet(
        "How much each adds, in the model's own units. A terminal's figures are of days that ended a week before, whose labels are known.",
      ),
      h(
        "dl",
        { class: "facts" },
        h("dt", {}, "Transaction"),
        h("dd", {}, row.transaction_id),
        h("dt", {}, "Model"),
        h("dd", {}, versionLink(row.model_version)),
      ),
    ),
    h(
      "div",
      {},
      h("h3", {}, "The card's last 30 days"),
      row.history
        ? cardHistory(row.history, day)
        : empty("No history yet", "The drift step adds the card's last 30 days when it closes the day."),
    ),
  );
}
