"""Texts that are cut to what a platform or an engine takes: nothing is lost, each piece fits."""

from __future__ import annotations

from collections.abc import Iterator

from bots.common.chat import clean, count_units, head, is_blank, split, tail
from bots.discord_bot.outgoing import parts as discord_parts
from bots.telegram_bot.outgoing import requests as telegram_parts
from core.models import Reply
from core.text.split import halve, shorten, split_sentences, split_speech

_TEXTS = (
    "Dr. Lee paid $3.50 on Jan. 5. She left at 10:30, walked 1,000 steps, and sat down.\n\nNo!",
    "今天天气很好。我们去公园吧！你想几点出发？我都可以，你来决定。",
    "I ran all the way here [heavy breathing] and now (quietly) I rest… "
    "\U0001f469\U0001f3fd\u200d\U0001f680 e\u0301e\u0301",
    "# Title\n\n- **one** `two` [three](https://example.org)\n\n```\ncode\n```\n> quote @everyone",
)


def seeds() -> Iterator[bytes]:
    for text in _TEXTS:
        for limit in (0, 7, 40, 255):
            yield bytes([limit, limit // 3]) + text.encode()
            yield bytes([limit, 199 + limit % 2]) + (text * 9).encode()


def check(data: bytes) -> None:
    """Two bytes are limits, the rest is a text in which broken UTF-8 becomes half characters."""
    if len(data) < 2:
        return
    text, limit, first = data[2:].decode("utf-8", "surrogateescape"), 2 + data[0], 1 + data[1]
    _check_units(text, limit)
    _check_speech(text, limit, first)
    # These take a hundred times as long.
    if first % 8 == 0:
        _check_telegram(text)
    if first % 8 == 1:
        _check_discord(text)


def _check_units(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert "".join(pieces) == text and all(pieces)
    assert all(count_units(piece) <= limit for piece in pieces)
    assert text.startswith(head(text, limit)) and count_units(head(text, limit)) <= limit
    assert (
        text.endswith(tail(text, limit).removeprefix("…"))
        and count_units(tail(text, limit)) <= limit
    )


def _check_speech(text: str, limit: int, first: int) -> None:
    pieces = split_speech(text, limit, first_max_chars=first)
    assert _bare("".join(pieces)) == _bare(text)
    assert all(piece.strip() == piece and 0 < len(piece) <= limit for piece in pieces)
    assert _bare("".join(split_sentences(text))) == _bare(text)
    assert len(shorten(text, limit)) <= limit
    both = halve(text)
    assert _bare("".join(both)) == _bare(text)
    assert both[1] or len(text.strip()) <= 1, "it could be halved"


def _check_telegram(text: str) -> None:
    long = _lengthen(text)
    for reply in (Reply(long), Reply("Said:", quote=long, is_quote_first=True)):
        for part in telegram_parts.build_parts(reply):
            words = part.text if isinstance(part, telegram_parts.TextPart) else part.caption
            assert count_units(words) <= telegram_parts.MAX_UNITS
            assert len(part.entities) <= telegram_parts.MAX_ENTITIES
            units = count_units(words)
            assert all(e.offset >= 0 and e.offset + e.length <= units for e in part.entities)
    said = "".join(p.text for p in telegram_parts.build_parts(Reply(text)) if p.kind == "text")
    assert _bare(said) == _bare(clean(text)) or is_blank(clean(text)) or len(text) > 4000


def _check_discord(text: str) -> None:
    long = _lengthen(text)
    for reply in (Reply(long, is_markdown=True), Reply("Said:", quote=long), Reply(text)):
        found = discord_parts.build_parts(reply)
        assert found and all(count_units(one.text) <= discord_parts.MAX_UNITS for one in found)
        assert all(one.files or not is_blank(one.text) for one in found)


def _lengthen(text: str) -> str:
    """Return a text again and again, as far as several messages need."""
    return text * min(200, 9000 // max(1, len(text)))


def _bare(text: str) -> str:
    return "".join(text.split())
