"""/find WORDS: the messages and voice notes of this chat that said it, with the second."""

from __future__ import annotations

import re
from dataclasses import replace

from core import glossary
from core.commands import Command
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Button, Link, RememberedMessage, Reply, Segment
from core.safety import disable_links
from core.store.talk.search import Search, build_pattern
from core.summaries.moments import find_moments
from core.text.timestamps import format_timestamp

HELP = mark("Find messages and voice notes that said it")
MAX_HITS = 10
#: What is shown around the words.
BEFORE_CHARS, AROUND_CHARS = 40, 120


async def find(ctx: Context) -> Reply:
    """List the newest messages that hold all words, each with its place."""
    message, talk = ctx.message, ctx.settings.talk
    if not message.is_private and not talk.remember_days:
        raise UserError("I remember nothing of this chat. Admins change that with /remember on.")
    search = Search(message.text)
    if not search.words:
        raise UserError("Say what to look for: /find invoice")
    memory = ctx.store.memory
    found = await memory.find(message.chat, message.text, MAX_HITS, talk.glossary)
    if not found:
        if message.is_private:
            raise UserError("Not found. In private I keep only what you forward, for one day.")
        raise UserError("Not found in the last {days} days.", days=talk.remember_days)
    hits = Hits(search)
    for hit in found:
        if hit.transcript:
            hit = replace(hit, transcript=glossary.apply_to(hit.transcript, talk.glossary))
        hits.add(hit)
    return Reply(hits.text, links=tuple(hits.links), buttons=tuple(hits.buttons))


class Hits:
    """A list of what was found, as it is written."""

    def __init__(self, search: Search) -> None:
        self.text = ""
        self.links: list[Link] = []
        self.buttons: list[Button] = []
        self._patterns = [build_pattern(word) for word in search.words]

    def add(self, hit: RememberedMessage) -> None:
        """Write one: when, who, the words; for voice the second, and a button that plays it."""
        moment, second = self._find_moment(hit), ""
        if moment is not None:
            second = format_timestamp(moment.start_s)
            play = f"{hit.message_id} {int(moment.start_s)}"
            self.buttons.append(Button(f"▶ {second}", "replay", play))
        self.text += "\n" if self.text else ""
        self._link(f"{hit.sent_at:%Y-%m-%d %H:%M}", hit)
        self.text += f" {disable_links(hit.sender_name)}"
        if second:
            self.text += " "
            self._link(second, hit)
        self.text += f": {self._cut(moment.text if moment else hit.text)}"

    def _link(self, text: str, hit: RememberedMessage) -> None:
        start = len(self.text)
        self.text += text
        self.links.append(Link(start, len(self.text), hit.message_id, hit.thread_id))

    def _find_moment(self, hit: RememberedMessage) -> Segment | None:
        """Return when in the recording it is said; None where the written text has more of it."""
        if hit.transcript is None or self._count(hit.text) == len(self._patterns):
            return None
        moments = find_moments(hit.transcript)
        return max(moments, key=lambda moment: self._count(moment.text), default=None)

    def _count(self, text: str) -> int:
        return sum(pattern.search(text) is not None for pattern in self._patterns)

    def _cut(self, text: str) -> str:
        """Return the words around the first place that was found, dead: no links, no calls."""
        text = re.sub(r"\s+", " ", text).strip()
        places = [found.start() for p in self._patterns if (found := p.search(text))]
        start = max(0, min(places, default=0) - BEFORE_CHARS)
        part = text[start : start + AROUND_CHARS]
        ends = "…" if start else "", "…" if start + AROUND_CHARS < len(text) else ""
        return disable_links(f"{ends[0]}{part}{ends[1]}")


command = Command(HELP, find, usage="words")
