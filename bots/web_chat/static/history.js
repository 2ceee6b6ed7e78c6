// The history of a chat: older entries are loaded as people scroll up, and days are separated.

import { loadHistory } from "./api.js";
import { make } from "./dom.js";
import { formatDay } from "./texts.js";

/** Older entries are loaded when less than this is left above. */
const NEAR_PX = 400;
/** People read the end if no more than this is left below. */
const END_PX = 120;
/** Space above a message that was scrolled to. */
const GAP_PX = 12;

export class History {
  /** scroll: what scrolls. add(entries): shows older entries above the others. */
  constructor(name, log, scroll, add) {
    Object.assign(this, { name, log, scroll, add });
    this.oldest = "";
    this.hasMore = false;
    this.loading = null;
    // Did the last load return all there is?
    this.isWhole = false;
  }

  get isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroll;
    return scrollHeight - scrollTop - clientHeight < END_PX;
  }

  /** Load the last entries. */
  async loadLast() {
    const { entries, has_more } = await loadHistory(this.name);
    this.isWhole = !has_more;
    if (!this.oldest) Object.assign(this, { oldest: entries[0]?.job_id ?? "", hasMore: has_more });
    return entries;
  }

  /** Load the entries before the first one; returns whether there were any. */
  loadOlder() {
    this.loading ??= this.#load().finally(() => {
      this.loading = null;
    });
    return this.loading;
  }

  async #load() {
    if (!this.hasMore) return false;
    // It has its size by now, and keeps it while it is out of sight.
    if (this.log.children.length > 1) this.log.firstChild.classList.add("drawn");
    try {
      const { entries, has_more } = await loadHistory(this.name, this.oldest);
      const { scrollHeight, scrollTop } = this.scroll;
      this.add(entries);
      this.separateDays(entries.length + 1);
      // What was seen stays where it is.
      this.scroll.scrollTop = scrollTop + this.scroll.scrollHeight - scrollHeight;
      Object.assign(this, { oldest: entries[0]?.job_id ?? this.oldest, hasMore: has_more });
      return entries.length > 0;
    } catch {
      // Scrolling again tries again.
      return false;
    }
  }

  /** Load older entries if the beginning is near. */
  async lookUp() {
    if (this.log.isConnected && this.scroll.scrollTop < NEAR_PX) await this.loadOlder();
  }

  /** Scroll to the end, but never past the beginning of the last message: a long reply is read from its top. */
  scrollToLast() {
    const { scroll, log } = this;
    // A pressed button is an entry too, which is seen only when it is answered.
    const last = [...log.lastChild.children].findLast(({ offsetHeight }) => offsetHeight);
    if (!log.isConnected || !last) return;
    const top = last.getBoundingClientRect().top - scroll.getBoundingClientRect().top + scroll.scrollTop;
    scroll.scrollTop = Math.min(scroll.scrollHeight, top - GAP_PX);
  }

  /** Put the date before the first of these entries of each day; what stands there already stays. */
  separateDays(count = Infinity) {
    let last = "";
    let date = null;
    let left = count;
    for (const element of this.#eachElement()) {
      if (element.classList.contains("day")) {
        date?.remove();
        date = element;
        continue;
      }
      if (!left--) return;
      const { sentAt } = element.dataset;
      const day = sentAt ? new Date(sentAt).toDateString() : last;
      if (day === last) date?.remove();
      else this.#nameDay(element, date, formatDay(sentAt));
      last = day;
      date = null;
    }
    date?.remove();
  }

  *#eachElement() {
    for (const list of this.log.children) yield* [...list.children];
  }

  #nameDay(element, date, name) {
    if (!date) element.before(make("li", { class: "day" }, make("span", {}, name)));
    else if (date.textContent !== name) date.firstChild.textContent = name;
  }
}
