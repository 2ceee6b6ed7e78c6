// The language of the pages: its words are loaded, those of the others are not.

import { recall } from "./memory.js";
// The server makes this list, see core/locale.
import { LANGUAGES } from "./words/languages.js";

/** The locale of numbers and times (BCP 47): chosen by the person, or the browser's. */
export const locale = recall("language") || navigator.language;

/** The language of the words, one of LANGUAGES. */
export const language = LANGUAGES.find((code) => code === locale.toLowerCase().split("-")[0]) ?? "en";

/** The words of all pages: `page`, `operator` and `login`, and their `lang`. */
export const words = await import(`./words/${language}.js`);

const rules = new Intl.PluralRules(language);

/** A text with its {names} filled in; of one with several forms, the form for `count`. */
export function fill(forms, values = {}, count = 0) {
  const form = typeof forms === "string" ? forms : (forms[rules.select(count)] ?? forms.other);
  return form.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** The languages of the pages by code, each called by its own name. */
export function nameLanguages() {
  return LANGUAGES.map((code) => {
    const name = new Intl.DisplayNames([code], { type: "language" }).of(code);
    return [code, name.charAt(0).toLocaleUpperCase(code) + name.slice(1)];
  });
}
