// What this browser keeps for the page: language, drafts, the last chat. Never what was said.

/** The text kept under `key`, "" if there is none or the browser keeps nothing. */
export function recall(key) {
  try {
    return localStorage.getItem(`hearsay.${key}`) ?? "";
  } catch {
    return "";
  }
}

/** Keep `value` under `key`; an empty one is dropped. */
export function keep(key, value) {
  try {
    if (value) localStorage.setItem(`hearsay.${key}`, value);
    else localStorage.removeItem(`hearsay.${key}`);
  } catch {
    // A browser that keeps nothing costs the comfort only.
  }
}
