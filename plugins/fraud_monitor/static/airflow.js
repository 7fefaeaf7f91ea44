// The Airflow around the page: its theme, its runs, and links out of its frame.

import { h } from "./dom.js";

const frame = (() => {
  try {
    return window.parent !== window && window.parent.document ? window.parent : null;
  } catch {
    return null;
  }
})();

export const framed = frame !== null;

// Airflow's frame forbids pages to navigate the window or open another; a link in Airflow's own document may.
export function link(path, text, { download, blank, label } = {}) {
  const target = new URL(path, document.baseURI).href;
  const leave = (event) => {
    if (!frame || event.defaultPrevented) return;
    event.preventDefault();
    const door = frame.document.createElement("a");
    door.href = target;
    if (download) door.download = "";
    else if (blank || event.ctrlKey || event.metaKey) door.target = "_blank";
    frame.document.body.append(door);
    door.click();
    door.remove();
  };
  return h("a", { href: target, download: download ? "" : null, "aria-label": label, onclick: leave }, text);
}

export const runLink = (dagId, runId, text) =>
  link(`../dags/${encodeURIComponent(dagId)}/runs/${encodeURIComponent(runId)}`, text ?? "Airflow run", {
    label: `Airflow run ${runId}`,
  });

export const dagLink = (dagId, text) => link(`../dags/${encodeURIComponent(dagId)}`, text);

// What Airflow knows about a DAG; null where the user may not see it or it does not exist.
export async function dag(dagId) {
  const response = await fetch(`../api/v2/dags/${dagId}`, { credentials: "same-origin" });
  return response.ok ? response.json() : null;
}

export async function runs(dagId, state) {
  const response = await fetch(`../api/v2/dags/${dagId}/dagRuns?state=${state}&limit=5&order_by=-run_after`, {
    credentials: "same-origin",
  });
  return response.ok ? (await response.json()).dag_runs : [];
}

// The folder name that the pipeline makes of a run id.
export const runFolder = (runId) => runId.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "");

export function followTheme(changed) {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const outer = frame?.document.documentElement;
  const apply = () => {
    const theme = outer?.classList.contains("dark")
      ? "dark"
      : outer?.classList.contains("light")
        ? "light"
        : dark.matches
          ? "dark"
          : "light";
    if (root.style.colorScheme === theme) return;
    root.style.colorScheme = theme;
    changed();
  };
  apply();
  dark.addEventListener("change", apply);
  if (outer) new MutationObserver(apply).observe(outer, { attributes: true, attributeFilter: ["class"] });
}
