// Lists that change while they are looked at: what stays the same is not touched, so that focus,
// selection and scroll stay where they are.

import { formatAgo, formatSeconds } from "./texts.js";
import { make } from "/static/dom.js";

/** Show `items`, each with a `key`, as the children that `build` makes of them. */
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

/** A moment that is shown as "3 min ago" and grows older by itself. */
export const ago = (iso) => make("time", { datetime: iso, title: new Date(iso).toLocaleString() }, formatAgo(iso));

/** How long it has been since a moment, growing. */
export const since = (iso) => make("time", { datetime: iso, class: "since" }, "");

/** Let every shown moment be as old as it is by now. */
export function grow(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const isSpan = element.classList.contains("since");
    const seconds = Math.max(0, (Date.now() - new Date(element.dateTime)) / 1000);
    const words = isSpan ? formatSeconds(Math.floor(seconds)) : formatAgo(element.dateTime);
    if (element.textContent !== words) element.textContent = words;
  }
}
