// One entry of the conversation: what was sent on the right, the answer on the left.

import { icon, make } from "./dom.js";
import { makePlayer } from "./player.js";
import { formatDuration, formatSize, formatTime, text } from "./texts.js";

const LONG_CHARS = 900;
const BEGINNING_CHARS = 60;
/** More buttons than this stand in columns, unless all labels are short. */
const MANY = 6;
const SHORT_CHARS = 12;
const ENDED = ["done", "refused", "dead", "cancelled"];

/** Is nothing more to come for this entry, as far as is known? */
export const isEnded = (entry) => Boolean(entry.reply) || ENDED.includes(entry.state) || entry.phase === "failed";

const isWrong = ({ state }) => state === "refused" || state === "dead";

/** The first words of an entry, by which people know it again. */
export function beginningOf({ reply, text: typed, file }) {
  const words = reply?.quote || reply?.text || typed || file?.name || text("clip");
  return words.length > BEGINNING_CHARS ? `${words.slice(0, BEGINNING_CHARS).trimEnd()} …` : words;
}

/** The list item of an entry; `act` holds press(button, entry), resend(entry), ask(entry), find(id). */
export class EntryView {
  constructor(act) {
    this.act = act;
    this.answer = make("div", { class: "answer" });
    this.players = new Map();
    this.element = make("li", { class: "entry" });
  }

  /** Show `entry` as it is now; what did not change is left alone. */
  update(entry) {
    this.element.dataset.id = entry.id;
    this.element.id = `m-${entry.id}`;
    const mine = JSON.stringify([entry.phase, entry.error, entry.file, entry.text, entry.command]);
    // An answer that stands is drawn once: a button in it may be about to be pressed.
    const pending = !entry.reply && [entry.phase, entry.state, entry.partial, entry.stream?.isPlaying];
    const answer = JSON.stringify([entry.reply, isWrong(entry), pending]);
    if (mine !== this.lastMine) this.#drawMine(entry);
    if (answer !== this.lastAnswer) this.#drawAnswer(entry);
    if (entry.phase === "uploading") this.#drawProgress(entry);
    this.lastMine = mine;
    this.lastAnswer = answer;
  }

  #drawMine(entry) {
    if (entry.id.startsWith("press-")) {
      this.element.replaceChildren(this.answer);
      return;
    }
    const bubble = make("div", { class: "mine" }, make("span", { class: "quiet" }, text("you")));
    const asked = entry.reply_to && this.act.find(entry.reply_to);
    if (asked) bubble.append(make("a", { class: "asked", href: `#m-${asked.id}` }, beginningOf(asked)));
    if (entry.file) bubble.append(this.#drawSound(entry));
    const typed = entry.command ? `/${entry.command} ${entry.text}`.trim() : entry.text;
    if (typed) bubble.append(make("p", { class: entry.command ? "typed command" : "typed" }, typed));
    this.meta = make("p", { class: "meta" }, make("time", { datetime: entry.sent_at }, formatTime(entry.sent_at)));
    this.element.replaceChildren(bubble, this.meta, this.answer);
    if (entry.phase === "failed") this.#drawFailure(entry);
  }

  #drawSound(entry) {
    const { kind, name, size_bytes, duration_s } = entry.file;
    if (entry.sound) this.player ??= makePlayer(entry.sound, { seconds: duration_s });
    const facts = [duration_s ? formatDuration(duration_s) : "", size_bytes ? formatSize(size_bytes) : ""];
    const label = kind === "voice" ? text("clip") : name;
    const title = make(
      "div",
      { class: "sound" },
      icon(kind === "document" ? "file" : "sound"),
      make("span", { class: "name" }, label),
      make("span", { class: "facts" }, facts.filter(Boolean).join(" · ")),
    );
    if (!this.player) return title;
    return kind === "voice" ? this.player : make("div", {}, title, this.player);
  }

  #drawFailure(entry) {
    const again = make("button", { type: "button", class: "chip", onclick: () => this.act.resend(entry) }, text("retry"));
    this.meta.replaceChildren(make("span", { class: "error" }, icon("alert"), entry.error), again);
  }

  #drawProgress(entry) {
    this.meta?.replaceChildren(text("upload", { percent: Math.round(entry.progress * 100) }));
  }

  #drawAnswer(entry) {
    const { reply } = entry;
    this.answer.className = isWrong(entry) ? "answer wrong" : "answer";
    this.answer.setAttribute("aria-busy", String(!isEnded(entry)));
    if (reply) this.answer.replaceChildren(...this.#drawReply(entry));
    else if (isEnded(entry)) this.answer.replaceChildren(...drawNothing(entry));
    else this.answer.replaceChildren(...(entry.phase === "uploading" ? [] : drawWaiting(entry)));
  }

  #drawReply(entry) {
    const { text: words, quote, files, buttons, is_quote_first } = entry.reply;
    const parts = [];
    const isNote = quote && !is_quote_first;
    if (words) parts.push(make("p", { class: isNote ? "words note" : "words" }, ...this.#drawWords(entry.reply)));
    if (quote) {
      const transcript = drawTranscript(quote, entry.command === "voice" ? "sentence" : "transcript");
      if (is_quote_first) parts.unshift(transcript);
      else parts.push(transcript);
    }
    const sounds = files.filter(isSound);
    const others = files.filter((file) => !isSound(file));
    if (sounds.length) parts.push(this.#drawSpeech(sounds, entry.stream));
    if (others.length) parts.push(make("div", { class: "files" }, ...others.map(drawFile)));
    if (buttons.length) {
      const isMany = buttons.length > MANY && buttons.some(({ label }) => label.length > SHORT_CHARS);
      const row = make("div", { class: isMany ? "buttons many" : "buttons" });
      row.append(...buttons.map((button) => this.#drawButton(button, entry)));
      parts.push(row);
    }
    if (entry.can_ask && (words || quote) && !isWrong(entry)) parts.push(this.#drawAsk(entry));
    return parts;
  }

  /** The text with its links; one that leads to no entry of the page is text. */
  #drawWords({ text: words, links = [] }) {
    const nodes = [];
    let at = 0;
    for (const { start, end, id } of [...links].sort((a, b) => a.start - b.start)) {
      if (start < at || end <= start || !this.act.find(id)) continue;
      nodes.push(words.slice(at, start), make("a", { href: `#m-${id}` }, words.slice(start, end)));
      at = end;
    }
    return [...nodes, words.slice(at)];
  }

  #drawAsk(entry) {
    const label = entry.reply.quote ? "ask_transcript" : "ask_answer";
    const button = { type: "button", class: "ask", "aria-label": text(label), onclick: () => this.act.ask(entry) };
    return make("button", button, icon("ask"), text("ask"));
  }

  /** The players of what was spoken, each made once: it may be playing. The last one was streamed. */
  #drawSpeech(sounds, stream) {
    const rows = sounds.map((file, index) => {
      const isStreamed = index === sounds.length - 1;
      if (!this.players.has(file.url)) {
        const options = { seconds: file.duration_s, stream: isStreamed ? stream : undefined };
        this.players.set(file.url, makePlayer(file.url, options));
      }
      const title = file.title && make("span", { class: "name" }, file.title);
      return make("div", { class: "spoken" }, title || null, this.players.get(file.url), drawSave(file));
    });
    return make("div", { class: "speech" }, ...rows);
  }

  #drawButton(button, entry) {
    const [name, ...facts] = button.label.split(" · ");
    const element = make("button", { type: "button", class: "chip", "data-token": button.token }, name);
    if (facts.length) element.append(" ", make("small", {}, facts.join(" · ")));
    element.addEventListener("click", async () => {
      element.disabled = true;
      await this.act.press(button, entry);
      element.disabled = false;
    });
    return element;
  }
}

function drawNothing(entry) {
  const key = { refused: "refused", dead: "dead" }[entry.state];
  return key ? [make("p", { class: "words" }, text(key))] : [];
}

function drawWaiting(entry) {
  const parts = [];
  if (entry.partial) parts.push(make("p", { class: "words partial" }, entry.partial));
  if (entry.stream?.isPlaying) {
    const stop = make("button", { type: "button", class: "round small", "aria-label": text("stop") }, icon("stop"));
    stop.addEventListener("click", () => entry.stream.stop());
    parts.push(make("p", { class: "waiting speaking" }, drawWaves(), text("speaking"), stop));
  } else if (!entry.partial) {
    parts.push(make("p", { class: "waiting" }, drawWaves(), text(entry.file ? "heard" : "thinking")));
  }
  return parts;
}

function drawWaves() {
  return make("span", { class: "waves", "aria-hidden": "true" }, make("i"), make("i"), make("i"), make("i"));
}

function drawTranscript(words, title) {
  const body = make("blockquote", {}, words);
  const head = make("div", { class: "head" }, make("span", {}, text(title)), drawCopy(words));
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

function drawCopy(words) {
  const label = make("span", {}, text("copy"));
  const button = make("button", { type: "button", class: "copy" }, icon("copy"), label);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(words);
    button.replaceChildren(icon("done"), make("span", { role: "status" }, text("copied")));
    setTimeout(() => button.replaceChildren(icon("copy"), label), 1500);
  });
  return button;
}

/** Can it be played? */
export const isSound = (file) => file.mime.startsWith("audio/");

function drawFile(file) {
  const name = make("span", { class: "name" }, file.name);
  return drawSave(file, "file", name, make("span", { class: "facts" }, formatSize(file.size_bytes)));
}

function drawSave(file, kind = "round small", ...shown) {
  const label = `${text("save", { name: file.name })}, ${formatSize(file.size_bytes)}`;
  return make("a", { class: kind, href: file.url, download: file.name, "aria-label": label }, icon("save"), ...shown);
}
