// Entry: loads what every view needs, keeps range and day in the address, draws the view that the address names.

import { followTheme, framed, runFolder } from "./airflow.js";
import { redrawAll } from "./charts.js";
import { changed, lastDay, load, loadOr, Missing, Refused } from "./data.js";
import { empty } from "./dom.js";
import { addDays, countFrom } from "./format.js";
import { alertsView } from "./views/alerts.js";
import { modelsView } from "./views/models.js";
import { moneyView } from "./views/money.js";
import { overview } from "./views/overview.js";
import { reportView } from "./views/report.js";

const VIEWS = { overview, alerts: alertsView, models: modelsView, money: moneyView, report: reportView };
const TITLES = { overview: "Overview", alerts: "Alerts", models: "Models", money: "Money", report: "Drift report" };
const DEFAULT_DAYS = 90;
const LOOK_AGAIN_MS = 60000;
const ISO_DAY = /^\d{4}-\d{2}-\d{2}$/;

const main = document.getElementById("main");
let data = null;
let drawn = 0;

function address(hash = location.hash) {
  const [path, query] = hash.slice(1).split("?");
  const [view, day] = path.split("/");
  const asked = new URLSearchParams(query);
  const valid = (text) => (ISO_DAY.test(text ?? "") && !Number.isNaN(Date.parse(text)) ? text : null);
  return {
    view: view in VIEWS ? view : "overview",
    day: valid(day),
    from: valid(asked.get("from")),
    to: valid(asked.get("to")),
    version: asked.get("version"),
  };
}

function hashOf({ view, day, from, to, version }) {
  const query = new URLSearchParams(Object.entries({ from, to, version }).filter(([, value]) => value));
  return `#${view}${day ? `/${day}` : ""}${query.size ? `?${query}` : ""}`;
}

function go(changes) {
  location.hash = hashOf({ ...address(), version: null, ...changes });
}

async function draw() {
  const mine = ++drawn;
  const asked = address();
  for (const link of document.querySelectorAll("nav a[data-view]")) {
    link.href = hashOf({ ...asked, view: link.dataset.view, version: null });
    if (link.dataset.view === asked.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${TITLES[asked.view]} · Fraud monitor`;
  if (!data) return;
  const { summary } = data;
  const last = summary && lastDay(summary);
  const to = asked.to ?? last;
  const context = {
    ...data,
    go,
    view: asked.view,
    version: asked.version,
    day: asked.day ?? last,
    to,
    from: asked.from ?? (summary && [addDays(to, 1 - DEFAULT_DAYS), summary.dates[0]].sort()[1]),
  };
  try {
    const content = summary || asked.view === "models" ? await VIEWS[asked.view](context) : nothingYet();
    if (mine === drawn) main.replaceChildren(...[content].flat());
  } catch (error) {
    if (mine === drawn) main.replaceChildren(failed(error));
  }
  main.setAttribute("aria-busy", "false");
}

const nothingYet = () =>
  empty(
    "No day has been closed yet",
    "Run the DAG fraud_history once with its default parameters: it loads the past, trains the first champion, scores and reports. " +
      "Then unpause fraud_daily; every day that it finishes appears here.",
  );

function failed(error) {
  if (error instanceof Missing)
    return empty("Not written yet", "The drift step of fraud_daily or fraud_history writes it when it closes the day.");
  if (error instanceof Refused)
    return empty(
      "Not for this user",
      `${error.message} It takes the right to read the runs of fraud_daily and fraud_training.`,
    );
  return empty("This could not be read", error.message);
}

// The tab on a DAG run opens what that run made.
function openRun() {
  const asked = new URLSearchParams(location.search);
  const run = asked.get("run_id");
  if (!run || location.hash) return null;
  const { summary, models } = data;
  const days = summary
    ? summary.dates.filter(
        (_, position) => summary.run_id[position] === run && summary.dag_id[position] === asked.get("dag_id"),
      )
    : [];
  if (days.length === 1) return { view: "alerts", day: days[0] };
  if (days.length) return { view: "overview", from: days[0], to: days[days.length - 1] };
  const made = models?.models.find((model) => model.metadata.run === runFolder(run));
  if (made) return { view: "models", version: String(made.version) };
  data.note = `The run ${run} of ${asked.get("dag_id")} has closed no day and registered no model (yet): this is the whole picture.`;
  return null;
}

async function start() {
  try {
    const [summary, models, episodes] = await Promise.all([
      load("data/summary").catch((error) => {
        if (error instanceof Missing) return null;
        throw error;
      }),
      loadOr("data/models", null),
      loadOr("data/episodes", []),
    ]);
    data = { summary: summary?.dates.length ? summary : null, models, episodes, note: null };
    if (data.summary) countFrom(lastDay(data.summary));
    const opened = openRun();
    if (opened) history.replaceState(null, "", hashOf(opened));
  } catch (error) {
    main.replaceChildren(failed(error));
    return;
  }
  await draw();
}

const alone = document.getElementById("alone");
if (framed) {
  alone.hidden = false;
  alone.addEventListener("click", (event) => {
    event.preventDefault();
    const door = window.parent.document.createElement("a");
    door.href = location.href;
    door.target = "_blank";
    door.rel = "noopener";
    door.click();
  });
}
// Links between views keep the range of days.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.('main a[href^="#"]');
  if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const { view, day, version } = address(link.hash);
  go({ view, day, version });
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
followTheme(redrawAll);
setInterval(async () => {
  if (document.visibilityState === "visible" && (await changed().catch(() => false))) start();
}, LOOK_AGAIN_MS);
addEventListener("hashchange", draw);
draw();
start();
