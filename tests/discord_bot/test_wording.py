"""Discord's own words: instructions that work there, /help, options, choices that never fail."""

from __future__ import annotations

import re
from string import Formatter

import pytest
from babel.messages.pofile import read_po

from bots.discord_bot.interactions.menu import build_menu
from bots.discord_bot.wording import WORDING
from core import commands
from core.commands.help import LINE
from tests.discord_bot.test_rights import Scenario, program, scenario
from tests.support.discord_markdown import read
from tests.support.paths import ROOT

__all__ = ["program", "scenario"]

#: The program is a process of its own.
module_loop = pytest.mark.asyncio(loop_scope="module")
pytestmark = pytest.mark.real_time


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_text_that_is_replaced_exists() -> None:
    with (ROOT / "core/locale/zh/hearsay.po").open("rb") as file:
        known = {str(one.id) for one in read_po(file)}
    assert WORDING.keys() <= known | {LINE}
    assert all(fields(words) <= fields(text) for text, words in WORDING.items())


#: Words for what Discord calls otherwise.
FOREIGN = re.compile(r"(?i)\b(chats?|groups?|admins?|topic)\b")
#: A usage that other platforms show.
KEPT = {"last 2h | 200 | unread | topic | me | voice | short"}


#: What only operators read.
OF_OPERATORS = (
    "Say whose budget: ",
    *("Commands of operators: ", "Paused", "Add the text: /admin ", "Nothing was sent: "),
    *("('Send to {count} ", "('Sent to {count} ", "('{count} request to use this bot "),
)


@pytest.mark.finding(19)
def test_texts_speak_of_servers_and_channels() -> None:
    with (ROOT / "core/locale/zh/hearsay.po").open("rb") as file:
        known = [(str(one.id), {place for place, _ in one.locations}) for one in read_po(file)]
    ours = {text for text, places in known if any(one.startswith("core/") for one in places)}
    shown = {WORDING.get(text, text) for text in ours}
    odd = {text for text in shown if FOREIGN.search(re.sub(r"/voice chat", "", text))} - KEPT
    # Operators are one on all platforms.
    odd = {text for text in odd if not text.startswith(OF_OPERATORS)}
    assert odd == {text for text in odd if "on another platform, in a private chat" in text}


@module_loop
@pytest.mark.finding(19)
async def test_help_names_no_command_that_a_direct_message_lacks(scenario: Scenario) -> None:
    dm = scenario.server.dm(scenario.people["member"])
    answer = await scenario.give("member", "help", {}, dm)
    assert "</summary:" in answer.content
    assert "</join:" not in answer.content and "Voice channels" not in answer.content


@pytest.mark.finding(19)
def test_commands_and_options_are_described_in_words() -> None:
    for command in build_menu():
        options = command.get("options", [])
        for one in (command, *options):
            text = one.get("description", "words enough")
            assert len(text.split()) > 1 or text in ("Voice", "Style"), (command["name"], text)
            assert not re.search(r" \| |\[|\(admins\)|\bchat\b|reply to|(?<!\w)/[a-z]", text), text


@module_loop
@pytest.mark.finding(19)
async def test_help_is_grouped_and_its_commands_can_be_clicked(scenario: Scenario) -> None:
    answer = await scenario.give("member", "help", {})
    table = scenario.server.commands()
    shown = read(answer.content)
    listed = [name for name, _ in commands.menu(has_voice=True)]
    found = [source for kind, source in shown.markup if kind == "command"]
    assert sorted({*found}) == sorted(f"</{name}:{table[name]['id']}>" for name in listed)
    headings = re.findall(r"(?m)^\*\*(.+)\*\*$", answer.content)
    assert headings[0] == "Voice messages" and len(headings) == 5
    assert "Apps → Transcribe" in shown.text and len(answer.content) <= 2000


@module_loop
@pytest.mark.finding(19)
async def test_refusals_name_what_works_on_discord(scenario: Scenario) -> None:
    await scenario.reset()
    for name, options, words in (
        ("transcribe", {}, "Apps → Transcribe"),
        ("translate", {}, "Apps → Translate"),
        ("forget", {}, "Apps → Forget this"),
        ("remember", {"choice": "30d"}, "Manage Server"),
    ):
        answer = await scenario.give("member", name, options)
        assert words in answer.content and answer.is_ephemeral, (name, answer.content)


@module_loop
@pytest.mark.finding(19)
async def test_no_choice_of_a_voice_is_refused(scenario: Scenario) -> None:
    member, server = scenario.people["member"], scenario.server
    for place in (scenario.channel, server.dm(member)):
        for typed in ("", "design", "design a calm woman", "cl"):
            asked = server.autocomplete(place, member, "voice", "voice", typed)
            await server.wait_for(lambda: server.interaction(asked).response_type == 8)  # noqa: B023
            for choice in server.interaction(asked).choices[-4:]:
                answer = await scenario.give("member", "voice", {"voice": choice["value"]}, place)
                assert answer.content, choice
    query = "select jobs.error from jobs where command = 'voice' and state != 'done'"
    assert scenario.program.rows(query) == []


@module_loop
@pytest.mark.finding(19)
@pytest.mark.parametrize(
    ("locale", "thread", "unread"),
    [("en-US", "this thread", "unread"), ("zh-CN", "此子区", "未读")],
)
async def test_suggestions_are_in_its_words_and_the_persons_language(
    scenario: Scenario, locale: str, thread: str, unread: str
) -> None:
    member, server = scenario.people["member"], scenario.server
    server.change(member, locale=locale)
    asked = server.autocomplete(scenario.channel, member, "summary", "range")
    await server.wait_for(lambda: server.interaction(asked).response_type == 8)
    names = {one["value"]: one["name"] for one in server.interaction(asked).choices}
    # What the bot is sent is what it understands in every language.
    assert (names["this topic"], names["unread"]) == (thread, unread)
