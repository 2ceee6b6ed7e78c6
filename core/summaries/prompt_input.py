"""A talk as prompt text, split into parts that fit an engine's context."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from core import safety
from core.models import Passage, RememberedMessage
from core.summaries.points import Source
from core.text.moments import find_moments
from core.text.split import shorten_name
from core.text.timestamps import format_timestamp

#: Characters of one entry; a longer message has several.
_LINE_CHARS = 4000
#: A part may end at a pause once it is this full.
_FULL_SHARE = 0.6
#: UTF-8 bytes per token: three Latin letters, or one Chinese character.
_BYTES_PER_TOKEN = 3


class TalkEntry(NamedTuple):
    """One message, or a piece of a long one, as one line of a prompt."""

    text: str
    tokens: int
    #: In the time zone of the reader.
    sent_at: datetime
    #: Number of its topic, 0 for none.
    topic: int
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class TalkPart:
    """The part of a talk that one question summarises."""

    text: str
    passages: tuple[Passage, ...]


class Talk:
    """The messages of a summary, numbered from 1 in its prompts."""

    def __init__(self, messages: Sequence[RememberedMessage], zone: tzinfo = UTC) -> None:
        # Topic by topic, so that parallel conversations are not mixed.
        first: dict[str, int] = {}
        for index, message in enumerate(messages):
            first.setdefault(message.thread_id or "", index)
        self.messages = sorted(messages, key=lambda m: (first[m.thread_id or ""], m.sent_at))
        self.zone = zone

    def find(self, number: int) -> RememberedMessage | None:
        """Return the message with this number, None if there is none."""
        return self.messages[number - 1] if 1 <= number <= len(self.messages) else None

    def name(self, message: RememberedMessage) -> str:
        """Return the sender's name in prompts; for forwarded messages, the original sender's."""
        return shorten_name(message.sender_name) or "?"

    def display_name(self, message: RememberedMessage) -> str:
        """Return the name for display, without links and mentions; "" if it is unknown."""
        return safety.defuse(shorten_name(message.sender_name), message.sender_name)

    def is_anonymous(self, message: RememberedMessage) -> bool:
        """Return whether the sender's name is unknown: that of the file stands for it, if any."""
        file = message.attachment
        return message.sender_name in ("", file.name if file else "")

    def entries(self) -> Iterator[TalkEntry]:
        """Yield the talk as lines of a prompt."""
        numbers = {m.message_id: number for number, m in enumerate(self.messages, 1)}
        topics: dict[str, int] = {}
        for number, message in enumerate(self.messages, 1):
            thread = message.thread_id
            topic = topics.setdefault(thread, len(topics) + 1) if thread else 0
            sent_at = message.sent_at.astimezone(self.zone)
            who = self.name(message)
            answered = numbers.get(message.reply_to) if message.reply_to else None
            head = f"#{number} {sent_at:%H:%M} {who}" + (f" (to #{answered})" if answered else "")
            for row in _wrap(message):
                text = f"{head}{_note(message)}: {_write(row)}"
                tokens = len(text.encode()) // _BYTES_PER_TOKEN + 2
                found = tuple(
                    Passage(Source(number, at).label, f"{who}: {said}") for at, said in row
                )
                yield TalkEntry(text, tokens, sent_at, topic, found)


#: The second in the recording, None for text, and the words.
_Sentence = tuple[int | None, str]


def _note(message: RememberedMessage) -> str:
    """Return the remark about the message's recording."""
    if message.transcript is not None:
        return f" (voice {format_timestamp(message.transcript.duration_s)})"
    return " (a recording that was not transcribed)" if message.attachment else ""


def _wrap(message: RememberedMessage) -> list[list[_Sentence]]:
    """Return the sentences of a message, grouped so that no entry is too long."""
    text = _clean(message.text)
    if message.attachment is None and len(text) <= _LINE_CHARS:
        return [[(None, text)]] if text else []
    said: list[_Sentence] = [(None, piece) for piece in _split(text)]
    if message.transcript is not None:
        said += [(int(m.start_s), _clean(m.text)) for m in find_moments(message.transcript)]
    return _fill(said) or ([[]] if message.attachment else [])


def _write(row: Sequence[_Sentence]) -> str:
    return " ".join(text if at is None else f"[{format_timestamp(at)}] {text}" for at, text in row)


def _fill(pieces: Sequence[_Sentence]) -> list[list[_Sentence]]:
    rows: list[list[_Sentence]] = []
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
    """Return `text` on one line, so that it cannot forge another entry."""
    return " ".join(text.split())


def split_talk(entries: Sequence[TalkEntry], max_tokens: int) -> list[TalkPart]:
    """Return the talk in as few parts as fit, split at the longest pauses."""
    parts, start = [], 0
    while start < len(entries):
        end = _find_end(entries, start, max_tokens)
        parts.append(_build(entries[start:end]))
        start = end
    return parts


def _find_end(entries: Sequence[TalkEntry], start: int, max_tokens: int) -> int:
    """Return the best end of the part that begins at `start`, at least one entry further."""
    used, end, soonest = entries[start].tokens, start + 1, start + 1
    while end < len(entries) and used + entries[end].tokens <= max_tokens:
        used += entries[end].tokens
        end += 1
        if used <= max_tokens * _FULL_SHARE:
            soonest = end
    if end == len(entries):
        return end
    return max(range(soonest, end + 1), key=lambda at: (_rate_split(entries, at), at))


def _rate_split(entries: Sequence[TalkEntry], at: int) -> tuple[bool, float]:
    """Return how well a part may end before entry `at`: a new topic, or the pause in seconds."""
    before, after = entries[at - 1], entries[at]
    gap_s = (after.sent_at - before.sent_at).total_seconds()
    return before.topic != after.topic, gap_s


def _build(entries: Sequence[TalkEntry]) -> TalkPart:
    texts: list[str] = []
    topic, day = 0, ""
    for line in entries:
        if line.topic != topic:
            texts.append(f"=== topic {line.topic} ===" if line.topic else "=== in no topic ===")
            topic, day = line.topic, ""
        if (new_day := f"{line.sent_at:%Y-%m-%d}") != day:
            texts.append(f"--- {new_day} ---")
            day = new_day
        texts.append(line.text)
    return TalkPart("\n".join(texts), tuple(p for line in entries for p in line.passages))
