// The engines: limits, probes and usage.

import { ago, showList } from "./list.js";
import { describeError, formatMany, formatMoney, formatMonth, formatSeconds, text, textOf } from "./texts.js";
import { icon, make } from "/static/dom.js";

/** A bar that shows how much of a limit is used. */
function meter(name, used, limit, format) {
  const words = limit ? text("used_of", { used: format(used), limit: format(limit) }) : text("unlimited", { used: format(used) });
  const bar = limit ? make("meter", { min: 0, max: limit, high: limit * 0.9, value: Math.min(used, limit), "aria-label": name }) : null;
  return make("div", { class: "meter" }, make("span", { class: "name" }, name), make("span", { class: "more" }, words), bar);
}

function describeGate(one) {
  if (one.pause_s > 0) return ["bad", text("paused", { time: formatSeconds(Math.ceil(one.pause_s)) })];
  if (one.failures > 0) return ["bad", textOf("fails", one.failures)];
  if (one.probe?.error) return ["bad", text("not_alive")];
  if (one.probe) return ["ready", text("alive")];
  return ["ready", text("no_errors")];
}

/** The result of the daily probe. */
function describeProbe({ checked_at, error }) {
  const key = error ? "probe_failed" : "probe_alive";
  const [before, after] = text(key, { error: describeError(error), time: "|" }).split("|");
  return [` · ${before}`, ago(checked_at), after];
}

function buildEngine(one) {
  const [kind, words] = describeGate(one);
  const [before, after] = text("last_error", { error: describeError(one.error), time: "|" }).split("|");
  const seen = one.probe && describeProbe(one.probe);
  const meters = [
    one.calls ? meter(text("calls_minute"), one.calls.used, one.calls.limit, formatMany) : null,
    one.tokens ? meter(text("tokens_minute"), one.tokens.used, one.tokens.limit, formatMany) : null,
  ];
  return make(
    "li",
    {},
    make("span", { class: "sign" }, icon(one.role)),
    make(
      "div",
      { class: "what" },
      make("span", { class: "first" }, text(one.role), " ", make("b", {}, one.model || one.engine), " ", make("span", { class: "more" }, one.engine)),
      make("span", { class: `lamp ${kind}` }, make("span", { class: "dot" }), make("span", {}, words, ...(seen ?? []))),
      one.error ? make("span", { class: "more" }, before, ago(one.failed_at), after) : null,
      ...meters,
    ),
  );
}

export function showEngines(parent, engines) {
  showList(parent, engines.map((one) => ({ key: one.role, ...one })), buildEngine);
}

/** What the tokens were, as far as the service says so. */
function describeTokens(spent) {
  const parts = ["audio_tokens", "cached_tokens", "reasoning_tokens"].filter((name) => spent[name]);
  return parts.map((name) => text(name, { n: formatMany(spent[name]) })).join(" · ");
}

function describeCost(cost) {
  if (cost === null) return text("cost_unknown");
  return cost ? text("cost", { money: formatMoney(cost) }) : text("cost_none");
}

function describeSpent(spent) {
  const { calls, audio_s } = spent;
  const tokens = spent.prompt_tokens + spent.completion_tokens;
  return [
    textOf("calls", calls),
    audio_s ? text("sound", { time: formatSeconds(audio_s) }) : null,
    tokens ? text("tokens", { n: formatMany(tokens) }, tokens) : null,
    describeTokens(spent),
    describeCost(spent.cost_usd),
  ].filter(Boolean);
}

export function showSpent(parent, { day, month, prices_at }) {
  const today = new Map(day.map((one) => [`${one.engine} ${one.model}`, one]));
  if (!month.length) return parent.replaceChildren(make("p", { class: "none" }, text("spent_none")));
  const line = (words) => make("span", { class: "line" }, words);
  const cell = (spent) => make("td", {}, ...(spent ? describeSpent(spent).map(line) : ["–"]));
  const rows = month.map((one) => {
    const same = today.get(`${one.engine} ${one.model}`);
    const name = make("th", { scope: "row" }, make("b", {}, one.model), make("span", { class: "more" }, one.engine));
    return make("tr", {}, name, cell(same), cell(one));
  });
  const heads = ["model", "hours_24", "days_30"].map((key) => make("th", { scope: "col" }, text(key)));
  const prices = make("p", { class: "about" }, text("prices", { month: formatMonth(prices_at) }));
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
  parent.replaceChildren(make("div", { class: "scroll", tabindex: 0, role: "region", "aria-labelledby": "h-spent" }, table), prices);
}

const formatAudio = (minutes) => formatSeconds(Math.round(minutes * 60));
const formatRequests = (count) => textOf("requests", count);
const UNITS = { min: formatAudio, USD: formatMoney, requests: formatRequests };

/** The meters of an account: of each of its limits, or else what it has used today. */
function budgetMeters({ kind, name, limits, used }) {
  const who = text(`budget_${kind}`, { id: name });
  const label = (period) => `${who}, ${text(`limit_${period}`)}`;
  if (!limits.length) return [meter(label("day"), used.day.audio_s / 60, 0, formatAudio)];
  return limits.map(({ period, unit, used: count, most }) => meter(label(period), count, most, UNITS[unit]));
}

export function showBudgets(parent, { budgets }) {
  const items = budgets.map((one) => ({ key: `${one.kind} ${one.name}`, ...one }));
  showList(parent, items, (one) => make("li", {}, ...budgetMeters(one)));
}
