// What the day's decision says, taken apart to be read: its signals against their thresholds, and what follows from them.

import { feature, humanise, percent } from "./format.js";

export const ALARMS = { labels: ["label alarm", "bad"], unlabelled: ["drift alarm", "warn"] };
export const ACTIONS = {
  train_now: ["training started", "accent"],
  plan_challenger: ["challenger planned", "warn"],
  escalate: ["escalated to a person", "bad"],
};

const SIGNAL = /^(.+?),? (\d+\.\d+) \((above|below) ([\d.]+)\)$/;

// A signal ("tx_amount 0.132 (above 0.1)") as {what, is, limit}; one of another form is shown as it is.
export function signal(text) {
  const parts = text.match(SIGNAL);
  if (!parts) return { what: humanise(text), is: "", limit: "" };
  const [, name, value, side, limit] = parts;
  const loss = name.match(/^average precision over (\d+) days, of the expected$/);
  if (loss)
    return {
      what: `Average precision, ${loss[1]} days`,
      is: `${percent(Number(value))} of the expected`,
      limit: `alarm ${side} ${percent(Number(limit))}`,
    };
  if (name === "alert-rate ratio")
    return {
      what: "High scores",
      is: `${Number(value).toFixed(1)} × as many as expected`,
      limit: `alarm ${side} ${limit} ×`,
    };
  return { what: feature(name), is: `moved by ${value}`, limit: `alarm ${side} ${limit}` };
}

// What the reason says beside the alarms and their numbers, which stand in the signals.
export function consequence(decision) {
  const reason = decision.reason ?? "";
  const numbers = reason.lastIndexOf(decision.alarm === "none" ? "\0" : ")");
  const rest = reason
    .slice(numbers + 1)
    .replace(/^[\s,;:]+/, "")
    .replace(/^but /, "");
  const text = humanise(rest);
  return text && text[0].toUpperCase() + text.slice(1);
}
