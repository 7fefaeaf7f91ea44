// What the page reads, and the days of the chosen range.

export class Missing extends Error {}
export class Refused extends Error {}

const kept = new Map();

export function load(path) {
  if (!kept.has(path)) {
    const answer = fetchJson(path);
    kept.set(path, answer);
    answer.catch(() => kept.delete(path));
  }
  return kept.get(path);
}

async function fetchJson(path) {
  const response = await fetch(path, { credentials: "same-origin" });
  if (response.ok) return response.json();
  const answer = await response.json().catch(() => ({}));
  const text = typeof answer.detail === "string" ? answer.detail : `The server answered ${response.status}.`;
  if (response.status === 404) throw new Missing(text);
  if (response.status === 401 || response.status === 403) throw new Refused(text);
  throw new Error(text);
}

// Tells whether the drift step has closed a day since; what was read before is forgotten then.
export async function changed() {
  const response = await fetch("data/summary", { credentials: "same-origin" });
  const tag = response.headers.get("ETag");
  if (!response.ok || tag === changed.tag) return false;
  const first = changed.tag === undefined;
  changed.tag = tag;
  if (!first) kept.clear();
  return !first;
}

export const loadOr = (path, otherwise) =>
  load(path).catch((error) => {
    if (error instanceof Missing || error instanceof Refused) return otherwise;
    throw error;
  });

// Positions of the first and last day of a range in the summary's columns; the last is included.
export function positions(summary, from, to) {
  const first = summary.dates.findIndex((day) => day >= from);
  let last = summary.dates.length - 1;
  while (last >= 0 && summary.dates[last] > to) last -= 1;
  return first < 0 || last < first ? null : [first, last];
}

export const lastDay = (summary) => summary.dates[summary.dates.length - 1];

// The model that scored each day, as stretches: {version, from, to}.
export function reigns(summary) {
  const found = [];
  summary.dates.forEach((day, position) => {
    const version = summary.model_version[position];
    const current = found[found.length - 1];
    if (current && current.version === version) current.to = day;
    else found.push({ version, from: day, to: day });
  });
  return found;
}
