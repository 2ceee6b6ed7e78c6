// The list of commands that opens when "/" is typed.

import { loadCommands } from "./api.js";
import { make } from "./dom.js";
import { text } from "./texts.js";

/** Does the key belong to an input method? Safari ends the composition before its last key, which it numbers 229. */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

/** Connect a list to `box`; returns a key handler, which returns whether it used the key. */
export function openSuggestions(box, list, onPick) {
  let commands = null;
  let chosen = 0;
  const isOpen = () => !list.hidden;
  const options = () => [...list.children];
  const close = () => {
    list.hidden = true;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  };
  const choose = (index) => {
    chosen = (index + options().length) % options().length;
    options().forEach((option, at) => option.setAttribute("aria-selected", String(at === chosen)));
    options()[chosen].scrollIntoView({ block: "nearest" });
    box.setAttribute("aria-activedescendant", options()[chosen].id);
  };
  const pick = (option) => {
    box.value = `/${option.dataset.name} `;
    close();
    box.focus();
    onPick();
  };
  const show = async () => {
    if (!box.value.startsWith("/")) return close();
    commands ??= await loadCommands().catch(() => null);
    // Read again: more may have been typed meanwhile.
    const typed = /^\/(\w*)$/.exec(box.value)?.[1].toLowerCase();
    const found = (commands ?? []).filter(({ name }) => name.startsWith(typed) && name !== typed);
    if (typed === undefined || !found.length) return close();
    list.replaceChildren(...found.map((command) => drawOption(command, pick)));
    list.hidden = false;
    box.setAttribute("aria-expanded", "true");
    choose(0);
  };
  box.addEventListener("input", show);
  box.addEventListener("blur", close);
  list.setAttribute("aria-label", text("commands"));
  const keys = {
    ArrowDown: () => choose(chosen + 1),
    ArrowUp: () => choose(chosen - 1),
    Enter: () => pick(options()[chosen]),
    Tab: () => pick(options()[chosen]),
    Escape: close,
  };
  return (event) => {
    if (!isOpen() || !keys[event.key] || event.shiftKey || isComposing(event)) return false;
    event.preventDefault();
    keys[event.key]();
    return true;
  };
}

function drawOption({ name, argument, help }, pick) {
  const option = make(
    "li",
    { role: "option", id: `command-${name}`, "data-name": name },
    make("span", { class: "command" }, `/${name}`, make("span", { class: "argument" }, argument && ` ${argument}`)),
    make("span", { class: "help" }, help),
  );
  // On pointerdown, before the box loses the focus.
  option.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    pick(option);
  });
  return option;
}
