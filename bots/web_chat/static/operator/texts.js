// Texts, numbers and times of the operator's view in the language of the page.

import { fill, locale, words } from "/static/language.js";

/** The text called `key`, with its {names} filled in; of several forms the one for `count`. */
export const text = (key, values, count) => fill(words.operator[key], values, count);

/** A sentence about an error that is given as "Class" or "Class: detail". */
export function describeError(error) {
  const [name] = error.split(":", 1);
  return words.operator[`error_${name}`] ?? text("error_other", { name });
}

/** The name of an entry of the log, as words: "telegram_conflict" is "Telegram conflict". */
export function describeEvent(event) {
  return event.charAt(0).toUpperCase() + event.slice(1).replaceAll("_", " ");
}

/** The text called `key`, in its form for the number `n`. */
export const textOf = (key, n) => fill(words.operator[key], { n: formatCount(n) }, n);

/** Fill in the texts that elements name in data-text and data-label. */
export function fillTexts(root) {
  document.documentElement.lang = words.lang;
  document.title = `Hearsay · ${text("operator")}`;
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = text(element.dataset.text);
  }
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label));
    element.title = text(element.dataset.label);
  }
}

const number = new Intl.NumberFormat(locale);
const compact = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
// Where the day has twelve hours "6 PM" is enough.
const is12 = clock.resolvedOptions().hour12;
const hour = is12 ? new Intl.DateTimeFormat(locale, { hour: "numeric" }) : clock;
const moment = new Intl.DateTimeFormat(locale, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });

export const formatCount = (count) => number.format(count);
export const formatMany = (count) => (count < 10_000 ? number.format(count) : compact.format(count));
const money = { style: "currency", currency: "USD", minimumFractionDigits: 2, maximumFractionDigits: 2 };
const cents = { style: "currency", currency: "USD", maximumSignificantDigits: 2 };
const month = new Intl.DateTimeFormat(locale, { month: "long", year: "numeric", timeZone: "UTC" });

/** Less than a dollar is shown with two digits after the zeros. */
export const formatMoney = (usd) => new Intl.NumberFormat(locale, usd < 1 ? cents : money).format(usd);
export const formatMonth = (day) => month.format(new Date(day));
export const formatClock = (iso) => clock.format(new Date(iso));
export const formatHour = (iso) => hour.format(new Date(iso));
export const formatMoment = (iso) => moment.format(new Date(iso));

function formatUnit(value, unit, digits = 0) {
  const style = { style: "unit", unit, unitDisplay: "narrow", maximumFractionDigits: digits };
  return new Intl.NumberFormat(locale, style).format(value);
}

/** 83 seconds are "1m 23s". */
export function formatSeconds(seconds) {
  if (seconds === 0) return "0";
  if (seconds < 10) return formatUnit(seconds, "second", 1);
  const whole = Math.round(seconds);
  const [days, hours] = [Math.floor(whole / 86_400), Math.floor(whole / 3600) % 24];
  const minutes = Math.floor(whole / 60) % 60;
  const parts = [
    [days, "day"],
    [hours, "hour"],
    [minutes, "minute"],
    [whole % 60, "second"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  const shown = parts.slice(first, first + 2).filter(([value]) => value > 0);
  return shown.map(([value, unit]) => formatUnit(value, unit)).join(" ");
}

/** A time relative to now. */
export function formatAgo(iso, now = Date.now()) {
  const seconds = (new Date(iso) - now) / 1000;
  const units = [
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
  ];
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return relative.format(Math.trunc(seconds), "second");
}
