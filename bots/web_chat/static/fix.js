// Fixing a transcript in place: its text becomes editable, and is saved as it then reads.

import { make } from "./dom.js";
import { text } from "./texts.js";

/** Would closing the page lose an edit? */
export function isFixing() {
  return [...document.querySelectorAll(".fix-box")].some((box) => box.value !== box.defaultValue);
}

/** Edit the transcript `words` in the place of `card`; save(edited) is called with the new text. */
export function editInPlace(card, words, save) {
  const opener = document.activeElement;
  const box = make("textarea", { class: "fix-box", "aria-label": text("fix"), spellcheck: "true" });
  const said = make("p", { class: "facts", role: "status" }, text("fix_how"));
  const done = make("button", { type: "submit", class: "chip" }, text("fix_save"));
  const back = make("button", { type: "button", class: "chip" }, text("cancel"));
  const form = make("form", { class: "transcript fix" }, box, said, make("div", { class: "buttons" }, done, back));
  const close = () => {
    form.replaceWith(card);
    opener.focus();
  };
  const fit = () => {
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight + 2}px`;
  };
  box.defaultValue = words;
  back.addEventListener("click", close);
  box.addEventListener("input", fit);
  box.addEventListener("keydown", (event) => {
    // What was written is not lost by a key.
    if (event.key === "Escape" && box.value === words) close();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const edited = box.value.trim();
    if (!edited) {
      said.textContent = text("fix_empty");
      return;
    }
    close();
    if (edited !== words.trim()) save(edited);
  });
  card.replaceWith(form);
  fit();
  box.focus();
}
