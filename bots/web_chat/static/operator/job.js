// One job with its steps, in a dialog.

import { loadJob, retryJob } from "./api.js";
import { ago } from "./list.js";
import { describeError, formatCount, formatMoment, formatSeconds, text, textOf } from "./texts.js";
import { icon, make } from "/static/dom.js";

const byId = (id) => document.getElementById(id);

export const stateChip = (state) => make("span", { class: `chip ${state}` }, text(`state_${state}`));
export const platformName = (name) =>
  ({ telegram: "Telegram", discord: "Discord", web: text("web") })[name] ?? name;

function step(kind, title, ...more) {
  const drawing = make("span", { class: `sign ${kind}` }, icon({ done: "done", wait: "wait", wrong: "alert" }[kind]));
  const notes = more.filter(Boolean).map((note) => make("span", { class: "more" }, note));
  return make("li", {}, drawing, make("div", {}, make("span", { class: "title" }, title), ...notes));
}

function describeTries(job) {
  const isOver = job.state !== "running" && job.state !== "waiting";
  if (!job.attempts && !job.crashes) return isOver ? null : step("wait", text("waits"));
  const kind = job.state === "running" ? "wait" : job.state === "waiting" || job.state === "dead" ? "wrong" : "done";
  const title = job.state === "running" ? text("now_running") : text("tried");
  const crashes = job.crashes ? textOf("crashes", job.crashes) : null;
  return step(kind, title, textOf("attempts", job.attempts), crashes);
}

function describeDelivery(steps) {
  const { deliveries } = steps;
  if (!deliveries.length) return steps.job.has_reply ? step("wait", text("delivery_none")) : null;
  const isSent = deliveries.every((one) => one.state === "sent");
  const lines = deliveries.map(({ part, state }) =>
    part === null ? text("placeholder", { state: text(state) }) : text("part", { n: part + 1, state: text(state) }),
  );
  return step(isSent ? "done" : "wait", text("delivered"), ...lines);
}

function describeEnd(job) {
  if (!job.finished_at || job.state === "waiting" || job.state === "running") return null;
  const took = formatSeconds(Math.max(0, (new Date(job.finished_at) - new Date(job.received_at)) / 1000));
  const title = text("ended_as", { state: text(`state_${job.state}`) });
  return step(job.state === "dead" ? "wrong" : "done", title, formatMoment(job.finished_at), text("ended_took", { time: took }));
}

function buildSteps(steps) {
  const { job } = steps;
  const heard = steps.has_transcript
    ? step("done", text("heard"), steps.pieces ? textOf("heard_pieces", steps.pieces) : null, text("kept"))
    : null;
  const isOpen = job.state === "waiting" || job.state === "running";
  const saved = job.has_reply
    ? step("done", text("answer_saved"), isOpen ? text("will_end", { state: text(`state_${job.outcome}`) }) : null)
    : null;
  return make(
    "ol",
    { class: "steps" },
    step("done", text("received"), formatMoment(job.received_at), job.has_sound ? text("sound_kept") : null),
    describeTries(job),
    job.is_told ? step("done", text("told")) : null,
    heard,
    saved,
    describeDelivery(steps),
    describeEnd(job),
  );
}

function buildFacts(job) {
  const facts = [
    [text("command"), `/${job.command}`],
    [text("platform"), platformName(job.platform)],
    [text("chat"), job.chat_id],
    [text("next_run"), job.state === "waiting" ? formatMoment(job.run_at) : null],
    [text("error"), job.error ? describeError(job.error) : null],
    [text("error_detail"), job.error.split(/:\s*/).slice(1).join(": ")],
  ];
  const pairs = facts.filter(([, value]) => value);
  return make("dl", { class: "facts" }, ...pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function show(steps, onRetry) {
  const { job } = steps;
  byId("job-title").replaceChildren(text("job", { id: job.job_id }), " ", stateChip(job.state));
  const again = job.state === "dead" ? retryButton(job.job_id, onRetry) : null;
  byId("job-body").replaceChildren(...[buildFacts(job), buildSteps(steps), again].filter(Boolean));
}

/** Show a job; onRetry is called with the result of a retry. */
export async function openJob(jobId, onRetry) {
  const steps = await loadJob(jobId);
  show(steps, async (result) => {
    byId("job").close();
    onRetry(result);
  });
  if (!byId("job").open) byId("job").showModal();
  byId("job-title").focus();
}

/** The Retry button. */
function retryButton(jobId, onRetry) {
  const press = async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    try {
      await retryJob(jobId);
      onRetry({ jobId });
    } catch (error) {
      button.disabled = false;
      onRetry({ jobId, error });
    }
  };
  const label = text("retry_job", { id: jobId });
  return make("button", { type: "button", class: "button small again", "aria-label": label, onclick: press }, icon("again"), text("retry"));
}

/** A row of a list of jobs: a button that opens the job. */
export function jobRow(job, onOpen, onRetry) {
  const isOpen = job.state === "waiting" || job.state === "running";
  const took = job.finished_at ? (new Date(job.finished_at) - new Date(job.received_at)) / 1000 : null;
  const notes = [platformName(job.platform), job.attempts ? textOf("attempts", job.attempts) : null];
  const button = make(
    "button",
    { type: "button", class: "row", onclick: () => onOpen(job.job_id) },
    make("span", { class: "first" }, make("b", {}, `/${job.command}`), onRetry ? null : stateChip(job.state)),
    make("span", { class: "second" }, make("code", {}, job.job_id), ` · ${notes.filter(Boolean).join(" · ")}`),
    job.error ? make("span", { class: "third" }, describeError(job.error)) : null,
    make("span", { class: "side" }, ago(job.received_at)),
    isOpen || onRetry || took === null ? null : make("span", { class: "side low" }, text("took", { time: formatSeconds(Math.max(0, took)) })),
  );
  return make("li", {}, button, onRetry ? retryButton(job.job_id, onRetry) : null);
}
