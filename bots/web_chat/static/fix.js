// Fixing a transcript in place: what was changed in it is sent as corrections, word by word.

import { make } from "./dom.js";
import { text } from "./texts.js";

/** As the server reads corrections: longer ones would be taken for something else. */
const MAX_WORDS = 4;
const MAX_CHARS = 60;
const QUESTION = /[?？؟=]|吗|嗎|呢|么|麼|吧|什|怎|为什|為什|谁|誰|哪|多少/;
/** Above this, comparing takes too long. */
const MAX_CELLS = 4e6;
/** A word; in scripts without spaces, a character. */
const WORD = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{N}\p{M}]+(?:['’][\p{L}\p{M}]+)*/gu;

/** The corrections as [heard, meant], empty if no word changed, null if they are no corrections of a few words. */
export function findCorrections(before, after) {
  const [old, now] = [before, after].map((words) => [...words.matchAll(WORD)]);
  const spans = compare(old.map(String), now.map(String));
  if (!spans) return null;
  const found = spans.map((span) => phrase(before, after, old, now, span));
  return found.every(isShort) ? found : null;
}

/** The runs of words that differ, as { from, to } in the old and { start, end } in the new ones. */
function compare(old, now) {
  let head = 0;
  while (head < Math.min(old.length, now.length) && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(old.length, now.length) - head && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  const [rows, columns] = [old.length - head - tail, now.length - head - tail];
  if (rows * columns > MAX_CELLS) return null;
  // same[row][column]: the longest common subsequence of what follows.
  const same = Array.from({ length: rows + 1 }, () => new Uint16Array(columns + 1));
  for (let row = rows - 1; row >= 0; row -= 1) {
    for (let column = columns - 1; column >= 0; column -= 1) {
      const isSame = old[head + row] === now[head + column];
      const skipped = Math.max(same[row + 1][column], same[row][column + 1]);
      same[row][column] = isSame ? same[row + 1][column + 1] + 1 : skipped;
    }
  }
  const spans = [];
  let [row, column, open] = [0, 0, null];
  while (row < rows || column < columns) {
    const isSame = row < rows && column < columns && old[head + row] === now[head + column];
    if (isSame) {
      open = null;
      row += 1;
      column += 1;
      continue;
    }
    if (!open) spans.push((open = { from: head + row, to: head + row, start: head + column, end: head + column }));
    if (column >= columns || (row < rows && same[row + 1][column] >= same[row][column + 1])) row += 1;
    else column += 1;
    Object.assign(open, { to: head + row, end: head + column });
  }
  return spans;
}

/** The words of a span in both texts; with their neighbours if they stand elsewhere too. */
function phrase(before, after, old, now, { from, to, start, end }) {
  const slice = (whole, words, first, last) =>
    first < last ? whole.slice(words[first].index, words[last - 1].index + words[last - 1][0].length) : "";
  const sides = () => [slice(before, old, from, to), slice(after, now, start, end)];
  const isVague = () => {
    const [heard, meant] = sides();
    if (!heard || !meant) return true;
    // A name is meant everywhere.
    return !/^\p{Lu}/u.test(meant) && before.split(heard).length > 2;
  };
  for (let tries = 0; isVague() && tries < MAX_WORDS; tries += 1) {
    if (from > 0 && start > 0) [from, start] = [from - 1, start - 1];
    else if (to < old.length && end < now.length) [to, end] = [to + 1, end + 1];
  }
  return sides();
}

function isShort(sides) {
  return sides.every(
    (side) => side && side.length <= MAX_CHARS && side.split(/\s+/).length <= MAX_WORDS && !QUESTION.test(side),
  );
}

/** Edit the transcript `words` in the place of `card`; save(corrections) is called with what was changed. */
export function editInPlace(card, words, save) {
  const box = make("textarea", { class: "fix-box", "aria-label": text("fix"), spellcheck: "true" });
  const said = make("p", { class: "facts", role: "status" }, text("fix_how"));
  const done = make("button", { type: "submit", class: "chip" }, text("fix_save"));
  const back = make("button", { type: "button", class: "chip" }, text("cancel"));
  const form = make("form", { class: "transcript fix" }, box, said, make("div", { class: "buttons" }, done, back));
  const close = () => form.replaceWith(card);
  const fit = () => {
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight + 2}px`;
  };
  box.value = words;
  back.addEventListener("click", close);
  box.addEventListener("input", fit);
  box.addEventListener("keydown", (event) => event.key === "Escape" && close());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const corrections = findCorrections(words, box.value);
    if (!corrections) {
      said.textContent = text("fix_few");
      return;
    }
    close();
    save(corrections);
  });
  card.replaceWith(form);
  fit();
  box.focus();
}
