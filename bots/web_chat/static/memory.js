// Local storage: language, drafts, the last chat. Never messages.

/** The text stored under `key`, "" if there is none or storage is blocked. */
export function recall(key) {
  try {
    return localStorage.getItem(`hearsay.${key}`) ?? "";
  } catch {
    return "";
  }
}

/** Store `value` under `key`; an empty one is removed. */
export function keep(key, value) {
  try {
    if (value) localStorage.setItem(`hearsay.${key}`, value);
    else localStorage.removeItem(`hearsay.${key}`);
  } catch {
    // Without storage only comfort is lost.
  }
}
