// A sent message, as a bubble on the right.

import { address } from "./api.js";
import { icon, make } from "./dom.js";
import { makePlayer } from "./player.js";
import { formatDuration, formatSize, text } from "./texts.js";

/** Commands that are shown with a label instead of their name. */
const SPOKEN_OF = { ask: "", say: "say_this", summary: "summary" };
const OPTION = /^\s*(?:voice|style):(?:"([^"]*)"|(\S+))/;

/** The text of an entry, or its command as typed. */
export function drawTyped({ command, text: typed }) {
  if (command in SPOKEN_OF && (typed || command === "summary")) return drawSpokenOf(command, typed);
  const words = command ? `/${command} ${typed}`.trim() : typed;
  return words ? [make("p", { class: command ? "typed command" : "typed" }, words)] : [];
}

function drawSpokenOf(command, typed) {
  const chosen = [];
  let words = typed;
  for (let option = OPTION.exec(words); command === "say" && option; option = OPTION.exec(words)) {
    chosen.push(option[1] ?? option[2]);
    words = words.slice(option[0].length).trimStart();
  }
  const facts = [SPOKEN_OF[command] && text(SPOKEN_OF[command]), ...chosen].filter(Boolean).join(" · ");
  const head = facts && make("p", { class: "facts" }, icon(command === "say" ? "sound" : "sum"), facts);
  return [head || null, command === "summary" ? null : make("p", { class: "typed" }, words)].filter(Boolean);
}

/** The recording or file of an entry: { element, playFrom }. */
export function makeSound(chat, entry, onPosition) {
  const { kind, name, size_bytes, duration_s } = entry.file;
  const facts = [duration_s ? formatDuration(duration_s) : "", size_bytes ? formatSize(size_bytes) : ""];
  const label = kind === "voice" ? text("clip") : name;
  const title = make(
    "div",
    { class: "sound" },
    icon(kind === "document" ? "file" : "sound"),
    make("span", { class: "name" }, label),
    make("span", { class: "facts" }, facts.filter(Boolean).join(" · ")),
  );
  const onGone = () => (title.hidden = false);
  const sound = entry.sound ?? address(`/api/sounds/${entry.id}`, chat);
  const player = makePlayer(sound, { seconds: duration_s, onPosition, onGone });
  title.hidden = kind === "voice" && !player.element.hidden;
  return { element: make("div", {}, title, player.element), playFrom: player.playFrom };
}
