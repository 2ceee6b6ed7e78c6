// Two charts of the last 24 hours as SVG: finished jobs, and time to reply.

import { formatClock, formatCount, formatHour, formatSeconds, text } from "./texts.js";
import { make } from "/static/dom.js";

const HEIGHT = 190;
const LEFT = 46;
const RIGHT = 8;
const TOP = 10;
const BOTTOM = 24;
const STATES = ["done", "refused", "dead", "cancelled"];

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Round `value` up to 1, 2 or 5 times a power of ten. */
function roundUp(value, steps = [1, 2, 5, 10]) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return power * steps.find((step) => step * power >= value * 0.9999);
}

const COUNTS = (top) => (top <= 4 ? 4 : roundUp(top, [1, 2, 4, 6, 8, 10]));
const SPANS_S = [1, 2, 4, 10, 20, 60, 120, 240, 600, 1200, 3600, 7200, 14_400, 43_200, 86_400];
const SPANS = (top) => SPANS_S.find((span) => span >= top) ?? roundUp(top);

/** The frame of a chart: lines, labels, and the hour under the pointer. */
function openFrame(width, hours, top, format) {
  const svg = draw("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, "aria-hidden": "true" });
  const step = (width - LEFT - RIGHT) / hours.length;
  const x = (index) => LEFT + step * index;
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  for (const share of [0, 0.5, 1]) {
    const at = y(top * share);
    svg.append(draw("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: at, y2: at }));
    svg.append(draw("text", { class: "tick", x: LEFT - 8, y: at + 4, "text-anchor": "end" }, format(top * share)));
  }
  hours.forEach((hour, index) => {
    const every = step * 3 < 44 ? 6 : 3;
    if (new Date(hour.start_at).getHours() % every) return;
    const anchor = index === 0 ? "start" : "middle";
    svg.append(draw("text", { class: "tick", x: x(index), y: HEIGHT - 6, "text-anchor": anchor }, formatHour(hour.start_at)));
  });
  const band = draw("rect", { class: "band", x: 0, y: TOP, width: step, height: HEIGHT - TOP - BOTTOM, visibility: "hidden" });
  svg.append(band);
  return { svg, band, x, y, step };
}

/** Show the values under the pointer as text. */
function follow(frame, readout, words) {
  const rest = () => {
    frame.band.setAttribute("visibility", "hidden");
    readout.textContent = "";
  };
  frame.svg.addEventListener("pointerleave", rest);
  frame.svg.addEventListener("pointermove", (event) => {
    const at = event.clientX - frame.svg.getBoundingClientRect().left;
    const index = Math.floor((at - LEFT) / frame.step);
    if (index < 0 || index >= words.length) return rest();
    frame.band.setAttribute("x", frame.x(index));
    frame.band.setAttribute("visibility", "visible");
    readout.textContent = words[index];
  });
}

const span = (hour) => `${formatClock(hour.start_at)} – ${formatClock(new Date(+new Date(hour.start_at) + 3_600_000))}`;

/** The same numbers as a table, for screen readers and copying. */
function buildTable(hours, heads, cells) {
  const head = make("tr", {}, ...[text("hour"), ...heads].map((name) => make("th", { scope: "col" }, name)));
  const rows = hours.map((hour) => {
    const values = cells(hour).map((value) => make("td", {}, value));
    return make("tr", {}, make("th", { scope: "row" }, span(hour)), ...values);
  });
  const table = make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
  const scroll = make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": text("chart_table") }, table);
  return make("details", {}, make("summary", {}, text("chart_table")), scroll);
}

function buildLegend(entries) {
  const items = entries.map(([kind, words]) => make("li", {}, make("span", { class: `key ${kind}` }), words));
  return make("ul", { class: "legend" }, ...items);
}

function place(parent, frame, legend, words, table) {
  const wasOpen = parent.querySelector("details")?.open ?? false;
  const readout = make("p", { class: "readout", "aria-hidden": "true" });
  follow(frame, readout, words);
  table.open = wasOpen;
  parent.replaceChildren(make("div", { class: "over" }, legend, readout), frame.svg, table);
}

/** Finished jobs per hour, by state. */
export function drawJobs(parent, hours) {
  const count = (hour) => STATES.reduce((sum, state) => sum + (hour.ended[state] ?? 0), 0);
  const frame = openFrame(parent.clientWidth, hours, COUNTS(Math.max(...hours.map(count))), formatCount);
  const gap = Math.max(1, frame.step * 0.14);
  hours.forEach((hour, index) => {
    let below = 0;
    for (const state of STATES) {
      const value = hour.ended[state] ?? 0;
      if (!value) continue;
      const [top, bottom] = [frame.y(below + value), frame.y(below)];
      const box = { x: frame.x(index) + gap, y: top, width: frame.step - 2 * gap, height: bottom - top, rx: 2 };
      frame.svg.append(draw("rect", { class: state, ...box }));
      below += value;
    }
  });
  const shown = STATES.filter((state) => state === "done" || hours.some((hour) => hour.ended[state]));
  const words = hours.map((hour) => {
    const parts = shown.map((state) => `${text(`state_${state}`)} ${formatCount(hour.ended[state] ?? 0)}`);
    return `${span(hour)}: ${parts.join(", ")}`;
  });
  const heads = shown.map((state) => text(`state_${state}`));
  const table = buildTable(hours, heads, (hour) => shown.map((state) => formatCount(hour.ended[state] ?? 0)));
  place(parent, frame, buildLegend(shown.map((state, index) => [state, heads[index]])), words, table);
}

/** Runs of hours with a value: a line must not cross hours without one. */
function splitRuns(hours, name) {
  const runs = [];
  hours.forEach((hour, index) => {
    if (hour[name] === null) return;
    if (runs.length && runs.at(-1).at(-1) === index - 1) runs.at(-1).push(index);
    else runs.push([index]);
  });
  return runs;
}

/** Time to reply per hour. */
export function drawWaits(parent, hours) {
  const longest = Math.max(1, ...hours.map((hour) => hour.p95_s ?? 0));
  const frame = openFrame(parent.clientWidth, hours, SPANS(longest), formatSeconds);
  for (const [name, kind] of [["p95_s", "p95"], ["median_s", "median"]]) {
    for (const run of splitRuns(hours, name)) {
      const points = run.map((index) => [frame.x(index) + frame.step / 2, frame.y(hours[index][name])]);
      const path = points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`);
      frame.svg.append(draw("path", { class: kind, d: path.join("") }));
      for (const [cx, cy] of points) frame.svg.append(draw("circle", { class: kind, cx, cy, r: 2.6 }));
    }
  }
  const format = (seconds) => (seconds === null ? "–" : formatSeconds(seconds));
  const words = hours.map(
    (hour) => `${span(hour)}: ${text("median")} ${format(hour.median_s)}, ${text("p95")} ${format(hour.p95_s)}`,
  );
  const heads = [text("median"), text("p95")];
  const table = buildTable(hours, heads, (hour) => [format(hour.median_s), format(hour.p95_s)]);
  place(parent, frame, buildLegend([["median", heads[0]], ["p95", heads[1]]]), words, table);
}
