// Where the page begins.

import { Chat } from "./chat.js";
import { openComposer } from "./composer.js";
import { fillTexts } from "./texts.js";

const byId = (id) => document.getElementById(id);

function complain(sentence) {
  byId("notice").textContent = sentence;
}

function announce(sentence) {
  byId("announce").textContent = sentence;
}

function showAbout(words) {
  byId("about").hidden = words === null;
  byId("about-words").textContent = words ?? "";
  if (words !== null) byId("box").focus();
}

fillTexts(document);
const chat = new Chat({
  log: byId("log"),
  scroll: byId("scroll"),
  empty: byId("empty"),
  link: byId("link"),
  announce,
  complain,
  showAbout,
});
byId("about-off").addEventListener("click", () => chat.askAbout(null));
byId("box").addEventListener("keydown", (event) => event.key === "Escape" && chat.askAbout(null));
openComposer(chat, { announce, complain });
window.addEventListener("beforeunload", (event) => {
  if (chat.hasUnsent || !byId("recording").hidden) event.preventDefault();
});
chat.open();
