// Lists that update in place: unchanged rows are not touched, so that focus, selection and scroll
// position stay.

import { formatAgo, formatSeconds } from "./texts.js";
import { make } from "/static/dom.js";

/** Show `items`, each with a `key`, as children made by `build`. */
export function showList(parent, items, build) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const next = items.map(({ key, ...item }) => {
    const sign = JSON.stringify(item);
    const had = old.get(key);
    if (had?.sign === sign) return had;
    const child = build({ key, ...item });
    child.dataset.key = key;
    child.sign = sign;
    return child;
  });
  const isHeld = parent.contains(document.activeElement);
  const held = isHeld ? document.activeElement.closest("[data-key]")?.dataset.key : null;
  next.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  while (parent.children.length > next.length) parent.lastChild.remove();
  if (held && !parent.contains(document.activeElement)) {
    next.find((child) => child.dataset.key === held)?.querySelector("button")?.focus();
  }
}

/** A time shown as "3 min ago", which `grow` updates. */
export const ago = (iso) => make("time", { datetime: iso, title: new Date(iso).toLocaleString() }, formatAgo(iso));

/** The time elapsed since a moment. */
export const since = (iso) => make("time", { datetime: iso, class: "since" }, "");

/** Update all shown times. */
export function grow(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const isSpan = element.classList.contains("since");
    const seconds = Math.max(0, (Date.now() - new Date(element.dateTime)) / 1000);
    const words = isSpan ? formatSeconds(Math.floor(seconds)) : formatAgo(element.dateTime);
    if (element.textContent !== words) element.textContent = words;
  }
}
