"""A reply becomes parts that Telegram accepts, and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import MessageEntity

from bots.common.chat import clean, count_units, head, is_blank, split, tail
from bots.telegram_bot.outgoing.requests import (
    MAX_MESSAGES,
    MAX_UNITS,
    FilePart,
    TextPart,
    build_parts,
    read_placeholder_id,
)
from core.models import PLACEHOLDER, File, Reply, Span
from tests.support.telegram_inbox import make_target

TEXTS = st.text(st.sampled_from("aé字😀👩\u200d🔬 \n.。\t"), max_size=400)


@given(TEXTS, st.integers(2, 60))
def test_pieces_fit_and_join_to_the_source(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert "".join(pieces) == text
    assert all(0 < len(piece.encode("utf-16-le")) // 2 <= limit for piece in pieces)


def test_a_text_that_fits_is_not_split() -> None:
    assert split("a b\n\nc 😀", 9) == ["a b\n\nc 😀"]


@given(TEXTS, TEXTS, st.integers(1, 40))
def test_parts_fit_and_entities_lie_inside(text: str, quote: str, times: int) -> None:
    parts = build_parts(Reply(text=text * times, quote=quote * times))
    assert parts
    for part in parts:
        if isinstance(part, TextPart):
            units = count_units(part.text)
            assert 0 < units <= MAX_UNITS
            assert not is_blank(part.text) or part.text == "…"
            for entity in part.entities:
                assert 0 <= entity.offset < entity.offset + entity.length <= units


@given(st.text(st.characters(), max_size=200))
def test_units_are_those_of_utf16(text: str) -> None:
    assert count_units(text) == len(text.encode("utf-16-le", "surrogatepass")) // 2


def test_text_is_split_at_a_paragraph_if_one_is_near() -> None:
    assert split("a" * 60 + "\n\n" + "b" * 50, 100) == ["a" * 60 + "\n\n", "b" * 50]


def test_a_quote_entity_starts_at_the_quote() -> None:
    [part] = build_parts(Reply("😀 heard:", "hello"))
    assert isinstance(part, TextPart)
    assert part.text == "😀 heard:\n\nhello"
    [entity] = part.entities
    assert (entity.type, entity.offset, entity.length) == (MessageEntity.BLOCKQUOTE, 11, 5)
    assert entity.offset == count_units("😀 heard:\n\n")
    [part] = build_parts(Reply(quote="a\n" * 8 + "a"))
    assert isinstance(part, TextPart)
    assert part.entities[0].type == MessageEntity.EXPANDABLE_BLOCKQUOTE


def test_corrected_words_are_underlined() -> None:
    quote = "\n😀 see example.org, Kowalski\nand Kowalski."
    marks = tuple(
        Span(at, at + 8, "corrected") for at in (quote.index("K"), quote.rindex("K"), len(quote))
    )
    [part] = build_parts(Reply("Rough.\nCorrected: a → b", quote, marks=marks))
    assert isinstance(part, TextPart) and part.text.startswith("Rough.\nCorrected: a → b\n\n😀 see")
    units = part.text.encode("utf-16-le")
    marked = [
        units[one.offset * 2 : (one.offset + one.length) * 2].decode("utf-16-le")
        for one in part.entities
        if one.type == MessageEntity.UNDERLINE
    ]
    assert marked == ["Kowalski", "Kowalski"]


def test_a_very_long_reply_becomes_a_file_with_a_preview() -> None:
    quote = "so much to say. " * 2000
    extra = File("a.srt", "text/plain", b"1")
    shown, whole, last = build_parts(Reply("Heard:", quote, files=(extra,)))
    assert build_parts(Reply(files=(extra,))) == [last]
    assert isinstance(shown, TextPart)
    assert isinstance(whole, FilePart)
    assert shown.text.startswith("Heard:\n\nso much")
    assert shown.text.endswith("…")
    assert count_units(shown.text) < MAX_UNITS
    assert whole.file.data.decode() == f"Heard:\n\n{quote}"
    assert whole.file.name == "transcript.txt"
    assert last == FilePart(extra)


def test_as_many_messages_as_allowed_are_messages() -> None:
    assert len(build_parts(Reply("x" * MAX_UNITS * MAX_MESSAGES))) == MAX_MESSAGES
    assert len(build_parts(Reply("x" * (MAX_UNITS * MAX_MESSAGES + 1)))) == 2


@pytest.mark.parametrize("text", ["", "  \n ", "\u200b\u200d\ufeff", "\x00\x01"])
def test_an_invisible_reply_becomes_an_ellipsis(text: str) -> None:
    assert build_parts(Reply(text)) == [TextPart("…")]


def test_control_characters_and_bidirectional_overrides_are_removed() -> None:
    assert clean("a\x00b\u202egpj.ogg\u2066c\r\nd\x07\ud83d") == "abgpj.oggc\nd"
    assert clean("שלום, 你好 é 😀\tx") == "שלום, 你好 é 😀\tx"


@given(TEXTS, st.integers(3, 50))
def test_head_and_tail_fit(text: str, limit: int) -> None:
    assert text.startswith(head(text, limit))
    assert count_units(head(text, limit)) <= limit
    assert count_units(tail(text, limit)) <= limit
    assert tail(text, limit) == text or text.endswith(tail(text, limit)[1:])


@pytest.mark.finding(19)
def test_a_code_can_be_copied_with_a_tap() -> None:
    text = "😀 Send this:\n\n/link ABCD-EFGH"
    [part] = build_parts(Reply(text, spans=(Span(14, len(text), "code"), Span(2, 6, "bold"))))
    assert isinstance(part, TextPart) and part.text == text
    found = [(one.type, one.offset, one.length) for one in part.entities]
    assert found == [("bold", 3, 4), ("code", 15, len(text) - 14)]


@pytest.mark.parametrize(
    ("kept", "message_id", "expected"),
    [
        ("live/7", "1", "7"), ("7", "1", "7"), ("old:live/7", "1", ""),
        ("live/7", "", ""), ("7", "", ""), (None, "1", ""),
    ],
)  # fmt: skip
async def test_a_placeholder_belongs_to_its_chat(
    kept: str | None, message_id: str, expected: str
) -> None:
    target, ledger = make_target(-100, message_id)
    assert read_placeholder_id(target, await ledger.find(PLACEHOLDER)) == ""
    await ledger.start(PLACEHOLDER)
    if kept is not None:
        await ledger.finish(PLACEHOLDER, kept)
    assert read_placeholder_id(target, await ledger.find(PLACEHOLDER)) == expected
