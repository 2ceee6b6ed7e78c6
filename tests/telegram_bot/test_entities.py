"""Entities: links and quotes cover exactly their words, wherever those end up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import MessageEntity

from bots.common.chat import clean, count_units
from bots.telegram_bot.outgoing.links import build_url
from bots.telegram_bot.outgoing.requests import (
    MAX_ENTITIES,
    MAX_UNITS,
    FilePart,
    TextPart,
    build_parts,
    halve,
)
from core.models import File, Link, Reply
from core.safety import defuse

GROUP = "-1001234567890"
SOUND = File("a.ogg", "audio/ogg", b"OggS")


def slice_units(text: str, entity: MessageEntity) -> str:
    units = text.encode("utf-16-le")
    return units[entity.offset * 2 : (entity.offset + entity.length) * 2].decode("utf-16-le")


def find_links(parts: list[TextPart | FilePart]) -> dict[str, str]:
    """Return the text of each link by its URL, joined over messages."""
    found: dict[str, str] = {}
    for part in parts:
        text = part.text if isinstance(part, TextPart) else part.caption
        for entity in part.entities:
            if entity.type == MessageEntity.TEXT_LINK:
                assert entity.url
                found[entity.url] = found.get(entity.url, "") + slice_units(text, entity)
    return found


def build(*pieces: str | tuple[str, str]) -> Reply:
    """Build a reply of plain pieces and (words, message id) that link."""
    text, links = "", []
    for piece in pieces:
        words, message_id = piece if isinstance(piece, tuple) else (piece, "")
        if message_id:
            links.append(Link(len(text), len(text) + len(words), message_id))
        text += words
    return Reply(text, links=tuple(links))


PLAIN = st.text(st.sampled_from("aé字😀\u2060\x00\u202e\ud83d👩\u200d🔬 \n\r.。\t"), max_size=300)
WORDS = st.text(
    st.sampled_from("xü字😀\u2060\x07\u202e\ud83d👩\u200d🔬#:"), min_size=1, max_size=40
)


@given(st.lists(st.tuples(PLAIN, WORDS), max_size=12), PLAIN, st.booleans(), st.integers(1, 20))
def test_each_link_covers_its_own_words(
    pieces: list[tuple[str, str]], quote: str, is_quote_first: bool, times: int
) -> None:
    flat: list[str | tuple[str, str]] = []
    for number, (plain, words) in enumerate(pieces, 1):
        flat += [plain * times, (words, str(number))]
    made = build(*flat)
    reply = Reply(made.text, quote, links=made.links, is_quote_first=is_quote_first)
    parts = build_parts(reply, GROUP)
    found = find_links(parts)
    is_whole = not any(isinstance(part, FilePart) for part in parts)
    for number, (_, words) in enumerate(pieces, 1):
        shown = found.pop(f"https://t.me/c/1234567890/{number}", "")
        meant = clean(words)
        if is_whole and meant.strip("\u2060\u200d"):
            assert shown == meant
        assert meant.startswith(shown)
    assert not found
    for part in parts:
        units = count_units(part.text) if isinstance(part, TextPart) else 0
        assert units <= MAX_UNITS
        assert all(e.offset >= 0 and e.length > 0 for e in part.entities)
        assert all(e.offset + e.length <= units for e in part.entities)


def test_links_survive_splitting_cleaning_and_wide_characters() -> None:
    reply = build("x" * 4090, ("abcdefghij😀klmno", "5"), "y")
    first, second = build_parts(reply, GROUP)
    assert find_links([first]) == {"https://t.me/c/1234567890/5": "abcdef"}
    assert find_links([second]) == {"https://t.me/c/1234567890/5": "ghij😀klmno"}
    reply = build("\r\n\n\u202e😀 ", ("14:05", "7"), "\x00 said: ", ("é字", "8"), "\r\n")
    [part] = build_parts(reply, GROUP)
    assert isinstance(part, TextPart)
    assert part.text == "😀 14:05 said: é字"
    assert list(find_links([part]).values()) == ["14:05", "é字"]


def test_a_caption_keeps_its_links() -> None:
    made = build("see ", ("this", "9"))
    [part] = build_parts(Reply(made.text, files=(SOUND,), links=made.links), GROUP)
    assert find_links([part]) == {"https://t.me/c/1234567890/9": "this"}
    caption, file = halve(part)
    assert find_links([caption]) == find_links([part])
    assert isinstance(file, FilePart) and (file.caption, file.entities) == ("", ())


def test_halves_keep_links_and_quotes() -> None:
    made = build(("first 😀", "1"), " and ", ("second", "2"))
    [part] = build_parts(Reply(made.text, "so it was said", links=made.links), GROUP)
    halves = halve(part)
    assert len(halves) > 1 and list(find_links(halves).values()) == ["first 😀", "second"]
    texts = [half for half in halves if isinstance(half, TextPart)]
    found = [(half, one) for half in texts for one in half.entities if one.type == "blockquote"]
    assert " ".join(slice_units(half.text, one) for half, one in found) == "so it was said"


def test_the_preview_of_a_file_has_links() -> None:
    made = build("see ", ("this", "1"), " " + "word " * 5000, ("that", "2"))
    shown, whole = build_parts(made, GROUP)
    assert find_links([shown]) == {"https://t.me/c/1234567890/1": "this"}
    assert isinstance(whole, FilePart) and whole.entities == ()
    assert whole.file.data.decode() == made.text


def test_of_too_many_entities_the_quote_and_the_first_links_are_kept() -> None:
    pieces: list[str | tuple[str, str]] = []
    for number in range(1, 130):
        pieces += [(f"#{number}", str(number)), " "]
    made = build(*pieces)
    [part] = build_parts(Reply(made.text, "quoted", links=made.links), GROUP)
    assert isinstance(part, TextPart)
    assert len(part.entities) == MAX_ENTITIES
    assert [e.type for e in part.entities].count(MessageEntity.BLOCKQUOTE) == 1
    assert list(find_links([part]).values()) == [f"#{n}" for n in range(1, 100)]


def test_overlapping_links_are_separated() -> None:
    links = (Link(0, 5, "1"), Link(3, 8, "2"), Link(4, 5, "3"))
    [part] = build_parts(Reply("0123456789", links=links), GROUP)
    assert list(find_links([part]).values()) == ["01234", "567"]


@pytest.mark.parametrize("link", [Link(-5, 2, "1"), Link(1, 99, "1"), Link(4, 2, "1")])
def test_links_out_of_the_text_stay_inside_it(link: Link) -> None:
    [part] = build_parts(Reply("abc", links=(link,)), GROUP)
    assert isinstance(part, TextPart)
    assert all(slice_units(part.text, entity) in "abc" for entity in part.entities)


def test_a_collapsed_quote_can_come_first() -> None:
    made = build("It says ", ("so", "4"), ".")
    quote = "😀 words. " * 60
    reply = Reply(made.text, quote, links=made.links, is_quote_first=True)
    [part] = build_parts(reply, GROUP)
    assert isinstance(part, TextPart)
    assert part.text == f"{quote}\n\n{made.text}"
    folded = part.entities[0]
    assert folded.type == MessageEntity.EXPANDABLE_BLOCKQUOTE
    assert slice_units(part.text, folded) == quote
    assert list(find_links([part]).values()) == ["so"]


def test_a_quote_over_several_messages_ends_before_the_text() -> None:
    parts = build_parts(Reply("The answer.", "word " * 1500, is_quote_first=True), GROUP)
    assert [[e.type for e in part.entities] for part in parts] == [["expandable_blockquote"]] * 2
    last = parts[-1]
    assert isinstance(last, TextPart) and last.text.endswith("\n\nThe answer.")
    [entity] = last.entities
    assert slice_units(last.text, entity).split() == last.text.removesuffix("The answer.").split()


def test_a_text_after_a_very_long_quote_is_still_shown() -> None:
    shown, whole = build_parts(Reply("The answer.", "word " * 5000, is_quote_first=True), GROUP)
    assert isinstance(shown, TextPart) and isinstance(whole, FilePart)
    assert shown.text.startswith("word ") and shown.text.endswith(" …\n\nThe answer.")
    assert whole.file.data.decode().endswith("\n\nThe answer.")


def test_defused_text_stays_defused() -> None:
    dead = defuse("see example.com/x, ask @ann, type /start #now", "example.com/x")
    assert "\u2060" in dead
    assert clean(dead) == dead
    [part] = build_parts(Reply(dead))
    assert part == TextPart(dead)


@pytest.mark.parametrize(
    ("link", "chat_id", "url"),
    [
        (Link(0, 1, "5"), GROUP, "https://t.me/c/1234567890/5"),
        (Link(0, 1, "5", "7"), GROUP, "https://t.me/c/1234567890/7/5"),
        (Link(0, 1, "5", None, GROUP), "77", "https://t.me/c/1234567890/5"),
        (Link(0, 1, "5", None, "-1009"), GROUP, ""), (Link(0, 1, "5"), "77", ""),
        (Link(0, 1, "5"), "-5012345678", ""), (Link(0, 1, "5"), "-1000000000000", ""),
        (Link(0, 1, "5"), "-1000000000001", "https://t.me/c/1/5"),
        (Link(0, 1, "digest:1:2"), GROUP, ""), (Link(0, 1, "5/../../evil"), GROUP, ""),
        (Link(0, 1, "٥"), GROUP, ""),
        (Link(0, 1, "5", "x/y"), GROUP, "https://t.me/c/1234567890/5"), (Link(0, 1, "5"), "", ""),
    ],
)  # fmt: skip
def test_only_messages_of_supergroups_have_addresses(link: Link, chat_id: str, url: str) -> None:
    assert build_url(link, chat_id) == url
    [part] = build_parts(Reply("words", links=(link,)), chat_id)
    assert isinstance(part, TextPart)
    assert part.text == "words"
    assert [entity.url for entity in part.entities] == ([url] if url else [])
