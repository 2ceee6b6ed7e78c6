// The operator's view: polls the server every few seconds while it is visible.

import * as api from "./api.js";
import { drawJobs, drawWaits } from "./charts.js";
import { jobRow, openJob, platformName } from "./job.js";
import { ago, grow, showList, since } from "./list.js";
import { showBudgets, showEngines, showSpent } from "./engines.js";
import { describeError, describeEvent, fillTexts, formatCount, formatMoment, formatSeconds, text, textOf } from "./texts.js";
import { make } from "/static/dom.js";

const OFTEN_MS = 4000;
const SELDOM_MS = 60_000;
const FEW = 50;
const MANY = 500;

const byId = (id) => document.getElementById(id);
let shown = "open";
let limit = FEW;
let figures = null;
let figuresAt = -Infinity;

function notify(words, isWrong = false) {
  byId("notice").textContent = words;
  byId("notice").classList.toggle("wrong", isWrong);
  byId("notice").hidden = !words;
}

function onRetry({ jobId, error }) {
  notify(error ? error.message : text("retried", { id: jobId }), Boolean(error));
  if (!error) byId("h-dead").focus({ preventScroll: true });
  look();
}

const onOpen = (jobId) => openJob(jobId, onRetry).catch((error) => notify(error.message, true));

function setMore(id, ...parts) {
  const found = parts.filter(Boolean).flatMap((part, index) => (index ? [" · ", part] : [part]));
  byId(id).replaceChildren(...found.flat());
}

function showState({ started_at, now, platforms, queue, engines }) {
  const up = formatSeconds(Math.max(60, Math.floor((new Date(now) - new Date(started_at)) / 60_000) * 60));
  byId("live").className = "live";
  byId("live-words").textContent = text("live", { time: up });
  const lamps = Object.entries(platforms).map(([key, isReady]) => ({ key, isReady }));
  showList(byId("platforms"), lamps, ({ key, isReady }) => {
    const kind = isReady === null ? "off" : isReady ? "ready" : "unready";
    return make("li", { class: kind }, make("span", { class: "dot" }), platformName(key), make("span", { class: "more" }, text(kind)));
  });
  byId("queue").textContent = formatCount(queue.due);
  const oldest = queue.oldest_at ? [...splitAt(text("queue_oldest", { time: "|" }), since(queue.oldest_at))] : null;
  setMore(
    "queue-more",
    queue.running ? textOf("queue_running", queue.running) : null,
    queue.later ? textOf("queue_later", queue.later) : null,
    oldest ?? (queue.running || queue.later ? null : text("queue_empty")),
  );
  byId("given").textContent = formatCount(queue.dead);
  byId("given-more").textContent = text(queue.dead ? "given_some" : "given_none");
  byId("dead-tile").classList.toggle("bad", queue.dead > 0);
  showEngines(byId("engines"), engines);
}

/** The text with an element in place of its placeholder. */
function splitAt(words, element) {
  const [before, after] = words.split("|");
  return [before, element, after].filter((part) => part !== "");
}

function showFigures() {
  if (!figures) return;
  const { hours } = figures;
  drawJobs(byId("jobs-chart"), hours);
  drawWaits(byId("wait-chart"), hours);
  byId("day").textContent = formatCount(figures.answered.count);
  byId("day-more").textContent = figures.answered.count
    ? text("day_more", { median: formatSeconds(figures.answered.median_s), p95: formatSeconds(figures.answered.p95_s) })
    : text("day_none");
  showSpent(byId("spent"), figures);
  showBudgets(byId("budgets"), figures);
}

function showJobs(id, jobs, retry) {
  const items = jobs.map((job) => ({ key: job.job_id, ...job }));
  showList(byId(id), items, (job) => jobRow(job, onOpen, retry));
  byId(id).nextElementSibling.hidden = jobs.length > 0;
}

/** Repeated problems are one row. */
function joinProblems(problems) {
  const joined = [];
  for (const one of problems) {
    const last = joined.at(-1);
    const isSame = last && ["event", "error", "level", "job_id"].every((name) => last[name] === one[name]);
    if (isSame) last.count += 1;
    else joined.push({ key: one.id, count: 1, ...one });
  }
  return joined;
}

function showProblems(problems) {
  showList(byId("problems"), joinProblems(problems), (one) => {
    const seen = make("button", { type: "button", class: "link", onclick: () => onOpen(one.job_id) }, text("job", { id: one.job_id }));
    return make(
      "li",
      {},
      make("span", { class: `level ${one.level}` }, text(one.level === "warning" ? "level_warning" : "level_error")),
      make(
        "div",
        { class: "what" },
        make("span", {}, one.error ? describeError(one.error) : describeEvent(one.event), one.count > 1 ? ` ${text("times", { n: formatCount(one.count) })}` : null),
        make("span", { class: "more" }, make("code", {}, one.id), one.error ? ` · ${describeEvent(one.event)}` : null, one.job_id ? " · " : null, one.job_id ? seen : null),
      ),
      make("span", { class: "side", title: formatMoment(one.at) }, ago(one.at)),
    );
  });
  byId("problems").nextElementSibling.hidden = problems.length > 0;
}

async function lookSeldom() {
  if (performance.now() - figuresAt < SELDOM_MS) return;
  figures = await api.loadFigures();
  figuresAt = performance.now();
  showFigures();
}

function showChosen(jobs) {
  showJobs("jobs", jobs, null);
  byId("more").hidden = jobs.length < limit || limit >= MANY;
}

/** Load and show everything. */
async function look() {
  const wanted = [shown, limit];
  try {
    const asked = [api.loadState(), api.loadJobs("dead", MANY), api.loadJobs(...wanted), api.loadProblems(), lookSeldom()];
    const [state, dead, jobs, problems] = await Promise.all(asked);
    showState(state);
    showJobs("dead", dead, onRetry);
    // Something else may have been chosen meanwhile.
    if (wanted[0] === shown && wanted[1] === limit) showChosen(jobs);
    showProblems(problems);
    grow();
    byId("main").removeAttribute("aria-busy");
  } catch {
    byId("live").className = "live lost";
    byId("live-words").textContent = text("lost");
  }
}

async function keepLooking() {
  if (!document.hidden) await look();
  setTimeout(keepLooking, OFTEN_MS);
}

function choose(show) {
  shown = show;
  limit = FEW;
  for (const button of document.querySelectorAll("[data-show]")) {
    button.setAttribute("aria-pressed", String(button.dataset.show === show));
  }
}

fillTexts(document);
choose(shown);
for (const button of document.querySelectorAll("[data-show]")) {
  button.addEventListener("click", () => {
    choose(button.dataset.show);
    look();
  });
}
byId("more").addEventListener("click", () => {
  limit = MANY;
  look();
});
byId("leave").addEventListener("click", () => api.leave().catch((error) => notify(error.message, true)));
byId("job-close").addEventListener("click", () => byId("job").close());
byId("job").addEventListener("click", (event) => event.target === byId("job") && byId("job").close());
document.addEventListener("visibilitychange", () => !document.hidden && look());
let width = 0;
new ResizeObserver(([{ contentRect }]) => {
  if (contentRect.width !== width) showFigures();
  width = contentRect.width;
}).observe(byId("main"));
keepLooking();
