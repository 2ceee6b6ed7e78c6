// One conversation: its entries, how they are sent, and what the server says about them.

import { followEvents, loadHistory, openSession, pressButton, sendMessage } from "./api.js";
import { make, newId } from "./dom.js";
import { EntryView, beginningOf, isEnded, isSound, isWrong } from "./entry.js";
import { Stream, wakeSpeaker } from "./speaker.js";
import { formatSize, text } from "./texts.js";

const POLL_MS = 4000;
const SETTLE_MS = 600;

export class Chat {
  /**
   * name: "" for the first chat. like: the name of the chat that a new one begins like.
   * parts: `scroll` and the functions announce, complain(sentence, retry), showAbout(words),
   * showLink(isUp, retry), onChange().
   */
  constructor(name, parts, like = "") {
    this.name = name;
    this.parts = parts;
    this.like = like;
    this.log = make("ol", { class: "log", "aria-label": text("log") });
    this.entries = new Map();
    this.views = new Map();
    // What was sent from this very page: only here may its answer be heard.
    this.streams = new Map();
    this.maxBytes = Infinity;
    this.isShown = false;
    this.isLoaded = false;
    this.isUp = true;
    // The entry that the next message asks about, and whether the page chose it by itself.
    this.about = null;
    this.isGuess = false;
    this.isAboutNothing = false;
  }

  async open() {
    clearTimeout(this.opening);
    try {
      this.maxBytes = (await openSession()).max_file_bytes;
    } catch (error) {
      this.parts.complain(error.message, () => this.open());
      this.opening = setTimeout(() => this.open(), POLL_MS);
      return;
    }
    this.parts.complain("");
    this.reconnect = followEvents(this.name, (event) => this.#hear(event), (isUp) => this.#noteLink(isUp));
    await this.reload();
    this.parts.onChange(this, true);
    // Events are the fast way; this is the sure one.
    setInterval(() => {
      if ([...this.entries.values()].some((entry) => !isEnded(entry))) this.reload();
    }, POLL_MS);
  }

  /** Is something only here, and lost if the page is closed? */
  get hasUnsent() {
    return [...this.entries.values()].some(({ fields }) => fields);
  }

  get isEmpty() {
    return this.isLoaded && !this.entries.size;
  }

  /** The last answer that can be asked about. */
  get latest() {
    return [...this.entries.values()].findLast((entry) => entry.can_ask && entry.reply && !isWrong(entry)) ?? null;
  }

  /** Bring the page to what the server has saved. */
  async reload() {
    try {
      for (const entry of await loadHistory(this.name)) this.#merge(entry);
      this.isLoaded = true;
      this.parts.onChange(this);
    } catch (error) {
      if (!this.isLoaded) this.parts.complain(error.message, () => this.reload());
    }
  }

  sendFile(file, { name = file.name, kind = "", seconds } = {}) {
    if (!file.size) return this.parts.complain(text("no_file"));
    if (file.size > this.maxBytes) {
      return this.parts.complain(text("too_large", { size: formatSize(this.maxBytes) }));
    }
    if (this.isGuess) this.askAbout(null);
    const shown = { kind: kind || "audio", name, size_bytes: file.size, duration_s: seconds };
    const fields = { kind, duration_s: seconds?.toFixed(2), name, file };
    return this.#send({ text: "", command: "", file: shown, sound: file }, fields);
  }

  /** kind: "set" for what is shown as a note only. */
  sendText(typed, kind = "note") {
    const [, command = "", rest = typed] = /^\/(\w{1,32})(?:\s+([^]*))?$/.exec(typed) ?? [];
    return this.#send({ text: command && rest === typed ? "" : rest, command }, { text: typed }, kind);
  }

  /** Let the next message be about an entry and its answer; null takes that back. */
  askAbout(entry, isGuess = false) {
    this.about = entry;
    this.isGuess = isGuess;
    if (this.isShown) this.parts.showAbout(entry && beginningOf(entry), isGuess);
  }

  /** The person wants the next message to be about nothing. */
  leaveAbout() {
    this.isAboutNothing = true;
    this.askAbout(null);
  }

  /** Plain words are about the last answer, unless the person says otherwise. */
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
    this.parts.scroll.scrollTop = this.parts.scroll.scrollHeight;
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
    await this.#upload(entry);
    return entry;
  }

  async #upload(entry) {
    Object.assign(entry, { phase: entry.file ? "uploading" : "sent", progress: 0, error: "" });
    this.#show(entry, true);
    this.parts.onChange(this);
    const onProgress = (share) => {
      entry.progress = share;
      if (entry.phase === "uploading") this.#show(entry);
    };
    try {
      const saved = await sendMessage(this.name, entry.fields, { onProgress, like: this.like });
      entry.phase = "";
      entry.fields = undefined;
      this.#merge(saved ?? { ...entry, state: "cancelled" });
      this.parts.onChange(this, true);
    } catch (error) {
      Object.assign(entry, { phase: "failed", error: error.message });
      this.#show(entry);
      this.parts.announce(error.message);
    }
  }

  #newId(kind) {
    const id = newId(kind);
    wakeSpeaker();
    this.streams.set(id, new Stream(() => this.entries.has(id) && this.#show(this.entries.get(id))));
    return id;
  }

  async #press(button, id = this.#newId("press")) {
    try {
      const saved = await pressButton(this.name, id, button.token);
      if (saved) this.#merge(saved);
      this.parts.complain("");
    } catch (error) {
      this.parts.complain(error.message, () => this.#press(button, id));
    }
  }

  #hear({ type, id, text: partial, reply, ...sound }) {
    if (type === "sound") {
      this.streams.get(id)?.feed(sound);
      return;
    }
    const entry = this.entries.get(id);
    if (!entry) {
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
    // How it ended is saved right after the answer was shown.
    setTimeout(async () => {
      await this.reload();
      this.parts.onChange(this, true);
    }, SETTLE_MS + 50);
  }

  #merge(saved) {
    const entry = this.entries.get(saved.id) ?? {};
    // A list that was asked for before the answer came must not take the answer away.
    const isOlder = !saved.reply && Date.now() - (entry.settledAt ?? 0) < SETTLE_MS;
    const { reply, state } = isOlder ? entry : saved;
    Object.assign(entry, saved, { reply, state });
    if (reply) entry.partial = "";
    this.entries.set(saved.id, entry);
    this.#show(entry);
  }

  #show(entry, isNew = false) {
    const { scroll } = this.parts;
    const isAtEnd = isNew || scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 120;
    entry.stream = this.streams.get(entry.id);
    // Without a sound in it the answer is that it failed.
    if (entry.reply?.files.some(isSound)) entry.stream?.complete();
    else if (entry.reply) entry.stream?.stop();
    let view = this.views.get(entry.id);
    if (!view) {
      view = new EntryView(this.name, {
        press: (button) => this.#press(button),
        resend: (failed) => this.#upload(failed),
        ask: (answered) => this.askAbout(answered),
        find: (id) => this.entries.get(id),
      });
      this.views.set(entry.id, view);
      this.log.append(view.element);
    }
    view.update(entry);
    if (isAtEnd && this.isShown) scroll.scrollTop = scroll.scrollHeight;
  }

  #noteLink(isUp) {
    this.isUp = isUp;
    if (this.isShown) this.parts.showLink(isUp, this.reconnect);
    if (isUp && this.isLoaded) this.reload();
  }
}
