// The bar above the message box for reading text aloud: voice and style.

import { loadChoices } from "./api.js";
import { make } from "./dom.js";
import { keep, recall } from "./memory.js";
import { text } from "./texts.js";

const byId = (id) => document.getElementById(id);

/** Connect the bar; returns { isOn, toggle(isOn), write(text) }. onChange is called when it opens or closes. */
export function openSpeakBar(currentChat, onChange) {
  const bar = byId("speak-bar");
  const voice = byId("speak-voice");
  const style = byId("speak-style");
  const button = byId("speak");
  const load = async () => {
    const choices = await loadChoices(currentChat().name).catch(() => null);
    if (!choices) return;
    const usual = make("option", { value: "" }, text("voice_default"));
    voice.replaceChildren(usual, ...choices.voices.map(drawOption));
    voice.value = choices.voices.some(({ value }) => value === recall("voice")) ? recall("voice") : "";
    byId("styles").replaceChildren(...choices.styles.map(({ value }) => make("option", { value })));
  };
  const speak = {
    isOn: false,
    toggle(isOn = !speak.isOn) {
      if (isOn && !speak.isOn) load();
      speak.isOn = isOn;
      bar.hidden = !isOn;
      button.setAttribute("aria-pressed", String(isOn));
      onChange();
    },
    /** Return the command: options, then the text. */
    write(words) {
      keep("voice", voice.value);
      keep("style", style.value.trim());
      return `/say ${option("voice", voice.value)}${option("style", style.value)}${words}`;
    },
  };
  style.value = recall("style");
  button.addEventListener("click", () => {
    speak.toggle();
    byId("box").focus();
  });
  bar.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    speak.toggle(false);
    byId("box").focus();
  });
  return speak;
}

/** An option of a list. */
export function drawOption({ value, label }) {
  return make("option", { value }, label);
}

function option(name, value) {
  const clean = value.trim().replaceAll('"', "'");
  return clean && `${name}:"${clean}" `;
}
