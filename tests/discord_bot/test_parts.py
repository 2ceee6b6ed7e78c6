"""Replies as messages that Discord accepts, with nothing lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.common.chat import count_units, is_blank
from bots.discord_bot.outgoing.files import MAX_FILE_BYTES, name_file
from bots.discord_bot.outgoing.markdown import escape
from bots.discord_bot.outgoing.parts import (
    MAX_MESSAGES,
    MAX_UNITS,
    MessagePart,
    build_parts,
    shorten,
)
from core.models import Button, File, Link, Reply, Span
from core.safety import restore_links
from tests.support.discord_markdown import read

VOICE = File("speech.ogg", "audio/ogg", b"OggS", 2.5, bytes(range(100)))
URL = "https://discord.com/channels/1/2/3"
NOTE = File("notes.txt", "text/plain", b"words")
WORDS = st.sampled_from([
    "word", "字", "😀", "👩\u200d🔬", " ", "\n", "\n\n", ". ", "*", "`", "[a](https://e.example)",
    "](https://e.example)", "a]", "> ", "# ", "- ", "@everyone", "<@1>", "<t:0>",
    "https://e.example", "||", "\u2028", "1. ",
])  # fmt: skip
TEXTS = st.lists(WORDS, max_size=30).map("".join)


def plain(part: MessagePart) -> str:
    return restore_links(read(part.text).text)


def squeeze(text: str) -> str:
    return "".join(restore_links(text).split())


def test_corrected_words_are_underlined() -> None:
    quote = "see example.org, Kowal_ski\nand Kowal_ski."
    marks = tuple(Span(at, at + 9, "corrected") for at in (quote.index("K"), quote.rindex("K")))
    [part] = build_parts(Reply("Corrected: a → b", quote, marks=marks))
    first, *rest = part.text.split("\n")
    assert first == "Corrected: a → b"
    assert [line[line.index("__") :] for line in rest] == ["__Kowal\\_ski__", "__Kowal\\_ski__."]
    assert all(read(line).kinds == {"quote", "underline"} for line in rest)


@settings(max_examples=40)
@given(TEXTS, TEXTS, st.sampled_from([1, 2, 9, 60]), st.booleans())
def test_parts_fit_and_hold_the_whole_text(
    text: str, quote: str, times: int, is_first: bool
) -> None:
    reply = Reply(text * times, quote * times, is_quote_first=is_first)
    parts = build_parts(reply)
    for part in parts:
        assert count_units(part.text) <= MAX_UNITS
        assert part.files or not is_blank(part.text)
        assert read(part.text).kinds <= {"quote"}
    whole = [reply.quote, reply.text] if is_first else [reply.text, reply.quote]
    files = [file for part in parts for file in part.files]
    if files:
        assert squeeze(files[0].data.decode()) == squeeze("".join(whole))
    elif squeeze("".join(whole)):
        assert squeeze("".join(map(plain, parts))) == squeeze("".join(whole))
    assert build_parts(reply) == parts


def test_every_line_of_a_quote_is_marked_in_every_message() -> None:
    [part] = build_parts(Reply("Heard:", "one\n\ntwo"))
    assert part.text == "Heard:\n> one\n> \n> two"
    [part] = build_parts(Reply("Heard:", "one\ntwo", is_quote_first=True))
    assert part.text == "> one\n> two\nHeard:"
    parts = build_parts(Reply(quote=" ".join(f"word{n}" for n in range(700))))
    assert 1 < len(parts) <= MAX_MESSAGES
    assert all(part.text.startswith("> word") for part in parts)
    assert build_parts(Reply("\u200b\n")) == [MessagePart("…")]  # nothing to say is a sign


def test_more_than_four_messages_become_a_file() -> None:
    quote = "\n".join(f"line {n} of many" for n in range(900))
    [part] = build_parts(Reply("Heard:", quote, files=(VOICE,)))[:1]
    assert part.text.startswith("Heard:\n> line 0") and part.text.endswith(" …")
    assert len(part.text) < 1500
    [file] = part.files
    assert (file.name, file.mime) == ("transcript.txt", "text/plain")
    assert file.data.decode() == f"Heard:\n\n{quote}"
    [voice] = build_parts(Reply("Heard:", quote, files=(VOICE,)))[1:]
    assert voice.is_voice
    assert build_parts(Reply("x " * 9000))[0].files[0].name == "reply.txt"


@pytest.mark.parametrize("text", ["word\n" * 5_000, "*" * 20_000])
def test_a_huge_text_is_rendered_few_times(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Quadratic rendering would exceed this a thousandfold."""
    lengths: list[int] = []

    def count(text: str, *, is_start: bool = True) -> str:
        lengths.append(len(text) + 1)
        return escape(text, is_start=is_start)

    monkeypatch.setattr("bots.discord_bot.outgoing.markdown.escape", count)
    build_parts(Reply(text, text))
    shorten(text, is_ours=False)
    assert sum(lengths) < 20 * 2 * len(text)


def test_links_lead_to_messages() -> None:
    text = "At 12:30 [Mia] said *much*.\nAnd more"
    links = (Link(3, 8, "11"), Link(9, 14, "12"), Link(len(text) - 4, len(text), "13"))
    [part] = build_parts(Reply(text, links=links), lambda link: f"{URL[:-1]}{link.message_id}")
    found = [("12:30", f"{URL[:-1]}11"), ("(Mia)", f"{URL[:-1]}12"), ("more", f"{URL[:-1]}13")]
    assert read(part.text).links == found
    assert read(part.text).text == text.replace("[Mia]", "(Mia)")
    assert build_parts(Reply("one", links=(Link(0, 3, "1"),))) == [MessagePart("one")]  # no address


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("https://e.example[a](https://e.example)", 18),
        ("a](https://e.example)", 0),
        ("a\nand more\\](https://e.example)", 0),
    ],
)
def test_a_bracket_behind_a_link_does_not_become_part_of_it(text: str, start: int) -> None:
    [part] = build_parts(Reply(text, links=(Link(start, start + 1, "1"),)), lambda _: URL)
    seen = read(part.text)
    assert seen.links == [("a", URL)] and seen.kinds == {"link"}
    assert restore_links(seen.text) == text


def test_a_link_over_lines_is_split_and_overlaps_no_other() -> None:
    reply = Reply("one\ntwo\nx", links=(Link(0, 7, "1"), Link(2, 9, "2")))
    [part] = build_parts(reply, lambda link: f"https://d/{link.message_id}")
    assert part.text == "[one](https://d/1)\n[two](https://d/1)\n[x](https://d/2)"


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 90)), max_size=8), TEXTS)
def test_links_leave_the_text_unchanged(spans: list[tuple[int, int]], text: str) -> None:
    links = tuple(Link(start, end, "1") for span in spans for start, end in (span, sorted(span)))
    parts = build_parts(Reply(text, links=links), lambda _: URL)
    for part in (*parts, *build_parts(Reply(text, text, links=links), lambda _: URL)):
        seen = read(part.text)
        assert seen.kinds <= {"quote", "link"} and {url for _, url in seen.links} <= {URL}
    if squeeze(text) and not parts[0].files:
        shown, brackets = squeeze("".join(map(plain, parts))), str.maketrans("[]", "()")
        assert shown.translate(brackets) == squeeze(text).translate(brackets)


def test_more_files_than_a_message_holds() -> None:
    parts = build_parts(Reply("Here:", files=(NOTE,) * 23))
    assert [len(part.files) for part in parts] == [10, 10, 3]
    big = replace(NOTE, mime="application/pdf", data=bytes(9 << 20))
    assert [len(part.files) for part in build_parts(Reply(files=(big,) * 5))] == [2, 2, 1]
    larger = replace(big, data=bytes(MAX_FILE_BYTES + 1))
    [part] = build_parts(Reply("Here:", files=(larger, NOTE)))
    assert part.text == "Here:\nA file is too large for Discord: the limit is 10 MB."
    assert part.files == (NOTE,)


def test_voice_messages_come_last_and_alone() -> None:
    voice = MessagePart("", (VOICE,), is_voice=True)
    assert build_parts(Reply(files=(VOICE,))) == [voice]
    parts = build_parts(Reply("Two takes", files=(VOICE, NOTE, VOICE)))
    assert parts == [MessagePart("Two takes", (NOTE,)), voice, voice]
    # Voice messages have no buttons: those get a message of their own.
    buttons = (Button("Again", "say", token="t"),)
    assert build_parts(Reply(files=(VOICE,), buttons=buttons)) == [MessagePart(), voice]


@pytest.mark.parametrize(
    "file",
    [
        replace(VOICE, duration_s=None), replace(VOICE, duration_s=0.0),
        replace(VOICE, duration_s=1200.5), replace(VOICE, waveform=b""),
        replace(VOICE, waveform=bytes(257)), replace(VOICE, mime="audio/wav"),
    ],
)  # fmt: skip
def test_an_unfit_voice_message_is_sent_as_a_file(file: File) -> None:
    assert build_parts(Reply(files=(file,))) == [MessagePart("", (file,))]


def test_a_large_text_file_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 100_000
    for module in ("files", "parts"):
        monkeypatch.setattr(f"bots.discord_bot.outgoing.{module}.MAX_FILE_BYTES", limit)
    data = "\n".join(f"第 {n} 行" for n in range(13_000)).encode()
    parts = build_parts(Reply(files=(replace(NOTE, data=data),)))
    files = [file for part in parts for file in part.files]
    assert [file.name for file in files] == ["notes-1.txt", "notes-2.txt"]
    assert b"".join(file.data for file in files) == data
    assert all(file.data.decode() and len(file.data) <= limit for file in files)
    unbroken = replace(NOTE, data="字".encode() * 40_000)
    files = [file for part in build_parts(Reply(files=(unbroken,))) for file in part.files]
    assert "".join(file.data.decode() for file in files) == "字" * 40_000


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a/../b.txt", "b.txt"), ("SPOILER_spoiler_x.ogg", "x.ogg"), ("", "file"),
        ("a\u202egpj.ogg", "agpj.ogg"), ("a\nb\x00.txt", "a b.txt"), ("C:\\x\\y.mp3", "y.mp3"),
        ("n" * 300 + ".txt", "n" * 80 + ".txt"), ("纪要.txt", "纪要.txt"),
    ],
)  # fmt: skip
def test_names_of_files(name: str, shown: str) -> None:
    assert name_file(name) == shown


@settings(max_examples=40)
@given(TEXTS, st.sampled_from([1, 2, 9, 80]), st.booleans())
def test_partial_text_is_the_end_of_the_text(text: str, times: int, is_ours: bool) -> None:
    shown = shorten(text * times, is_ours=is_ours)
    assert count_units(shown) <= MAX_UNITS and not read(shown).kinds
    assert squeeze(text * times).endswith(squeeze(read(shown).text).removeprefix("…"))
