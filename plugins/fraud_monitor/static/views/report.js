// The Evidently report of a day, in a frame that lets it run nothing outside itself.

import { framed, link } from "../airflow.js";
import { load } from "../data.js";
import { card, empty, h } from "../dom.js";
import { longDay } from "../format.js";
import { dayBar } from "../range.js";

export async function reportView({ summary, day, go }) {
  const days = await load("data/reports");
  if (!days.length)
    return card(
      "Drift report",
      empty(
        "No report yet",
        "The drift step writes one for every day of fraud_daily, and for the last day of a range of fraud_history.",
      ),
    );
  const bar = (...more) => dayBar({ days, day, view: "report", go }, ...more);
  if (!days.includes(day)) {
    const nearest = days.findLast((one) => one <= day) ?? days[0];
    return card("Drift report", [
      bar(),
      empty(
        `No report was kept for ${longDay(day)}`,
        summary.dates.includes(day)
          ? "A range of days keeps its metrics for every day, but the report of the last one only."
          : "The day is not closed yet.",
      ),
      h("p", {}, h("a", { href: `#report/${nearest}` }, `Open the report of ${longDay(nearest)}`)),
    ]);
  }
  return h(
    "section",
    { class: "card" },
    h("h2", {}, `Drift report of ${longDay(day)}`),
    bar(
      link(`reports/${day}`, "Open on its own", { blank: framed }),
      h("a", { href: `#alerts/${day}` }, "Alerts of the day"),
    ),
    h("iframe", {
      class: "report",
      src: `reports/${day}`,
      sandbox: "allow-scripts",
      title: `Evidently's drift report of ${longDay(day)}`,
    }),
  );
}
