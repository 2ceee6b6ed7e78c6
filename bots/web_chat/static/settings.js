// The settings dialog: each change sends the command that people can also type.

import { loadChoices, logOut, openSession } from "./api.js";
import { make } from "./dom.js";
import { isWrong } from "./entry.js";
import { language, nameLanguages } from "./language.js";
import { keep, recall } from "./memory.js";
import { drawOption } from "./speak.js";
import { text } from "./texts.js";

const byId = (id) => document.getElementById(id);
/** Field -> the command that sets it. */
const COMMANDS = {
  voice: "/voice",
  style: "/style",
  my_language: "/language me",
  replies: "/replies",
  mode: "/mode",
  language: "/language",
  think: "/think",
};
const FIELDS = Object.keys(COMMANDS);
const WAIT_MS = 250;
const TRIES = 80;

/** Connect the dialog; `currentChat()` returns the chat whose settings it shows. */
export function openSettings(currentChat, closeDrawer) {
  const dialog = byId("settings");
  const field = (name) => byId(`set-${name}`);
  const say = (sentence) => {
    byId("settings-said").textContent = sentence;
  };
  const load = async () => {
    const choices = await loadChoices(currentChat().name);
    field("voice").replaceChildren(drawOption({ value: "", label: text("voice_default") }), ...choices.voices.map(drawOption));
    for (const [name, auto] of [["language", "auto"], ["my_language", "my_language_auto"]]) {
      const named = choices.languages.map((one) => (one.value === "auto" ? { ...one, label: text(auto) } : one));
      field(name).replaceChildren(...named.map(drawOption));
    }
    byId("styles").replaceChildren(...choices.styles.map(({ value }) => make("option", { value })));
    for (const name of FIELDS) field(name).value = choices[name];
    for (const name of FIELDS) field(name).disabled = false;
    byId("hear-voice").disabled = !choices.voices.length;
  };
  const open = async () => {
    say("");
    byId("set-page").value = recall("language") && language;
    // Loading must not overwrite a choice made meanwhile.
    for (const name of FIELDS) field(name).disabled = true;
    dialog.showModal();
    await load().catch((error) => say(error.message));
    const session = await openSession().catch(() => ({}));
    byId("leave").hidden = !session.has_login;
  };
  /** Send a command and show its reply. */
  const command = async (typed) => {
    say(text("thinking"));
    const chat = currentChat();
    const entry = await chat.sendText(typed, "set");
    for (let tries = 0; !entry.reply && !entry.error && tries < TRIES; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    }
    say(entry.error || entry.reply?.text || text("thinking"));
    if (entry.error || isWrong(entry)) await load().catch(() => {});
  };
  byId("set-page").append(...nameLanguages().map(([value, name]) => make("option", { value, lang: value }, name)));
  for (const name of FIELDS) {
    field(name).addEventListener("change", () => command(`${COMMANDS[name]} ${field(name).value.trim() || "off"}`));
  }
  byId("hear-voice").addEventListener("click", () => {
    if (field("voice").value) currentChat().sendText(`/voice try ${field("voice").value}`, "set");
  });
  byId("leave").addEventListener("click", () => {
    logOut().then(() => location.replace("/login"), (error) => say(error.message));
  });
  byId("set-page").addEventListener("change", () => {
    keep("language", byId("set-page").value);
    location.reload();
  });
  byId("open-settings").addEventListener("click", () => {
    closeDrawer();
    open();
  });
}
