"""Styles of replies: bold headings, times, codes, commands, and a model's Markdown."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.outgoing.markdown import read_markdown
from bots.discord_bot.outgoing.parts import MAX_UNITS, build_parts
from core.models import Link, Reply, Span
from tests.discord_bot.test_markdown import TEXTS
from tests.support.discord_markdown import read
from tests.support.discord_server_chat import ServerChannel, only

#: What a model's text must never contain for Discord's client.
FORBIDDEN = {
    "autolink", "url", "mail", "user", "role", "channel", "command", "guild", "emoji", "moment",
    "everyone", "spoiler", "link", "quote of all", "small print",
}  # fmt: skip


@pytest.mark.finding(19)
async def test_headings_are_bold_and_times_are_those_of_the_reader(
    bot: Bot, channel: ServerChannel
) -> None:
    text = "2026-11-21 14:02 – 15:10 · 3 messages\n\nThe *boat*\n• Ada buys it"
    spans = (
        Span(0, 16, "time", 1795269720),
        Span(19, 24, "time", 1795273800),
        Span(39, 49, "bold"),
    )
    await channel.answer(bot, Reply(text, spans=spans))
    content = only(channel.server.replies(channel.id)).content
    first, _, heading, point = content.split("\n")
    assert first == "<t:1795269720:f> – <t:1795273800:t> · 3 messages"
    assert heading == "**The \\*boat\\***" and point == "• Ada buys it"


@pytest.mark.finding(19)
def test_a_time_that_is_a_link_is_both() -> None:
    text = "2026-11-21 14:02 Ada: tiles"
    url = "https://discord.com/channels/1/2/3"
    spans, links = (Span(0, 16, "time", 1795269720),), (Link(0, 16, "3"),)
    [part] = build_parts(Reply(text, spans=spans, links=links), lambda _: url)
    assert part.text == f"<t:1795269720:f> [↗]({url}) Ada: tiles"


@pytest.mark.finding(19)
async def test_a_code_can_be_copied(bot: Bot, channel: ServerChannel) -> None:
    text = "Send this:\n\n/link ABCD-EFGH"
    await channel.answer(bot, Reply(text, spans=(Span(12, len(text), "code"),)))
    content = only(channel.server.replies(channel.id)).content
    assert content == "Send this:\n\n`/link ABCD-EFGH`"


@pytest.mark.finding(19)
async def test_a_models_markdown_is_rendered(bot: Bot, channel: ServerChannel) -> None:
    text = (
        "## Result\n"
        "It is **bold**, *leaning*, __strong__ and `co*de`.\n"
        "* one\n1. two\n> said\n"
        "```python\nprint('*x*')\n```\nsnake_case_name"
    )
    await channel.answer(bot, Reply(text, is_markdown=True))
    content = only(channel.server.replies(channel.id)).content
    assert content == (
        "**Result**\n"
        "It is **bold**, *leaning*, **strong** and `co*de`.\n"
        "- one\n1. two\n> said\n"
        "`print('*x*')`\nsnake_case_name"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("3 + 4 = 7", "3 + 4 = 7"), ("2 * 3 = 6", "2 * 3 = 6"), ("  + 3 + 4", "  - 3 + 4"),
        ("# C#", "**C#**"), ("# C ##", "**C**"), ("# ##", "# ##"), ("\\\\\\<t:0>", "\\<\u2060t:0>"),
    ],
)  # fmt: skip
def test_what_only_looks_like_markdown_stays(text: str, shown: str) -> None:
    assert [line.render() for line in read_markdown(text)] == [shown]


@pytest.mark.parametrize("text", ["# {}x{}y", "{}x", "# #{}#"])
@pytest.mark.parametrize("filling", [" ", "\\", "*"])
def test_a_long_line_of_a_models_answer_takes_no_time(text: str, filling: str) -> None:
    begun_s = time.process_time()
    build_parts(Reply(text.replace("{}", filling * 1500), is_markdown=True))
    assert time.process_time() - begun_s < 1


async def test_a_models_markdown_pings_and_links_nothing(bot: Bot, channel: ServerChannel) -> None:
    text = (
        "@everyone <@1> <#1> <t:0> </say:1> [a](https://evil.example) https://evil.example "
        "`https://evil.example` ||hidden||\n-# small\n>>> all"
    )
    await channel.answer(bot, Reply(text, is_markdown=True))
    content = only(channel.server.replies(channel.id)).content
    assert channel.server.pings() == [] and not read(content).kinds & FORBIDDEN
    assert "https://" not in content


@example("", "\\<+1234567>")
@given(TEXTS, TEXTS)
def test_no_mixture_makes_a_link_or_a_mention(text: str, more: str) -> None:
    for line in read_markdown(f"{text}\n{more}"):
        assert not read(line.render()).kinds & FORBIDDEN


@example("\n```a", 1)
@example("```a``` a\n", 2)
@given(st.text("*_`~ #>-a\n", max_size=300), st.integers(1, 30))
def test_markdown_of_any_length_fits_its_messages(text: str, times: int) -> None:
    parts = build_parts(Reply(text * times, is_markdown=True))
    assert all(len(part.text) <= MAX_UNITS for part in parts)
    lines = (text * times).splitlines()
    # What follows a fence names the language of the code.
    kept = [line for line in lines if not re.fullmatch(r"\s*(```|~~~)[^`]*", line)]
    assert sum(part.text.count("a") for part in parts) == "".join(kept).count("a")


@pytest.mark.finding(19)
def test_names_of_commands_can_be_clicked() -> None:
    ids = {"say": "11", "remember": "12"}
    text = "/say speaks. See (/remember on), not /unknown, and/say or /say/x."
    [part] = build_parts(Reply(text, "/say"), command_ids=ids)
    shown = read(part.text)
    assert [source for kind, source in shown.markup if kind == "command"] == [
        "</say:11>",
        "</remember:12>",
    ]
    as_code = Reply("/say", spans=(Span(0, 4, "code"),))
    assert build_parts(as_code, command_ids=ids)[0].text == "`/say`"
