// The conversation: its entries, how they are sent, and what the server says about them.

import { followEvents, loadHistory, openSession, pressButton, sendMessage } from "./api.js";
import { newId } from "./dom.js";
import { EntryView, beginningOf, isEnded, isSound } from "./entry.js";
import { Stream, wakeSpeaker } from "./speaker.js";
import { formatSize, text } from "./texts.js";

const POLL_MS = 4000;
const SETTLE_MS = 600;

export class Chat {
  /** parts: the elements `log`, `scroll`, `empty`, `link`; the functions `announce`, `complain`, `showAbout`. */
  constructor(parts) {
    this.parts = parts;
    this.entries = new Map();
    this.views = new Map();
    // What was sent from this very page: only here may its answer be heard.
    this.streams = new Map();
    this.maxBytes = Infinity;
    // The entry that the next message asks about.
    this.about = null;
  }

  async open() {
    try {
      this.maxBytes = (await openSession()).max_file_bytes;
    } catch (error) {
      this.parts.complain(error.message);
      setTimeout(() => this.open(), POLL_MS);
      return;
    }
    this.parts.complain("");
    followEvents((event) => this.#hear(event), (isUp) => this.#showLink(isUp));
    await this.reload();
    // Events are the fast way; this is the sure one.
    setInterval(() => {
      if ([...this.entries.values()].some((entry) => !isEnded(entry))) this.reload();
    }, POLL_MS);
  }

  /** Is something only here, and lost if the page is closed? */
  get hasUnsent() {
    return [...this.entries.values()].some(({ fields }) => fields);
  }

  /** Bring the page to what the server has saved. */
  async reload() {
    const saved = await loadHistory().catch(() => []);
    for (const entry of saved) this.#merge(entry);
    this.parts.empty.hidden = this.entries.size > 0;
  }

  sendFile(file, { name = file.name, kind = "", seconds } = {}) {
    if (!file.size) return this.parts.complain(text("no_file"));
    if (file.size > this.maxBytes) {
      return this.parts.complain(text("too_large", { size: formatSize(this.maxBytes) }));
    }
    const shown = { kind: kind || "audio", name, size_bytes: file.size, duration_s: seconds };
    const fields = { kind, duration_s: seconds?.toFixed(2), name, file };
    return this.#send({ text: "", command: "", file: shown, sound: file }, fields);
  }

  sendText(typed) {
    const [, command = "", rest = typed] = /^\/(\w{1,32})(?:\s+([^]*))?$/.exec(typed) ?? [];
    return this.#send({ text: command && rest === typed ? "" : rest, command }, { text: typed });
  }

  /** Let the next message be about an entry and its answer; null takes that back. */
  askAbout(entry) {
    this.about = entry;
    this.parts.showAbout(entry && beginningOf(entry));
  }

  #send(shown, fields) {
    const id = this.#newId("note");
    const sent_at = new Date().toISOString();
    const reply_to = this.about?.id ?? "";
    this.askAbout(null);
    const entry = { ...shown, id, reply_to, sent_at, state: "", reply: null, fields: { id, reply_to, ...fields } };
    this.entries.set(id, entry);
    this.parts.empty.hidden = true;
    return this.#upload(entry);
  }

  async #upload(entry) {
    Object.assign(entry, { phase: entry.file ? "uploading" : "sent", progress: 0, error: "" });
    this.#show(entry, true);
    try {
      const saved = await sendMessage(entry.fields, (share) => {
        entry.progress = share;
        if (entry.phase === "uploading") this.#show(entry);
      });
      entry.phase = "";
      entry.fields = undefined;
      if (saved) this.#merge(saved);
      else this.#merge({ ...entry, state: "cancelled" });
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

  async #press(button) {
    try {
      const saved = await pressButton(this.#newId("press"), button.token);
      if (saved) this.#merge(saved);
      this.parts.complain("");
    } catch (error) {
      this.parts.complain(error.message);
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
    this.parts.announce(words || (reply.files.length ? text("spoken") : ""));
    // How it ended is saved right after the answer was shown.
    setTimeout(() => this.reload(), SETTLE_MS + 50);
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
    const { scroll, log } = this.parts;
    const isAtEnd = isNew || scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 120;
    entry.stream = this.streams.get(entry.id);
    // Without a sound in it the answer is that it failed.
    if (entry.reply?.files.some(isSound)) entry.stream?.complete();
    else if (entry.reply) entry.stream?.stop();
    let view = this.views.get(entry.id);
    if (!view) {
      view = new EntryView({
        press: (button) => this.#press(button),
        resend: (failed) => this.#upload(failed),
        ask: (answered) => this.askAbout(answered),
        find: (id) => this.entries.get(id),
      });
      this.views.set(entry.id, view);
      log.append(view.element);
    }
    view.update(entry);
    if (isAtEnd) scroll.scrollTop = scroll.scrollHeight;
  }

  #showLink(isUp) {
    this.parts.link.textContent = isUp ? "" : text("offline");
    if (isUp) this.reload();
  }
}
