// The history of a chat: older entries are loaded as people scroll up, and days are separated.

import { loadHistory } from "./api.js";
import { make } from "./dom.js";
import { formatDay } from "./texts.js";

/** Older entries are loaded when less than this is left above. */
const NEAR_PX = 400;

export class History {
  /** scroll: what scrolls. add(entries): shows older entries above the others. */
  constructor(name, log, scroll, add) {
    Object.assign(this, { name, log, scroll, add });
    this.oldest = "";
    this.hasMore = false;
    this.isLoading = false;
  }

  /** Load the last entries. */
  async loadLast() {
    const { entries, has_more } = await loadHistory(this.name);
    if (!this.oldest) Object.assign(this, { oldest: entries[0]?.job_id ?? "", hasMore: has_more });
    return entries;
  }

  /** Load the entries before the first one; returns whether there were any. */
  async loadOlder() {
    if (!this.hasMore || this.isLoading) return false;
    this.isLoading = true;
    try {
      const { entries, has_more } = await loadHistory(this.name, this.oldest);
      const { scrollHeight, scrollTop } = this.scroll;
      this.add(entries);
      this.separateDays();
      // What was seen stays where it is.
      this.scroll.scrollTop = scrollTop + this.scroll.scrollHeight - scrollHeight;
      Object.assign(this, { oldest: entries[0]?.job_id ?? this.oldest, hasMore: has_more });
      return entries.length > 0;
    } catch {
      // Scrolling again tries again.
      return false;
    } finally {
      this.isLoading = false;
    }
  }

  /** Load older entries if the beginning is near. */
  async lookUp() {
    if (this.log.isConnected && this.scroll.scrollTop < NEAR_PX) await this.loadOlder();
  }

  /** Put the date before the first entry of each day. */
  separateDays() {
    let last = "";
    for (const element of [...this.log.children]) {
      if (element.classList.contains("day")) {
        element.remove();
        continue;
      }
      const { sentAt } = element.dataset;
      const day = new Date(sentAt).toDateString();
      if (sentAt && day !== last) {
        element.before(make("li", { class: "day" }, make("span", {}, formatDay(sentAt))));
        last = day;
      }
    }
  }
}
