// One chat: its entries, sending messages, and events from the server.

import { followEvents, openSession, pressButton } from "./api.js";
import { make, newId } from "./dom.js";
import { EntryView, beginningOf, isEnded, isSound, isWrong } from "./entry.js";
import { History } from "./history.js";
import { Outbox } from "./outbox.js";
import { Stream, wakeSpeaker } from "./speaker.js";
import { formatSize, text } from "./texts.js";

/** Starts the token of a job's Cancel button; the job's id follows. */
const CANCEL_TOKEN = "_cancel_job_";
const POLL_MS = 4000;
const SETTLE_MS = 600;

const makeLog = (...elements) => make("ol", { class: "log", "aria-label": text("log") }, ...elements);

export class Chat {
  /**
   * name: "" for the first chat. like: the chat whose settings a new one copies.
   * parts: `scroll` and the functions announce, complain(sentence, retry), showAbout(words),
   * showLink(isUp, retry), onChange().
   */
  constructor(name, parts, like = "") {
    this.name = name;
    this.parts = parts;
    this.like = like;
    // One list for the newest entries, and one for each time that older ones were loaded.
    this.newest = makeLog();
    this.log = make("div", {}, this.newest);
    this.history = new History(name, this.log, parts.scroll, (older) => this.#addOlder(older));
    this.entries = new Map();
    this.views = new Map();
    // Messages sent from this page: only here their replies are played while they arrive.
    this.streams = new Map();
    this.outbox = new Outbox(this, {
      show: (entry, isNew) => this.#show(entry, isNew),
      merge: (saved) => this.#showSaved([saved]),
      drop: (entry) => this.#drop(entry),
      move: (entry, unsent) => this.#elementOf(entry).after(...unsent.map(this.#elementOf)),
    });
    this.maxBytes = Infinity;
    this.closing = new AbortController();
    this.isShown = false;
    this.isLoaded = false;
    this.isUp = true;
    // The entry that the next message asks about, and whether the page chose it.
    this.about = null;
    this.isGuess = false;
    this.isAboutNothing = false;
  }

  async open() {
    clearTimeout(this.opening);
    try {
      const session = await openSession();
      this.maxBytes = session.max_file_bytes;
      document.getElementById("attach").title = text("attach_limit", { size: formatSize(this.maxBytes) });
      document.body.classList.toggle("voiceless", !session.has_voices);
    } catch (error) {
      this.parts.complain(error.message, () => this.open());
      this.opening = setTimeout(() => this.open(), POLL_MS);
      return;
    }
    this.parts.complain("");
    const { signal } = this.closing;
    if (signal.aborted) return;
    addEventListener("online", () => this.outbox.sendUnsent(), { signal });
    this.reconnect = followEvents(this.name, (event) => this.#receive(event), (isUp) => this.#noteLink(isUp), signal);
    await this.reload();
    this.parts.onChange(this, true);
    // In case an event is lost.
    const looking = setInterval(() => {
      if ([...this.entries.values()].some((entry) => !isEnded(entry))) this.reload();
    }, POLL_MS);
    signal.addEventListener("abort", () => clearInterval(looking));
  }

  /** The chat was deleted: nothing more is sent or received. */
  close() {
    clearTimeout(this.opening);
    this.closing.abort();
    this.outbox.close();
  }

  get isEmpty() {
    return this.isLoaded && !this.entries.size;
  }

  /** The last reply that can be asked about. */
  get latest() {
    return [...this.entries.values()].findLast((entry) => entry.can_ask && entry.reply && !isWrong(entry)) ?? null;
  }

  /** Load the history from the server. */
  async reload() {
    const known = [...this.entries.values()].filter(({ job_id, fields }) => job_id && !fields);
    try {
      const last = await this.history.loadLast();
      const ids = new Set(last.map(({ id }) => id));
      // What was deleted meanwhile. Of a long history only the end was loaded.
      if (this.history.isWhole) for (const entry of known) if (!ids.has(entry.id)) this.#drop(entry);
      this.#showSaved(last);
      this.history.separateDays();
      if (!this.isLoaded) this.history.scrollToLast();
      this.isLoaded = true;
      this.parts.onChange(this);
    } catch (error) {
      if (!this.isLoaded) this.parts.complain(error.message, () => this.reload());
    }
  }

  /** Send a file; returns why it cannot be sent, or "". */
  sendFile(file, { name = file.name, kind = "", seconds } = {}) {
    if (!file.size) return text("empty_file", { name });
    if (file.size > this.maxBytes) return text("too_large", { name, size: formatSize(this.maxBytes) });
    if (this.isGuess) this.askAbout(null);
    const shown = { kind: kind || "audio", name, size_bytes: file.size, duration_s: seconds };
    const fields = { kind, duration_s: seconds?.toFixed(2), name, file };
    this.#send({ text: "", command: "", file: shown, sound: file }, fields);
    return "";
  }

  /** kind: "set" for what is shown as a note only. */
  sendText(typed, kind = "note") {
    const [, command = "", rest = typed] = /^\/(\w{1,32})(?:\s+([^]*))?$/.exec(typed) ?? [];
    return this.#send({ text: command && rest === typed ? "" : rest, command }, { text: typed }, kind);
  }

  /** Make the next message a question about an entry; null cancels that. */
  askAbout(entry, isGuess = false) {
    this.about = entry;
    this.isGuess = isGuess;
    if (this.isShown) this.parts.showAbout(entry && beginningOf(entry), isGuess);
  }

  /** The person cancelled the follow-up. */
  leaveAbout() {
    this.isAboutNothing = true;
    this.askAbout(null);
  }

  /** Plain text is a follow-up to the last reply, unless the person cancels that. */
  guessAbout(typed) {
    const isPlain = Boolean(typed.trim()) && !typed.startsWith("/");
    if (isPlain && !this.about && !this.isAboutNothing && this.latest) this.askAbout(this.latest, true);
    else if (!isPlain && this.isGuess) this.askAbout(null);
    if (!typed) this.isAboutNothing = false;
  }

  show() {
    this.isShown = true;
    this.parts.showAbout(this.about && beginningOf(this.about), true);
    this.parts.showLink(this.isUp, this.reconnect);
    this.history.scrollToLast();
  }

  hide() {
    this.isShown = false;
  }

  async #send(shown, fields, kind = "note") {
    const id = this.#newId(kind);
    const sent_at = new Date().toISOString();
    const isAsked = kind === "note" && !(this.isGuess && shown.command);
    const reply_to = (isAsked && this.about?.id) || "";
    if (kind === "note") {
      this.askAbout(null);
      this.isAboutNothing = false;
    }
    const entry = { ...shown, id, reply_to, sent_at, state: "", reply: null, fields: { id, reply_to, ...fields } };
    this.entries.set(id, entry);
    await this.outbox.upload(entry);
    return entry;
  }

  /** Replace the text of a transcript. */
  #correct({ id: reply_to }, edited) {
    return this.#send({ text: edited, command: "fix" }, { text: `/fix ${edited}`, reply_to }, "set");
  }

  /** Stop an upload, or the work on a message. */
  #cancel(entry) {
    if (!entry.fields) return this.#press({ token: CANCEL_TOKEN + entry.job_id });
    if (entry.phase === "uploading") return entry.stop.abort();
    return this.#drop(entry);
  }

  #addOlder(older) {
    const known = this.entries;
    this.entries = new Map();
    for (const entry of older.filter(({ id }) => !known.has(id))) this.#merge(entry);
    this.log.prepend(makeLog(...[...this.entries.values()].map(this.#elementOf)));
    this.entries = new Map([...this.entries, ...known]);
  }

  /** Scroll to an entry, however old, and point it out. */
  async reveal(id) {
    while (!this.entries.has(id) && (await this.history.loadOlder()));
    const element = this.views.get(id)?.element;
    element?.scrollIntoView({ block: "center" });
    element?.classList.remove("found");
    requestAnimationFrame(() => element?.classList.add("found"));
  }

  #drop(entry) {
    this.entries.delete(entry.id);
    this.views.get(entry.id)?.element.remove();
    this.views.delete(entry.id);
    this.parts.onChange(this);
  }

  #elementOf = ({ id }) => this.views.get(id).element;

  #newId(kind) {
    const id = newId(kind);
    wakeSpeaker();
    this.streams.set(id, new Stream(() => this.entries.has(id) && this.#show(this.entries.get(id))));
    return id;
  }

  async #press(button, id = this.#newId("press")) {
    try {
      const saved = await pressButton(this.name, id, button.token);
      if (saved) this.#showSaved([saved]);
      this.parts.complain("");
    } catch (error) {
      this.parts.complain(error.message, () => this.#press(button, id));
    }
  }

  #receive({ type, id, text: partial, reply, ...sound }) {
    if (type === "sound") {
      this.streams.get(id)?.feed(sound);
      return;
    }
    const entry = this.entries.get(id);
    // The server may have missed events, or the entry is from another page.
    if (type === "reload" || !entry) {
      this.reload();
      return;
    }
    if (type === "text") entry.partial = partial;
    else this.#settle(entry, reply);
    this.#show(entry);
  }

  #settle(entry, reply) {
    Object.assign(entry, { reply, partial: "", phase: "", settledAt: Date.now() });
    const words = [reply.text, reply.quote].filter(Boolean).join(" ").slice(0, 600);
    if (this.isShown) this.parts.announce(words || (reply.files.length ? text("spoken") : ""));
    // The final state is saved right after the reply was shown.
    setTimeout(async () => {
      await this.reload();
      this.parts.onChange(this, true);
    }, SETTLE_MS + 50);
  }

  /** Show saved entries; the page is measured once for all of them. */
  #showSaved(entries) {
    const { isAtEnd } = this.history;
    for (const entry of entries) this.#merge(entry);
    if (isAtEnd && this.isLoaded) this.history.scrollToLast();
  }

  #merge(saved) {
    const entry = this.entries.get(saved.id) ?? {};
    // A history requested before the reply arrived must not remove it.
    const isOlder = !saved.reply && Date.now() - (entry.settledAt ?? 0) < SETTLE_MS;
    const { reply, state } = isOlder ? entry : saved;
    Object.assign(entry, saved, { reply, state });
    if (reply) entry.partial = "";
    this.entries.set(saved.id, entry);
    this.#draw(entry);
    if (this.outbox.stopped.delete(saved.id) && !isEnded(entry)) this.#cancel(entry);
  }

  #show(entry, isNew = false) {
    const isAtEnd = isNew || this.history.isAtEnd;
    this.#draw(entry);
    if (isNew) this.history.separateDays();
    if (isAtEnd && (this.isLoaded || isNew)) this.history.scrollToLast();
  }

  #draw(entry) {
    entry.stream = this.streams.get(entry.id);
    // A reply without audio means that synthesis failed.
    if (entry.reply?.files.some(isSound)) entry.stream?.complete();
    else if (entry.reply) entry.stream?.stop();
    let view = this.views.get(entry.id);
    if (!view) {
      view = new EntryView(this.name, {
        press: (button) => this.#press(button),
        resend: (failed) => this.outbox.upload(failed),
        cancel: (open) => this.#cancel(open),
        correct: (entry, edited) => this.#correct(entry, edited),
        ask: (answered) => this.askAbout(answered),
        find: (id) => this.entries.get(id),
      });
      this.views.set(entry.id, view);
      this.newest.append(view.element);
    }
    view.update(entry);
  }

  #noteLink(isUp) {
    this.isUp = isUp;
    if (this.isShown) this.parts.showLink(isUp, this.reconnect);
    if (isUp && this.isLoaded) this.reload();
    if (isUp) this.outbox.sendUnsent();
  }
}
