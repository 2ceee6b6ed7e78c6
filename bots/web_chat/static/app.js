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

fillTexts(document);
const chat = new Chat({
  log: byId("log"),
  scroll: byId("scroll"),
  empty: byId("empty"),
  link: byId("link"),
  announce,
  complain,
});
openComposer(chat, { announce, complain });
window.addEventListener("beforeunload", (event) => {
  if (chat.hasUnsent || !byId("recording").hidden) event.preventDefault();
});
chat.open();
