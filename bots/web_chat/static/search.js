// The search box above the chats: finds words in what was said in any of them.

import { findWords } from "./api.js";
import { make } from "./dom.js";
import { formatTime, text } from "./texts.js";

const byId = (id) => document.getElementById(id);
const PAUSE_MS = 250;

/** Connect the box; show(chat, id) opens a result. */
export function openSearch(show) {
  const box = byId("search");
  const list = byId("found");
  let waiting = 0;
  /** found: the results, or why there are none. */
  const draw = (found) => {
    if (found instanceof Error) return list.replaceChildren(make("li", { class: "none" }, found.message));
    const rows = found.map(({ chat, id, sent_at, excerpt }) => {
      const open = () => show(chat, id);
      return make("li", {}, make("button", { type: "button", onclick: open }, excerpt, make("small", {}, formatTime(sent_at))));
    });
    list.replaceChildren(...(rows.length ? rows : [make("li", { class: "none" }, text("search_none"))]));
  };
  const find = async () => {
    const words = box.value.trim();
    byId("chats").hidden = Boolean(words);
    list.hidden = !words;
    if (!words) return list.replaceChildren();
    const found = await findWords(words).catch((error) => error);
    return box.value.trim() === words && draw(found);
  };
  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(find, PAUSE_MS);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    box.value = "";
    find();
  });
}
