// Texts, numbers and times in the language of the page.

import { fill, locale, words } from "./language.js";

/** The text called `key`, with its {names} filled in; of several forms the one for `count`. */
export const text = (key, values, count) => fill(words.page[key], values, count);

/** Fill in the texts that elements name in data-text, data-label, data-placeholder. */
export function fillTexts(root) {
  document.documentElement.lang = words.lang;
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = text(element.dataset.text);
  }
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label));
    if (element.tagName === "BUTTON") element.title = text(element.dataset.label);
  }
  for (const element of root.querySelectorAll("[data-placeholder]")) {
    element.placeholder = text(element.dataset.placeholder);
  }
}

/** 83 seconds are "1:23". */
export function formatDuration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

export const formatCount = (count) => new Intl.NumberFormat(locale).format(count);

/** 1500 bytes are "1.5 kB". */
export function formatSize(bytes) {
  const unit = bytes < 1e3 ? "byte" : bytes < 1e6 ? "kilobyte" : "megabyte";
  const value = bytes / { byte: 1, kilobyte: 1e3, megabyte: 1e6 }[unit];
  const style = { style: "unit", unit, unitDisplay: unit === "byte" ? "long" : "short", maximumFractionDigits: value < 10 ? 1 : 0 };
  return new Intl.NumberFormat(locale, style).format(value);
}

/** The day, as people call it. */
export function formatDay(iso) {
  const [day, today] = [new Date(iso), new Date()].map((moment) => new Date(moment).setHours(0, 0, 0, 0));
  const ago = Math.round((today - day) / 864e5);
  if (ago < 2) return new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-ago, "day");
  const style = { weekday: "long", month: "long", day: "numeric" };
  if (new Date(iso).getFullYear() !== new Date().getFullYear()) style.year = "numeric";
  return new Intl.DateTimeFormat(locale, style).format(new Date(iso));
}

const TIME = { hour: "numeric", minute: "2-digit" };
// Made once: to make one takes longer than to draw an entry.
const timeOfDay = new Intl.DateTimeFormat(locale, TIME);
const timeWithDate = new Intl.DateTimeFormat(locale, { ...TIME, month: "short", day: "numeric" });

/** The time of day; with the date if it was not today. */
export function formatTime(iso) {
  const moment = new Date(iso);
  const isToday = moment.toDateString() === new Date().toDateString();
  return (isToday ? timeOfDay : timeWithDate).format(moment);
}
