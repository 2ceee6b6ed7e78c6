// Messages on their way to the server: uploads, their progress and Cancel, and sending again.

import { Refused, sendMessage } from "./api.js";
import { addLength } from "./length.js";
import { text } from "./texts.js";

const POLL_MS = 4000;
const SETTLE_MS = 600;
/** How often a message is sent again by itself while the events flow. */
const MAX_TRIES = 3;

export class Outbox {
  /** chat: a Chat. on: the functions show(entry, isNew), merge(saved), drop(entry) and move(entry, unsent). */
  constructor(chat, on) {
    this.chat = chat;
    this.on = on;
    // Ids of uploads that were stopped.
    this.stopped = new Set();
  }

  /** Is a message not sent yet, so that closing the page would lose it? */
  get hasUnsent() {
    return [...this.chat.entries.values()].some(({ fields }) => fields);
  }

  /** Send an entry, and show how far it is and how it ended. */
  async upload(entry) {
    const stop = new AbortController();
    Object.assign(entry, { phase: entry.file ? "uploading" : "sent", progress: 0, error: "", isUnsent: false });
    entry.stop = stop;
    this.on.show(entry, true);
    this.chat.parts.onChange(this.chat);
    const prepare = async () => {
      entry.startedAt = Date.now();
      if (!entry.sound) return;
      await checkReadable(entry);
      await addLength(entry);
    };
    const onProgress = (share) => {
      entry.progress = share;
      if (entry.phase === "uploading") this.on.show(entry);
    };
    try {
      // Nobody waits for the upload of a file but the files after it, and what is asked about it.
      const isFile = entry.file || this.chat.entries.get(entry.reply_to)?.fields;
      const queues = isFile ? ["files", "texts"] : ["texts"];
      const options = { queues, onProgress, prepare, like: this.chat.like, signal: stop.signal };
      const saved = await sendMessage(this.chat.name, entry.fields, options);
      entry.phase = "";
      entry.fields = undefined;
      this.#placeSaved(entry);
      this.on.merge(saved ?? { ...entry, state: "cancelled" });
      this.chat.parts.onChange(this.chat, true);
    } catch (error) {
      if (this.chat.closing.signal.aborted) return;
      if (stop.signal.aborted) return this.#stopUpload(entry);
      // A server that is away is no failure: what was sent goes when it is back.
      const isUnsent = !error.status;
      Object.assign(entry, { phase: "failed", error: isUnsent ? text("unsent") : error.message, isUnsent });
      this.on.show(entry);
      this.chat.parts.announce(entry.error);
      // The events may still flow, so that their return will not say when to try again.
      entry.tries = (entry.tries ?? 0) + 1;
      if (isUnsent && entry.tries <= MAX_TRIES) setTimeout(() => this.sendUnsent(), POLL_MS * entry.tries);
    }
  }

  /** The chat was deleted: what is being sent would bring it back. */
  close() {
    for (const { stop } of this.chat.entries.values()) stop?.abort();
  }

  /** The upload was stopped; if it had arrived already, the work on it is cancelled too. */
  #stopUpload(entry) {
    this.stopped.add(entry.id);
    this.on.drop(entry);
    setTimeout(() => this.chat.reload(), SETTLE_MS);
  }

  /** Send what could not be sent, in its order. */
  async sendUnsent() {
    for (const entry of [...this.chat.entries.values()]) {
      if (entry.isUnsent && this.chat.isUp && !this.chat.closing.signal.aborted) await this.upload(entry);
    }
  }

  /** Show what has arrived before what is still being sent: that is its place after a reload. */
  #placeSaved(entry) {
    const all = [...this.chat.entries.values()];
    const place = all.indexOf(entry);
    const unsent = all.slice(0, place).filter(({ fields }) => fields);
    if (!unsent.length) return;
    for (const one of [...unsent, ...all.slice(place + 1)]) {
      this.chat.entries.delete(one.id);
      this.chat.entries.set(one.id, one);
    }
    this.on.move(entry, unsent);
  }
}

/** Throws Refused for a folder, and for a file that has gone or changed since it was chosen. */
async function checkReadable({ sound, file: { name } }) {
  const isReadable = await sound.slice(0, 1).arrayBuffer().then(() => true, () => false);
  if (!isReadable) throw new Refused(text("unreadable", { name }), 400);
}
