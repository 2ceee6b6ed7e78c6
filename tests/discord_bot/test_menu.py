"""Registered commands are those of the table, and are updated only when they change."""

from __future__ import annotations

import asyncio
import copy
from itertools import pairwise
from typing import Any
from unicodedata import category

import discord
import pytest

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.client.gateway import OPEN_WAIT_S
from bots.discord_bot.interactions import menu
from bots.discord_bot.interactions.menu import build_menu, build_options, build_table, is_same
from bots.discord_bot.interactions.receiving import MENU_WAITS_S
from core import commands
from core.commands import Command
from core.commands.arguments import (
    CHOICE_HELP,
    Argument,
    MessageAction,
    derive_arguments,
    join_arguments,
)
from core.commands.context import Context
from core.config import Settings
from core.locale import LANGUAGES
from core.models import Reply
from tests.discord_bot.conftest import run_bot
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_inbox import FakeInbox


async def newcomer(ctx: Context) -> Reply:
    return Reply()


#: What is only for voice channels, which only servers have.
VOICE_CHANNELS = {
    place
    for name, place in commands.COMMANDS.items()
    if commands.load_command(name).needs_voice_channels
}
NEWCOMER = Command(
    "Count the words",
    newcomer,
    usage="text",
    takes_audio=True,
    message_actions=(MessageAction("Count this"),),
)


def listed() -> list[tuple[str, Command]]:
    return commands.menu(has_voice=True)


def by_name() -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in build_menu()}


def test_every_command_is_registered_with_its_message_actions() -> None:
    message_actions = [use.label for _, command in listed() for use in command.message_actions]
    assert [one["name"] for one in build_menu()] == [
        *(name for name, _ in listed()),
        *message_actions,
    ]
    assert {"Transcribe", "Transcribe for me", "Ask about this", "Read aloud", "Translate"} <= {
        *message_actions
    }
    assert "tts" not in by_name()


#: Discord's locales of our languages.
LOCALES = {
    one.value for one in discord.Locale if one.value.partition("-")[0] in LANGUAGES
}  # such as "zh-CN" and "zh-TW"


def test_texts_are_in_every_language_and_none_is_cut() -> None:
    for one in build_menu():
        assert set(one["name_localizations"]) == LOCALES, one["name"]
        for described in (one, *one.get("options", [])) if one["type"] == 1 else ():
            assert set(described["description_localizations"]) == LOCALES, described["name"]
            for text in (
                described["description"],
                *described["description_localizations"].values(),
            ):
                assert 1 <= len(text) <= 100 and not (len(text) == 100 and text[-1] == "…"), text


async def test_options_and_choices_are_named_in_every_language(
    server: Server, settings: Settings
) -> None:
    async with run_bot(settings, FakeInbox()):
        await server.wait_for(server.commands)
    options = [one for command in server.commands().values() for one in command.get("options", [])]
    assert {one["name"] for one in options} >= {"range", "time", "whose", "choice", "recording"}
    for one in options:
        shown = set(one["name_localizations"].values())
        assert {*one["name_localizations"]} == LOCALES and one["name"] not in shown
        for name in (one["name"], *shown):
            assert 1 <= len(name) <= 32 and name == name.lower()
            assert all(c in "-_" or category(c)[0] in "LN" for c in name), name
        for choice in one.get("choices", []):
            assert set(choice["name_localizations"]) == LOCALES, choice


def test_admin_commands_are_shown_to_admins_only() -> None:
    limited = {one["name"] for one in build_menu() if one.get("default_member_permissions")}
    assert limited == {"auto", "replies", "think", "digest"}
    # Everybody may leave what is remembered.
    assert "remember" not in limited
    for one in build_menu():
        is_limited = one["name"] in limited
        assert (one.get("default_member_permissions") == "32") == is_limited
        is_of_servers = is_limited or commands.COMMANDS.get(one["name"]) in VOICE_CHANNELS
        assert one["integration_types"] == ([0] if is_of_servers else [0, 1])


def test_options_come_from_the_command_table() -> None:
    say = by_name()["say"]["options"]
    assert [one["name"] for one in say] == ["text", "voice", "style"]
    assert [one["required"] for one in say] == [True, False, False]
    assert [one["autocomplete"] for one in say] == [False, True, True]
    assert [one["value"] for one in by_name()["auto"]["options"][0]["choices"]] == ["on", "off"]
    for name in ("transcribe", "ask"):
        assert by_name()[name]["options"][-1]["type"] == 11
    for _, command in listed():
        required = [bool(one.get("required")) for one in build_options(command)]
        assert required == sorted(required, reverse=True)  # as Discord wants


async def test_a_new_command_needs_one_table_entry(
    server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As for its file and its line in the table: nothing of Discord's is touched.
    load = commands.load_command
    monkeypatch.setitem(commands.COMMANDS, "count", "nowhere:command")
    monkeypatch.setattr(
        commands, "load_command", lambda name: NEWCOMER if name == "count" else load(name)
    )
    async with run_bot(settings, FakeInbox()):
        await server.wait_for(server.commands)
    found = server.commands()
    assert [one["name"] for one in found["count"]["options"]] == ["text", "recording"]
    assert found["Count this"]["type"] == 3


async def test_commands_are_registered_when_they_change(
    server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for times in range(1, 4):
        async with run_bot(settings, FakeInbox()):
            await server.wait_for(
                lambda: len(server.requests_to("GET */commands")) == times  # noqa: B023
            )
            await server.wait_for(server.commands)
    assert len(server.command_writes()) == 1
    monkeypatch.delitem(commands.COMMANDS, "think")
    async with run_bot(settings, FakeInbox()):
        await server.wait_for(lambda: len(server.command_writes()) == 2)
    assert "think" not in server.commands()


async def test_failed_registration_is_retried(server: Server, settings: Settings) -> None:
    server.fault("GET */commands", "status", status=503, count=len(MENU_WAITS_S) + 1)
    async with run_bot(settings, FakeInbox()):
        await server.wait_for(server.commands, 2 * sum(MENU_WAITS_S))
    tries = server.requests_to("GET */commands")
    waits_s = [round(later.received_at - one.received_at) for one, later in pairwise(tries)]
    assert waits_s == [round(wait_s) for wait_s in (*MENU_WAITS_S, MENU_WAITS_S[-1])]


async def test_registration_waits_for_a_login_that_is_under_way(bot: Bot, server: Server) -> None:
    bot.client._is_open.clear()
    await bot.client._reset()
    registering = asyncio.create_task(bot._interactions.update_menu())
    await asyncio.sleep(OPEN_WAIT_S + 1)
    await bot.client.open()
    await registering
    assert server.commands()


def test_invalid_translated_names_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"voice": "a voice", "style": "风格", "Translate": "翻译 这条"}
    monkeypatch.setattr(menu, "translate", lambda text, language: words.get(text, text))
    assert by_name()["voice"]["name_localizations"] == {}
    assert set(by_name()["style"]["name_localizations"].values()) == {"风格"}
    assert set(by_name()["Translate"]["name_localizations"].values()) == {"翻译 这条"}


def as_discord_tells(commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a table as Discord stores it: with ids, without false values, lists reordered."""
    told = copy.deepcopy(commands)[::-1]
    for one in told:
        one |= {"id": "1", "version": "2", "application_id": "3", "nsfw": False}
        one["contexts"] = one["contexts"][::-1]
        one.setdefault("default_member_permissions", None)
        for option in one.get("options", []):
            for name in ("required", "autocomplete", "name_localizations"):
                if not option.get(name):
                    option.pop(name, None)
    return told


#: A command, the field of it or of its first option that is changed, and to what.
CHANGES = [
    ("help", "", "description", "Another"),
    ("Translate", "", "name_localizations", {"zh-CN": "转写"}),
    ("help", "", "options", [{"type": 3, "name": "what", "description": "What"}]),
    ("auto", "options", "choices", []),
    ("say", "options", "choices", [{"name": "a", "value": "a"}]),
    ("help", "", "default_member_permissions", "8"),
    ("auto", "", "default_member_permissions", None),
    ("help", "", "contexts", [0]),
    ("help", "", "name", "tts"),
]


@pytest.mark.parametrize(("command", "part", "name", "value"), CHANGES)
def test_every_difference_is_found(command: str, part: str, name: str, value: Any) -> None:
    told = as_discord_tells(build_menu())
    assert is_same(build_menu(), told)
    assert not is_same(build_menu(), told[1:]) and not is_same(build_menu()[1:], told)
    one = next(one for one in told if one["name"] == command)
    (one[part][0] if part else one)[name] = value
    assert not is_same(build_menu(), told)


def test_discords_own_entry_point_is_kept() -> None:
    own = {"id": "77", "type": 4, "name": "launch", "description": ""}
    table = build_table([own, {"id": "78", "type": 1, "name": "old", "description": "Old"}])
    assert table[-1] == own and "old" not in [one["name"] for one in table]
    assert is_same(table, [*as_discord_tells(build_menu()), own])


@pytest.mark.parametrize(
    ("argument", "fields"),
    [
        ("", ()), ("on | off", (Argument("choice", CHOICE_HELP, choices=("on", "off")),)),
        ("text", (Argument("text", "text", is_required=True),)),
        ("[text]", (Argument("text", "text"),)),
        ("time [zone] | off", (Argument("what", "time [zone] | off"),)),
    ],
)  # fmt: skip
def test_arguments_are_derived_from_usage(argument: str, fields: tuple[Argument, ...]) -> None:
    assert derive_arguments(argument) == fields


@pytest.mark.parametrize(
    ("name", "values", "typed"),
    [
        ("say", {"text": "Good morning"}, "Good morning"),
        (
            "say",
            {"text": "Hi", "style": 'so "warm", slow', "voice": "kept:12"},
            'voice:"kept:12" style:"so \'warm\', slow" Hi',
        ),
        ("translate", {"language": "de", "text": "is: {} foo"}, "de: is: {} foo"),
        ("translate", {"language": "de"}, "de:"),
        ("glossary", {"remove": "2"}, "remove 2"),
        ("auto", {"choice": "on"}, "on"),
        ("ask", {"question": "  Who?  "}, "Who?"),
        ("help", {"unknown": "x"}, ""),
    ],
)
def test_options_become_command_text(name: str, values: dict[str, str], typed: str) -> None:
    assert join_arguments(commands.load_command(name).arguments, values) == typed


@pytest.mark.parametrize("code", sorted(LOCALES))
def test_command_names_are_unique_in_every_language(code: str) -> None:
    for kind in (1, 3):
        of_kind = [one for one in build_menu() if one["type"] == kind]
        names = [one["name_localizations"].get(code, one["name"]) for one in of_kind]
        assert len(set(names)) == len(names)
        for one in of_kind:
            options = one.get("options", [])
            shown = [option["name_localizations"].get(code, option["name"]) for option in options]
            assert len(set(shown)) == len(shown)
