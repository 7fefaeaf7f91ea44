// How days, numbers and features are written.

const DAY_MS = 86400000;
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const dayYearFormat = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});
const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });

export const seconds = (day) => Date.parse(`${day}T00:00:00Z`) / 1000;
export const isoDay = (time) => new Date(time * 1000).toISOString().slice(0, 10);
export const addDays = (day, count) => isoDay(seconds(day) + count * (DAY_MS / 1000));
export const daysBetween = (from, to) => Math.round(((seconds(to) - seconds(from)) * 1000) / DAY_MS);

export const shortDay = (day) => (day ? dayFormat.format(new Date(`${day}T00:00:00Z`)) : "–");
export const longDay = (day) => (day ? dayYearFormat.format(new Date(`${day}T00:00:00Z`)) : "–");
export const moment = (text) => `${shortDay(text.slice(0, 10))}, ${text.slice(11, 16)} UTC`;

export const number = (value, digits = 3) => (value === null || value === undefined ? "–" : value.toFixed(digits));
export const count = (value) => (value === null || value === undefined ? "–" : whole.format(value));
export const money = (cents) => (cents === null || cents === undefined ? "–" : whole.format(Math.round(cents / 100)));
export const exactMoney = (cents) =>
  (cents / 100).toLocaleString("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
export const percent = (value) =>
  value === null || value === undefined || Number.isNaN(value) ? "–" : `${Math.round(value * 100)} %`;
export const signed = (value, digits = 3) =>
  value === null || value === undefined ? "–" : `${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(digits)}`;
export const plural = (amount, word) => `${count(amount)} ${word}${amount === 1 ? "" : "s"}`;

const OWN_NAMES = {
  tx_amount: "Amount",
  tx_during_weekend: "At the weekend",
  tx_during_night: "At night",
  score: "Score",
  seconds_since_last_tx: "seconds since the last transaction",
};
const KINDS = {
  nb_tx: "transactions",
  avg_amount: "mean amount",
  risk: "fraud risk",
  std_amount: "spread of amounts",
  nb_terminals: "terminals used",
  amount_ratio: "amount against its mean",
};

export function feature(name) {
  if (OWN_NAMES[name]) return OWN_NAMES[name];
  const entity = name.startsWith("customer_id_") ? "Card" : name.startsWith("terminal_id_") ? "Terminal" : null;
  if (!entity) return name.replaceAll("_", " ");
  const rest = name.replace(/^(customer|terminal)_id_/, "");
  const window = rest.match(/^(.*)_(\d+)day_window$/);
  if (!window) return `${entity}: ${OWN_NAMES[rest] ?? rest.replaceAll("_", " ")}`;
  return `${entity}: ${KINDS[window[1]] ?? window[1].replaceAll("_", " ")}, ${window[2]} d`;
}

const SHORT_KINDS = {
  nb_tx: "count",
  avg_amount: "amount",
  risk: "risk",
  std_amount: "spread",
  nb_terminals: "terminals",
  amount_ratio: "ratio",
};

// As short as a heat map's row on a phone.
export function shortFeature(name) {
  const parts = name.match(/^(customer|terminal)_id_(.*)_(\d+)day_window$/);
  if (!parts) return feature(name).replace("seconds since the last transaction", "recency");
  return `${parts[1] === "customer" ? "Card" : "Terminal"} ${SHORT_KINDS[parts[2]] ?? parts[2].replaceAll("_", " ")} ${parts[3]} d`;
}

// Sentences of the pipeline name features as columns are named.
export const humanise = (text) =>
  (text ?? "").replace(/\b(tx_|customer_id_|terminal_id_|seconds_since_)\w+/g, (name) => shortFeature(name));

const EPISODES = {
  amount_inflation: "Amounts rise",
  volume_growth: "Volume changes",
  seasonal_swing: "Seasonal swing",
  turnover: "Turnover",
  fraud_rate: "Fraud rate changes",
  scenario_starts: "Fraud pattern starts",
  scenario_stops: "Fraud pattern stops",
  scenario_changes: "Fraud pattern changes",
  label_delay: "Label delay changes",
};

export function episode(one) {
  const about = one.details.scenario ?? one.details.of ?? (one.details.factor ? `× ${one.details.factor}` : "");
  return `${EPISODES[one.kind] ?? one.kind.replaceAll("_", " ")}${about ? `: ${String(about).replaceAll("_", " ")}` : ""}`;
}

export const candidate = (name) => (name ?? "").replaceAll("_", " ");
