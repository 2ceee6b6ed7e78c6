// The card of a transcript: text, timestamps and downloads.

import { loadMoments } from "./api.js";
import { icon, make } from "./dom.js";
import { formatDuration, text } from "./texts.js";

const LONG_CHARS = 900;
const FORMS = ["txt", "srt", "vtt"];
const DONE_MS = 1500;

/**
 * The card of `words`; find("/txt") returns the URL of a file format, null = no downloads.
 * marks: {start, end} of each corrected phrase in `words`.
 */
export function drawTranscript(words, title, find = null, marks = []) {
  const body = make("blockquote", {}, ...drawMarked(words, marks));
  const tools = make("div", { class: "tools" }, drawCopy(words));
  if (find) tools.append(...FORMS.map((form) => drawForm(form, find(`/${form}`))));
  const head = make("div", { class: "head" }, make("span", {}, text(title)), tools);
  const card = make("section", { class: "transcript", "aria-label": text(title) }, head, body);
  if (words.length > LONG_CHARS) {
    body.classList.add("folded");
    const more = make("button", { type: "button", class: "more", "aria-expanded": "false" }, text("show_all"));
    more.addEventListener("click", () => {
      const isFolded = body.classList.toggle("folded");
      more.textContent = text(isFolded ? "show_all" : "show_less");
      more.setAttribute("aria-expanded", String(!isFolded));
    });
    card.append(more);
  }
  return card;
}

/**
 * Show the timestamps at `path` in a card once loaded; a recording of one segment has none.
 * Returns a function that highlights the segment at a second.
 */
export function showMoments(card, path, playFrom, words = "", marks = []) {
  let lines = [];
  loadMoments(path)
    .then((moments) => {
      if (moments.length < 2) return;
      let at = 0;
      lines = moments.map((moment) => {
        const start = words.indexOf(moment.text, at);
        const shifted = start < 0 ? [] : marks.map((mark) => ({ start: mark.start - start, end: mark.end - start }));
        at = start < 0 ? at : start + moment.text.length;
        return drawMoment(moment, playFrom, shifted);
      });
      card.querySelector("blockquote").replaceChildren(...lines.map(({ element }) => element));
    })
    // The text stays without them.
    .catch(() => {});
  return (second) => {
    const now = lines.findLast(({ start_s }) => start_s <= second);
    for (const line of lines) line.element.classList.toggle("now", line === now);
  };
}

/** The text with each mark inside it underlined. */
function drawMarked(words, marks) {
  const nodes = [];
  let at = 0;
  for (const { start, end } of marks) {
    if (start < at || end <= start || end > words.length) continue;
    nodes.push(words.slice(at, start), make("u", {}, words.slice(start, end)));
    at = end;
  }
  return [...nodes, words.slice(at)];
}

function drawMoment({ start_s, text: words }, playFrom, marks) {
  const clock = formatDuration(Math.floor(start_s));
  const label = text("play_from", { clock });
  const button = { type: "button", class: "moment", "aria-label": label, onclick: () => playFrom(start_s) };
  return { start_s, element: make("p", {}, make("button", button, clock), " ", make("span", {}, ...drawMarked(words, marks))) };
}

function drawForm(form, href) {
  return make("a", { class: "copy", href, download: "", "aria-label": text("save", { name: `.${form}` }) }, `.${form}`);
}

/** Browsers give the clipboard to safe pages only, and may refuse it: then the words are marked, ready to be copied. */
async function copy(words, element) {
  try {
    await navigator.clipboard.writeText(words);
  } catch {
    getSelection().selectAllChildren(element);
    document.execCommand("copy");
  }
}

function drawCopy(words) {
  const label = make("span", {}, text("copy"));
  const button = make("button", { type: "button", class: "copy" }, icon("copy"), label);
  button.addEventListener("click", async () => {
    await copy(words, button.closest(".transcript").querySelector("blockquote"));
    button.replaceChildren(icon("done"), make("span", { role: "status" }, text("copied")));
    setTimeout(() => button.replaceChildren(icon("copy"), label), DONE_MS);
  });
  return button;
}
