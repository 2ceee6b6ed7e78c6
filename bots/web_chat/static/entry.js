// One entry of the conversation: the message on the right, the reply on the left.

import { address } from "./api.js";
import { drawTyped, makeSound } from "./bubble.js";
import { icon, make } from "./dom.js";
import { editInPlace } from "./fix.js";
import { makePlayer } from "./player.js";
import { formatDuration, formatSize, formatTime, text } from "./texts.js";
import { drawTranscript, showMoments } from "./transcript.js";

const BEGINNING_CHARS = 60;
/** More buttons than this are laid out in columns, unless all labels are short. */
const MANY = 6;
const SHORT_CHARS = 12;
/** Commands whose quote is a verbatim transcript. */
const WRITTEN = ["", "transcribe"];
const ENDED = ["done", "refused", "dead", "cancelled"];

/** Is the entry complete, as far as is known? */
export const isEnded = (entry) => Boolean(entry.reply) || ENDED.includes(entry.state) || entry.phase === "failed";

/** Did it end with an error? */
export const isWrong = ({ state }) => state === "refused" || state === "dead";

/** Can it be played? */
export const isSound = (file) => file.mime.startsWith("audio/");

/** The first words of an entry, by which people recognise it. */
export function beginningOf({ reply, text: typed, file }) {
  const words = reply?.quote || reply?.text || typed || file?.name || text("clip");
  const characters = [...words];
  return characters.length > BEGINNING_CHARS ? `${characters.slice(0, BEGINNING_CHARS).join("").trimEnd()} …` : words;
}

/** How much of a file is sent, and how long the rest will take: "40% · 3 of 8 MB · about 10 s left". */
function describeUpload({ progress, file, startedAt }) {
  const percent = text("upload", { percent: Math.floor(progress * 100) });
  const facts = [percent];
  if (file?.size_bytes) {
    const done = formatSize(progress * file.size_bytes);
    facts.push(text("so_far", { done, total: formatSize(file.size_bytes) }));
  }
  const elapsed_s = (Date.now() - startedAt) / 1000;
  if (progress > 0 && progress < 1 && elapsed_s > 1) {
    facts.push(text("left", { clock: formatDuration((elapsed_s * (1 - progress)) / progress) }));
  }
  return facts.join(" · ");
}

/** The list item of an entry; `act` holds press(button, entry), resend, ask, cancel(entry), find(id). */
export class EntryView {
  constructor(chat, act) {
    this.chat = chat;
    this.act = act;
    this.answer = make("div", { class: "answer" });
    this.players = new Map();
    this.element = make("li", { class: "entry" });
    this.mark = () => {};
  }

  /** Show the current state of `entry`; what did not change is not redrawn. */
  update(entry) {
    this.element.dataset.id = entry.id;
    this.element.dataset.sentAt = entry.sent_at;
    this.element.id = `m-${entry.id}`;
    const mine = JSON.stringify([entry.phase, entry.error, entry.file, entry.text, entry.command]);
    // A complete reply is drawn once: a button in it may be about to be pressed.
    const pending = !entry.reply && [entry.phase, entry.state, entry.partial, entry.stream?.isPlaying];
    const answer = JSON.stringify([entry.reply, isWrong(entry), pending]);
    if (mine !== this.lastMine) this.#drawMine(entry);
    if (answer !== this.lastAnswer) this.#drawAnswer(entry);
    if (entry.phase === "uploading") this.#drawProgress(entry);
    else this.upload = null;
    this.lastMine = mine;
    this.lastAnswer = answer;
  }

  #drawMine(entry) {
    this.upload = null;
    this.element.classList.toggle("aside", entry.id.startsWith("set-"));
    if (/^(press|set)-/.test(entry.id)) {
      this.meta = make("p", { class: "meta" });
      this.element.replaceChildren(this.answer);
      if (entry.phase === "failed") this.element.append(this.meta);
    } else {
      const bubble = make("div", { class: "mine" }, make("span", { class: "quiet" }, text("you")));
      const asked = entry.reply_to && this.act.find(entry.reply_to);
      if (asked) bubble.append(make("a", { class: "asked", href: `#m-${asked.id}` }, beginningOf(asked)));
      // A chosen file gets its length when it is being sent.
      if (entry.file?.duration_s !== this.length) this.sound = null;
      this.length = entry.file?.duration_s;
      if (entry.file) this.sound ??= makeSound(this.chat, entry, (second) => this.mark(second));
      if (this.sound) bubble.append(this.sound.element);
      bubble.append(...drawTyped(entry));
      this.meta = make("p", { class: "meta" }, make("time", { datetime: entry.sent_at }, formatTime(entry.sent_at)));
      this.element.replaceChildren(bubble, this.meta, this.answer);
    }
    if (this.stop) this.element.append(this.stop);
    if (entry.phase === "failed") this.#drawFailure(entry);
  }

  #drawFailure(entry) {
    const again = make("button", { type: "button", class: "chip", onclick: () => this.act.resend(entry) }, text("retry"));
    const kind = entry.isUnsent ? "unsent" : "error";
    this.meta.replaceChildren(make("span", { class: kind }, icon("alert"), entry.error), again, this.#drawCancel(entry));
  }

  #drawProgress(entry) {
    if (!this.upload) {
      this.upload = make("span", { class: "upload" });
      this.meta?.replaceChildren(this.upload, this.#drawCancel(entry));
    }
    this.upload.textContent = describeUpload(entry);
  }

  /** The button that stops the upload, or the work on the message. */
  #drawCancel(entry, kind = "chip") {
    return make("button", { type: "button", class: kind, onclick: () => this.act.cancel(entry) }, text("cancel"));
  }

  #drawAnswer(entry) {
    const { reply } = entry;
    // What the person can easily do differently is no error.
    const kind = { dead: " wrong", refused: " hint-box" }[entry.state] ?? "";
    this.answer.className = `answer${kind}`;
    this.answer.setAttribute("aria-busy", String(!isEnded(entry)));
    const buttons = () => [...this.answer.querySelectorAll(".buttons button")];
    const focused = buttons().indexOf(document.activeElement);
    if (reply) this.answer.replaceChildren(...this.#drawReply(entry));
    else if (isEnded(entry)) this.answer.replaceChildren(...drawNothing(entry));
    else if (entry.phase === "uploading") this.answer.replaceChildren();
    else this.answer.replaceChildren(...drawWaiting(entry));
    // Whoever uses the keyboard stays at the button.
    buttons()[focused]?.focus();
    // Not in the answer: that is drawn anew with each word.
    if (isEnded(entry) || entry.phase === "uploading" || !entry.job_id) {
      this.stop?.remove();
      this.stop = null;
    } else if (!this.stop) this.element.append((this.stop = this.#drawCancel(entry, "chip stop")));
  }

  #drawReply(entry) {
    const { text: words, quote, files, is_quote_first } = entry.reply;
    const parts = [];
    const isNote = quote && !is_quote_first;
    if (words) parts.push(make("p", { class: isNote ? "words note" : "words" }, ...this.#drawWords(entry.reply)));
    if (quote) {
      const transcript = this.#drawQuote(entry);
      if (is_quote_first) parts.unshift(transcript);
      else parts.push(transcript);
    }
    const sounds = files.filter(isSound);
    const others = files.filter((file) => !isSound(file));
    if (sounds.length) parts.push(this.#drawSpeech(sounds, entry.stream));
    if (others.length) parts.push(make("div", { class: "files" }, ...others.map((file) => this.#drawFile(file))));
    const row = this.#drawButtons(entry);
    if (row.childElementCount) parts.push(row);
    return parts;
  }

  #drawQuote(entry) {
    const { quote, transcript, marks } = entry.reply;
    const isWritten = transcript && WRITTEN.includes(entry.command);
    const title = entry.command === "voice" ? "sentence" : "transcript";
    const find = (form = "") => address(transcript + form, this.chat);
    const card = drawTranscript(quote, title, isWritten ? find : null, marks);
    if (isWritten && this.sound) this.mark = showMoments(card, find(), this.sound.playFrom, quote, marks);
    return card;
  }

  #drawButtons(entry) {
    const { text: words, quote, buttons } = entry.reply;
    const isMany = buttons.length > MANY && buttons.some(({ label }) => label.length > SHORT_CHARS);
    const row = make("div", { class: isMany ? "buttons many" : "buttons" });
    if (entry.can_ask && (words || quote) && !isWrong(entry)) row.append(this.#drawAsk(entry));
    row.append(...buttons.map((button) => this.#drawButton(button, entry)));
    if (entry.reply.can_fix) row.append(this.#drawFix(entry));
    return row;
  }

  /** The text with its links; a link to an unknown entry stays text. */
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

  #drawFix(entry) {
    const edit = () => {
      const card = this.answer.querySelector("section.transcript");
      if (card) editInPlace(card, entry.reply.quote, (edited) => this.act.correct(entry, edited));
    };
    return make("button", { type: "button", class: "chip", onclick: edit }, text("fix"));
  }

  #drawAsk(entry) {
    const label = entry.reply.quote ? "ask_transcript" : "ask_answer";
    const button = { type: "button", class: "chip ask", "aria-label": text(label), onclick: () => this.act.ask(entry) };
    return make("button", button, icon("ask"), text("ask"));
  }

  /** The players of the reply, each made once: it may be playing. The last one was streamed. */
  #drawSpeech(sounds, stream) {
    const rows = sounds.map((file, index) => {
      const isStreamed = index === sounds.length - 1;
      if (!this.players.has(file.url)) {
        const options = { seconds: file.duration_s, stream: isStreamed ? stream : undefined };
        this.players.set(file.url, makePlayer(address(file.url, this.chat), options).element);
      }
      const title = file.title && sounds.length > 1 && make("span", { class: "name" }, file.title);
      return make("div", { class: "spoken" }, title || null, this.players.get(file.url), this.#drawSave(file));
    });
    return make("div", { class: "speech" }, ...rows);
  }

  #drawFile(file) {
    const name = make("span", { class: "name" }, file.name);
    return this.#drawSave(file, "file", name, make("span", { class: "facts" }, formatSize(file.size_bytes)));
  }

  #drawSave(file, kind = "round small", ...shown) {
    const label = `${text("save", { name: file.name })}, ${formatSize(file.size_bytes)}`;
    const href = address(file.url, this.chat);
    return make("a", { class: kind, href, download: file.name, "aria-label": label }, icon("save"), ...shown);
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
