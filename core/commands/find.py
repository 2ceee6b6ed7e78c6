"""/find WORDS: search the chat's history, with the position in each recording."""

from __future__ import annotations

import re
from dataclasses import replace

from core.commands import Command, chat_of
from core.commands.arguments import Argument
from core.commands.context import Context
from core.errors import UserError
from core.locale import Plural, mark
from core.models import Button, Link, RememberedMessage, Reply, Segment, Span
from core.safety import disable_links
from core.store.talk.search import Search, build_pattern
from core.text.moments import find_moments
from core.text.split import shorten_name
from core.text.timestamps import format_timestamp

HISTORY_OFF = mark("Chat history is off. An admin can turn it on with /remember on.")
MAX_HITS = 10
#: Length of an excerpt, and how much of it comes before the match.
BEFORE_CHARS, EXCERPT_CHARS = 40, 120


async def find(ctx: Context) -> Reply:
    """List the newest messages that contain all the words."""
    message, talk = ctx.message, ctx.settings.talk
    if not message.is_private and not talk.remember_days:
        raise UserError(HISTORY_OFF)
    search = Search(message.text)
    if not search.words:
        raise UserError("Enter what to search for, e.g. /find invoice")
    memory = ctx.store.memory
    found = await memory.find(message.chat, message.text, MAX_HITS, talk.glossary)
    if not found:
        if message.is_private:
            raise UserError("Nothing found among the messages that you forwarded in the last day.")
        period = Plural("the last day", "the last {count} days", talk.remember_days or 0)
        raise UserError("Nothing found in {period}.", period=period)
    hits = HitList(search)
    for hit in found:
        if hit.transcript:
            hit = replace(hit, transcript=ctx.correct(hit.transcript, hit.speaker_id))
        hits.add(hit)
    people = frozenset[str]().union(*(hit.author_ids for hit in found))
    return Reply(
        hits.text,
        people=tuple(sorted(people)),
        sources=tuple(hit.message_id for hit in found),
        links=tuple(hits.links),
        spans=tuple(hits.spans),
        buttons=tuple(hits.buttons),
    )


class HitList:
    """The text of a result list, with its links and buttons."""

    def __init__(self, search: Search) -> None:
        self.text = ""
        self.links: list[Link] = []
        self.spans: list[Span] = []
        self.buttons: list[Button] = []
        self._patterns = [build_pattern(word) for word in search.words]

    def add(self, hit: RememberedMessage) -> None:
        """Append a line: time, sender, excerpt; for a recording its position and a play button."""
        moment, position = self._find_moment(hit), ""
        if moment is not None:
            position = format_timestamp(moment.start_s)
            play = f"{hit.message_id} {int(moment.start_s)}"
            self.buttons.append(Button(f"▶ {position}", "replay", play))
        self.text += "\n" if self.text else ""
        self._link(f"{hit.sent_at:%Y-%m-%d %H:%M}", hit)
        link, at_s = self.links[-1], int(hit.sent_at.timestamp())
        self.spans.append(Span(link.start, link.end, "time", at_s))
        self.text += f" {disable_links(shorten_name(hit.sender_name))}"
        if position:
            self.text += " "
            self._link(position, hit)
        self.text += f": {self._excerpt(moment.text if moment else hit.text)}"

    def _link(self, text: str, hit: RememberedMessage) -> None:
        start = len(self.text)
        self.text += text
        self.links.append(Link(start, len(self.text), hit.message_id, hit.thread_id))

    def _find_moment(self, hit: RememberedMessage) -> Segment | None:
        """Return the passage of the recording that matches best, None if the written text does."""
        if hit.transcript is None or self._count(hit.text) == len(self._patterns):
            return None
        moments = find_moments(hit.transcript)
        return max(moments, key=lambda moment: self._count(moment.text), default=None)

    def _count(self, text: str) -> int:
        return sum(pattern.search(text) is not None for pattern in self._patterns)

    def _excerpt(self, text: str) -> str:
        """Return the text around the first match, with links and mentions disabled."""
        text = re.sub(r"\s+", " ", text).strip()
        matches = [match.start() for p in self._patterns if (match := p.search(text))]
        start = max(0, min(matches, default=0) - BEFORE_CHARS)
        end = start + EXCERPT_CHARS
        before, after = "…" if start else "", "…" if end < len(text) else ""
        return disable_links(f"{before}{text[start:end]}{after}")


command = Command(
    mark("Search this chat, voice messages included"),
    find,
    history=chat_of,
    usage=mark("words"),
    arguments=(Argument("words", mark("Words to look for"), is_required=True),),
)
