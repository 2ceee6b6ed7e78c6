"""A talk as the lines of a prompt, cut into parts that fit what an engine can take in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from core import safety
from core.models import Passage, RememberedMessage
from core.summaries.moments import find_moments
from core.summaries.points import Source
from core.text.timestamps import format_timestamp

#: Characters of one line; a longer message goes on in the next.
_LINE_CHARS = 4000
_NAME_CHARS = 40
#: A part is at least so full before a quiet place may end it.
_FULL_SHARE = 0.6
#: UTF-8 bytes of one token: a third of a Latin word's, one Chinese character's.
_BYTES_PER_TOKEN = 3


class TalkEntry(NamedTuple):
    """One message, or a piece of a long one, as a model reads it."""

    text: str
    tokens: int
    #: In the zone of who reads.
    sent_at: datetime
    #: The number of its topic, 0 for what is in none.
    topic: int
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class TalkPart:
    """What is summed up with one question."""

    text: str
    passages: tuple[Passage, ...]


class Talk:
    """The messages that a summary is of; in its prompts each goes by its number, from 1."""

    def __init__(self, messages: Sequence[RememberedMessage], zone: tzinfo = UTC) -> None:
        # Topic by topic: what was said side by side is told apart.
        first: dict[str, int] = {}
        for index, message in enumerate(messages):
            first.setdefault(message.thread_id or "", index)
        self.messages = sorted(messages, key=lambda m: (first[m.thread_id or ""], m.sent_at))
        self.zone = zone

    def find(self, number: int) -> RememberedMessage | None:
        """Return the message of that number, None if there is none."""
        return self.messages[number - 1] if 1 <= number <= len(self.messages) else None

    def name(self, message: RememberedMessage) -> str:
        """Return how the prompt calls who sent it; one who forwards names another each time."""
        return _clean(message.sender_name)[:_NAME_CHARS] or "?"

    def shown(self, message: RememberedMessage) -> str:
        """Return the name as readers see it: it is no link and pings nobody."""
        return safety.defuse(self.name(message), message.sender_name)

    def lines(self) -> Iterator[TalkEntry]:
        """Yield the talk as a model reads it."""
        numbers = {m.message_id: number for number, m in enumerate(self.messages, 1)}
        topics: dict[str, int] = {}
        for number, message in enumerate(self.messages, 1):
            thread = message.thread_id
            topic = topics.setdefault(thread, len(topics) + 1) if thread else 0
            sent_at = message.sent_at.astimezone(self.zone)
            who = self.name(message)
            answered = numbers.get(message.reply_to) if message.reply_to else None
            head = f"#{number} {sent_at:%H:%M} {who}" + (f" (to #{answered})" if answered else "")
            for row in _rows(message):
                text = f"{head}{_note(message)}: {_write(row)}"
                tokens = len(text.encode()) // _BYTES_PER_TOKEN + 2
                found = tuple(
                    Passage(Source(number, at).mark, f"{who}: {said}") for at, said in row
                )
                yield TalkEntry(text, tokens, sent_at, topic, found)


#: Something that was said, and the second of the recording, None where it was written.
_Said = tuple[int | None, str]


def _note(message: RememberedMessage) -> str:
    """Return what a line says of the message's recording."""
    if message.transcript is not None:
        return f" (voice {format_timestamp(message.transcript.duration_s)})"
    return " (a recording that was not heard)" if message.attachment else ""


def _rows(message: RememberedMessage) -> list[list[_Said]]:
    """Return what a message says, in rows that are no longer than a line may be."""
    text = _clean(message.text)
    if message.attachment is None and len(text) <= _LINE_CHARS:
        return [[(None, text)]] if text else []
    said: list[_Said] = [(None, piece) for piece in _split(text)]
    if message.transcript is not None:
        said += [(int(m.start_s), _clean(m.text)) for m in find_moments(message.transcript)]
    return _fill(said) or ([[]] if message.attachment else [])


def _write(row: Sequence[_Said]) -> str:
    return " ".join(text if at is None else f"[{format_timestamp(at)}] {text}" for at, text in row)


def _fill(pieces: Sequence[_Said]) -> list[list[_Said]]:
    rows: list[list[_Said]] = []
    length = _LINE_CHARS
    for piece in pieces:
        if length + len(piece[1]) > _LINE_CHARS:
            rows.append([])
            length = 0
        rows[-1].append(piece)
        length += len(piece[1])
    return rows


def _split(text: str) -> list[str]:
    return [text[at : at + _LINE_CHARS] for at in range(0, len(text), _LINE_CHARS)]


def _clean(text: str) -> str:
    """Return `text` on one line: nobody can write a line of another."""
    return " ".join(text.split())


def cut_parts(lines: Sequence[TalkEntry], max_tokens: int) -> list[TalkPart]:
    """Return the talk in as few parts as fit, cut where it was quiet for longest."""
    parts, start = [], 0
    while start < len(lines):
        end = _find_end(lines, start, max_tokens)
        parts.append(_build(lines[start:end]))
        start = end
    return parts


def _find_end(lines: Sequence[TalkEntry], start: int, max_tokens: int) -> int:
    """Return where the part that begins at `start` ends best, at least one line further."""
    used, end, soonest = lines[start].tokens, start + 1, start + 1
    while end < len(lines) and used + lines[end].tokens <= max_tokens:
        used += lines[end].tokens
        end += 1
        if used <= max_tokens * _FULL_SHARE:
            soonest = end
    if end == len(lines):
        return end
    return max(range(soonest, end + 1), key=lambda at: (_quiet(lines, at), at))


def _quiet(lines: Sequence[TalkEntry], at: int) -> tuple[bool, float]:
    """Return how good a place it is to cut before line `at`: another topic, or a long silence."""
    before, after = lines[at - 1], lines[at]
    gap_s = (after.sent_at - before.sent_at).total_seconds()
    return before.topic != after.topic, gap_s


def _build(lines: Sequence[TalkEntry]) -> TalkPart:
    texts: list[str] = []
    topic, day = 0, ""
    for line in lines:
        if line.topic != topic:
            texts.append(f"=== topic {line.topic} ===" if line.topic else "=== in no topic ===")
            topic, day = line.topic, ""
        if (new_day := f"{line.sent_at:%Y-%m-%d}") != day:
            texts.append(f"--- {new_day} ---")
            day = new_day
        texts.append(line.text)
    return TalkPart("\n".join(texts), tuple(p for line in lines for p in line.passages))
