// The entry point of the page.

import { address } from "./api.js";
import { Chat } from "./chat.js";
import { ChatList } from "./chats.js";
import { openComposer } from "./composer.js";
import { openDrawer } from "./drawer.js";
import { isFixing } from "./fix.js";
import { keep, recall } from "./memory.js";
import { openSearch } from "./search.js";
import { openSettings } from "./settings.js";
import { fillTexts, text } from "./texts.js";

const byId = (id) => document.getElementById(id);
const NAME = /^[a-z0-9]{1,16}$/;
/** The command of the Summary button: the whole chat, however old. */
const SUM_UP = "/summary 200 messages";

const opened = new Map();
let chat = null;

/** Show an error; a button calls `retry`. */
function complain(sentence, retry) {
  byId("notice-text").textContent = sentence;
  // Only failures can be tried again; the rest is a hint.
  byId("notice").classList.toggle("wrong", Boolean(retry));
  byId("notice").hidden = !sentence;
  byId("notice-retry").hidden = !retry;
  byId("notice-retry").onclick = () => {
    complain("");
    retry();
  };
}

function announce(sentence) {
  byId("announce").textContent = sentence;
}

function showAbout(words, isGuess) {
  byId("about").hidden = words === null;
  byId("about-words").textContent = words ?? "";
  if (words !== null && !isGuess) byId("box").focus();
}

function showLink(isUp, retry) {
  byId("link").hidden = isUp;
  byId("link-text").textContent = isUp ? "" : text("offline");
  byId("link-retry").onclick = retry;
}

function showState(changed, isNews) {
  if (isNews) chats.reload();
  if (changed !== chat) return;
  byId("empty").hidden = !chat.isEmpty;
  byId("summary").hidden = ![...chat.entries.values()].some(({ reply }) => reply?.transcript);
}

const parts = { scroll: byId("scroll"), announce, complain, showAbout, showLink, onChange: showState };

function show(name, like = "") {
  if (chat?.name === name) return;
  chat?.hide();
  complain("");
  const isNew = !opened.has(name);
  if (isNew) opened.set(name, new Chat(name, parts, like));
  chat = opened.get(name);
  byId("conversation").replaceChildren(chat.log);
  keep("chat", name);
  chats.show(name);
  showState(chat);
  showDraft();
  chat.show();
  if (isNew) chat.loading = chat.open();
}

function go(name, like) {
  closeDrawer();
  if (name !== chat.name) history.pushState(null, "", address("/", name));
  show(name, like);
  // On a phone the keyboard would cover the chat.
  byId(matchMedia("(pointer: coarse)").matches ? "scroll" : "box").focus();
}

function begin() {
  if (chat.isEmpty) return go(chat.name);
  const bytes = crypto.getRandomValues(new Uint8Array(5));
  return go(Array.from(bytes, (byte) => byte.toString(36).padStart(2, "0")).join(""), chat.name);
}

function leave(name) {
  const wasOpen = chat.name === name;
  opened.get(name)?.close();
  opened.delete(name);
  keep(`draft.${name}`, "");
  if (wasOpen) begin();
  else chats.show(chat.name);
}

function nameInAddress() {
  const name = new URLSearchParams(location.search).get("chat") ?? "";
  return NAME.test(name) ? name : "";
}

fillTexts(document);
const closeDrawer = openDrawer();
const chats = new ChatList({ open: go, gone: leave, complain });
const showDraft = openComposer(() => chat, { announce, complain });
openSettings(() => chat, closeDrawer);
openSearch(async (name, id) => {
  go(name);
  const shown = chat;
  await shown.loading;
  shown.reveal(id);
});
byId("scroll").addEventListener("scroll", () => chat.history.lookUp(), { passive: true });
byId("new-chat").addEventListener("click", begin);
byId("summary").addEventListener("click", () => chat.sendText(SUM_UP));
byId("about-off").addEventListener("click", () => chat.leaveAbout());
byId("box").addEventListener("keydown", (event) => event.key === "Escape" && chat.about && chat.leaveAbout());
window.addEventListener("popstate", () => show(nameInAddress()));
window.addEventListener("beforeunload", (event) => {
  const hasUnsent = [...opened.values()].some((one) => one.outbox.hasUnsent);
  if (hasUnsent || isFixing() || !byId("recording").hidden) event.preventDefault();
});
const first = nameInAddress() || recall("chat");
if (first) history.replaceState(null, "", address("/", first) + location.hash);
show(first);
