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

let presentYear = null;

// Days of this day's year are written without it.
export function countFrom(day) {
  presentYear = day.slice(0, 4);
}

export function shortDay(day, withYear = presentYear !== null && day?.slice(0, 4) !== presentYear) {
  if (!day) return "–";
  const text = dayFormat.format(new Date(`${day}T00:00:00Z`));
  return withYear ? `${text} ${day.slice(0, 4)}` : text;
}

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
  seconds_since_last_tx: "time since the last transaction",
};
const KINDS = {
  nb_tx: "transactions",
  avg_amount: "mean amount",
  risk: "share of fraud",
  std_amount: "spread of amounts",
  nb_terminals: "terminals used",
  amount_ratio: "amount against its mean",
};

// What a feature is about: {entity, kind, days}; a transaction's own have no entity, what has no window no days.
function parse(name) {
  const parts = name.match(/^(customer|terminal)_id_(.*?)(?:_(\d+)day_window)?$/);
  if (!parts) return { entity: null, kind: name, days: null };
  return { entity: parts[1] === "customer" ? "Card" : "Terminal", kind: parts[2], days: parts[3] && Number(parts[3]) };
}

export function feature(name) {
  const { entity, kind, days } = parse(name);
  const words = OWN_NAMES[kind] ?? KINDS[kind] ?? kind.replaceAll("_", " ");
  if (!entity) return words;
  return `${entity}: ${words}${days ? `, ${plural(days, "day")}` : ""}`;
}

const amount = (value) => value.toLocaleString("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

const SAID = {
  tx_amount: (value) => `amount ${amount(value)}`,
  tx_during_weekend: (value) => (value ? "at the weekend" : "on a working day"),
  tx_during_night: (value) => (value ? "at night" : "by day"),
  nb_tx: (value) => plural(value, "transaction"),
  avg_amount: (value) => `${amount(value)} on average`,
  risk: (value) => `${(value * 100).toLocaleString("en-GB", { maximumSignificantDigits: 3 })} % fraud`,
  std_amount: (value) => `amounts spread by ${amount(value)}`,
  nb_terminals: (value) => plural(value, "terminal"),
  amount_ratio: (value) => `${value.toLocaleString("en-GB", { maximumSignificantDigits: 3 })} × its mean amount`,
  seconds_since_last_tx: (value) => `${duration(value)} after its last transaction`,
};

// A feature with its value, as one would say it: "Card: 9 transactions in 1 day".
export function reason(name, value) {
  const { entity, kind, days } = parse(name);
  const said = SAID[kind]?.(value) ?? `${feature(name)} ${Number(value.toPrecision(4)).toLocaleString("en-GB")}`;
  if (!entity) return said[0].toUpperCase() + said.slice(1);
  return `${entity}: ${said}${days ? ` in ${plural(days, "day")}` : ""}`;
}

function duration(seconds) {
  const [size, unit] = [
    [86400, "day"],
    [3600, "hour"],
    [60, "minute"],
    [1, "second"],
  ].find(([size]) => seconds >= size) ?? [1, "second"];
  return plural(Math.round(seconds / size), unit);
}

const SHORT_KINDS = {
  nb_tx: "count",
  avg_amount: "amount",
  risk: "risk",
  std_amount: "spread",
  nb_terminals: "terminals",
  amount_ratio: "ratio",
  seconds_since_last_tx: "recency",
};

// As short as a heat map's row on a phone.
export function shortFeature(name) {
  const { entity, kind, days } = parse(name);
  if (!entity) return feature(name);
  return `${entity} ${SHORT_KINDS[kind] ?? kind.replaceAll("_", " ")}${days ? ` ${days} d` : ""}`;
}

// Sentences of the pipeline name features and candidates as columns are named, and days as in files.
export const humanise = (text) =>
  (text ?? "")
    .replace(/\b(tx_|customer_id_|terminal_id_)\w+/g, (name) => shortFeature(name))
    .replace(/\b\d{4}-\d{2}-\d{2}\b/g, (day) => shortDay(day))
    .replace(/\b[a-z]+(?:_[a-z0-9]+)+\b/g, candidate);

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
