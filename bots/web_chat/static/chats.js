// The list of chats: opening and deleting one. More of it is loaded as people scroll down.

import { address, loadChats, sendMessage } from "./api.js";
import { icon, make, newId } from "./dom.js";
import { text } from "./texts.js";

/** More chats are loaded when less than this is left below. */
const NEAR_PX = 400;
const byId = (id) => document.getElementById(id);

export class ChatList {
  /** act: open(name), called when a chat is chosen; gone(name), when one was deleted; complain. */
  constructor(act) {
    this.act = act;
    this.chats = [];
    // The moment before which the chats are not loaded yet, "" if there are no more.
    this.next = null;
    this.loading = null;
    this.rows = new Map();
    this.current = "";
    this.forgotten = new Set();
    this.sure = byId("sure");
    this.sure.addEventListener("close", () => {
      if (this.sure.returnValue === "yes") this.#forget(this.doomed);
    });
    byId("forget").addEventListener("click", () => this.#ask(this.current));
    byId("chats").parentElement.addEventListener("scroll", () => this.#lookDown(), { passive: true });
  }

  /** The title of a chat. */
  titleOf(name) {
    return this.chats.find((chat) => chat.name === name)?.title || text("new_chat");
  }

  /** Load the list again; it stays as it is while the server cannot be reached. */
  async reload() {
    const newest = await loadChats(this.current).catch(() => null);
    // What was deleted meanwhile. Of a long list only the beginning was loaded.
    if (newest && !newest.next) this.chats = [];
    if (newest) this.#add(newest.chats);
    if (newest && (!newest.next || this.next === null)) this.next = newest.next;
    this.show(this.current);
    this.#lookDown();
  }

  /** Load more chats if the end of the list is near. */
  #lookDown() {
    const { scrollHeight, scrollTop, clientHeight } = byId("chats").parentElement;
    const isFar = byId("chats").hidden || scrollHeight - scrollTop - clientHeight > NEAR_PX;
    if (!this.next || this.loading || isFar) return;
    this.loading = loadChats(this.current, this.next)
      .then(({ chats, next }) => {
        this.loading = null;
        this.next = next;
        this.#add(chats);
        this.show(this.current);
        this.#lookDown();
      })
      // Scrolling again tries again.
      .catch(() => (this.loading = null));
  }

  #add(chats) {
    const known = new Map([...this.chats, ...chats].map((chat) => [chat.name, chat]));
    const shown = [...known.values()].filter(({ name }) => !this.forgotten.has(name));
    this.chats = shown.sort((one, other) => (one.last_at < other.last_at ? 1 : -1));
  }

  /** Draw the list; `current` is the name of the chat that is open. */
  show(current) {
    this.current = current;
    const isListed = this.chats.some(({ name }) => name === current);
    const shown = isListed ? this.chats : [{ name: current, title: "" }, ...this.chats];
    this.#drawList(shown, isListed);
    byId("title").textContent = this.titleOf(current);
    byId("forget").hidden = !isListed;
    document.title = isListed ? `${this.titleOf(current)} – Hearsay` : "Hearsay";
  }

  /** Draw the rows, unless they stand there already: one of them may be about to be pressed. */
  #drawList(shown, isListed) {
    const drawn = JSON.stringify([this.current, shown.map(({ name, title }) => [name, title]), isListed]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const focused = document.activeElement?.closest("#chats a")?.dataset.name;
    this.rows = new Map(shown.map((chat) => this.#keep(chat, isListed)));
    byId("chats").replaceChildren(...this.rows.values());
    if (focused !== undefined) byId("chats").querySelector(`[data-name="${focused}"]`)?.focus();
  }

  /** The row of a chat, drawn anew only if it changes. */
  #keep(chat, isListed) {
    const drawn = JSON.stringify([chat.name, chat.title, chat.name === this.current && [isListed]]);
    return [drawn, this.rows.get(drawn) ?? this.#draw(chat, isListed)];
  }

  #draw({ name, title }, isListed) {
    const shown = title || text("new_chat");
    const isCurrent = name === this.current;
    const link = make("a", { href: address("/", name), "data-name": name, title: shown }, shown);
    if (isCurrent) link.setAttribute("aria-current", "page");
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.act.open(name);
    });
    if (isCurrent && !isListed) return make("li", {}, link);
    const label = text("forget_chat", { title: shown });
    const forget = make("button", { type: "button", class: "round small", "aria-label": label }, icon("trash"));
    forget.addEventListener("click", () => this.#ask(name));
    return make("li", {}, link, forget);
  }

  #ask(name) {
    this.doomed = name;
    this.sure.returnValue = "";
    byId("sure-title").textContent = text("sure_title", { title: this.titleOf(name) });
    this.sure.showModal();
  }

  async #forget(name, id = newId("set")) {
    try {
      await sendMessage(name, { id, text: "/forget me" });
    } catch (error) {
      this.act.complain(error.message, () => this.#forget(name, id));
      return;
    }
    this.forgotten.add(name);
    this.chats = this.chats.filter((chat) => chat.name !== name);
    this.act.gone(name);
  }
}
