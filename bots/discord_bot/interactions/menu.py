"""Registers slash commands and message menu entries, in each language, when they changed.

All of them come from the command table. The dicts are Discord's application command objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import discord
from discord.http import Route

from bots.discord_bot.client.gateway import DiscordClient
from bots.discord_bot.wording import WORDING
from core import commands
from core.commands import Command
from core.commands.arguments import CHOICES, Argument, MessageAction
from core.locale import LANGUAGES, mark, translate

CHAT_INPUT, MESSAGE = 1, 3
#: The entry point that Discord adds to apps with an activity: leaving it out is an error.
_ENTRY_POINT = 4
STRING, ATTACHMENT = 3, 11
#: Longest description of a command or an option.
MAX_HELP_CHARS = 100
MAX_TEXT_CHARS = 6000

#: The option that takes a file.
RECORDING = mark("recording")
RECORDING_HELP = mark("A voice message or another recording")

#: Valid names of commands and options, and of message menu entries. One invalid name and Discord
#: refuses the whole table.
_WORD, _LABEL = re.compile(r"[-_'\w]{1,32}"), re.compile(r".{1,32}")

#: Installation contexts, and interaction contexts.
GUILD, USER = 0, 1
IN_GUILD, BOT_DM, PRIVATE_CHANNEL = 0, 1, 2

#: Our languages -> Discord's locales: "zh" -> "zh-CN" and "zh-TW".
_LOCALES = {
    language: tuple(one.value for one in discord.Locale if one.value.split("-")[0] == language)
    for language in LANGUAGES
}
#: "id" (Indonesian) is not among them, since commands have an id.
_LOCALE_FIELDS = {one.value for one in discord.Locale} - {"id"}
#: Values that Discord leaves out, or writes as null, where nothing was set.
_UNSET: tuple[object, ...] = (None, False, "", [], {})
#: Fields that must be compared even where ours leaves them out.
_COMPARED = frozenset({"options", "choices", "default_member_permissions", *_LOCALE_FIELDS})


def build_menu(*, has_voice: bool = True) -> list[dict[str, Any]]:
    """Return all slash commands and message menu entries.

    has_voice: the bot can join voice channels.
    """
    menu = commands.menu(has_voice=has_voice)
    slash = (build_slash(name, command) for name, command in menu)
    message_actions = (
        build_message_action(one) for _, command in menu for one in command.message_actions
    )
    return [*slash, *message_actions]


def build_slash(name: str, command: Command) -> dict[str, Any]:
    """Return the slash command of a command."""
    body = {
        "type": CHAT_INPUT,
        **_name(name),
        **_describe(command.help),
        "options": build_options(command),
        "integration_types": [GUILD, USER],
        "contexts": [IN_GUILD, BOT_DM, PRIVATE_CHANNEL],
    }
    if command.needs_voice_channels:
        return body | {"integration_types": [GUILD], "contexts": [IN_GUILD]}
    if command.is_for_admins:
        # Elsewhere there are no settings for admins alone.
        rights = discord.Permissions(manage_guild=True).value
        body |= {
            "integration_types": [GUILD],
            "contexts": [IN_GUILD, BOT_DM],
            "default_member_permissions": str(rights),
        }
    return body


def build_message_action(action: MessageAction) -> dict[str, Any]:
    """Return the message menu entry of an action."""
    return {
        "type": MESSAGE,
        **_name(action.label, _LABEL),
        "integration_types": [GUILD, USER],
        "contexts": [IN_GUILD, BOT_DM, PRIVATE_CHANNEL],
    }


def build_options(command: Command) -> list[dict[str, Any]]:
    """Return the options of a slash command, the required ones first as Discord demands."""
    fields = sorted(command.arguments, key=lambda field: not field.is_required)
    options = [_build_option(field) for field in fields]
    if command.takes_audio:
        help_ = _describe(RECORDING_HELP)
        options.append({"type": ATTACHMENT, **_name(RECORDING), **help_})
    return options


def _build_option(field: Argument) -> dict[str, Any]:
    option = {"type": STRING, **_name(field.name), **_describe(field.help)}
    option |= {"required": field.is_required, "autocomplete": field.suggest is not None}
    if field.choices:
        return option | {"choices": [_build_choice(choice) for choice in field.choices]}
    return option | {"max_length": MAX_TEXT_CHARS}


def _build_choice(choice: str) -> dict[str, Any]:
    label = CHOICES[choice]
    return {**_name(WORDING.get(label, label), _LABEL), "value": choice}


def _name(name: str, pattern: re.Pattern[str] = _WORD) -> dict[str, Any]:
    """Return the name fields; translations that are not valid names are left out."""
    localized = {
        code: text for code, text in _translations(name).items() if pattern.fullmatch(text)
    }
    return {"name": name, "name_localizations": localized}


def _describe(text: str) -> dict[str, Any]:
    text = WORDING.get(text, text)
    described = {code: _cut(words) for code, words in _translations(text).items()}
    return {"description": _cut(text), "description_localizations": described}


def _cut(text: str) -> str:
    return text if len(text) <= MAX_HELP_CHARS else f"{text[: MAX_HELP_CHARS - 1]}…"


def _translations(text: str) -> dict[str, str]:
    """Return Discord locale -> translation, where it differs from the English text."""
    by_language = ((language, translate(text, language)) for language in LANGUAGES)
    changed = ((language, words) for language, words in by_language if words != text)
    return {code: words for language, words in changed for code in _LOCALES[language]}


def build_table(
    known: Iterable[Mapping[str, Any]], *, has_voice: bool = True
) -> list[dict[str, Any]]:
    """Return the wanted table, with the entry point that Discord added to the known one."""
    entry_points = (dict(one) for one in known if one.get("type") == _ENTRY_POINT)
    return [*build_menu(has_voice=has_voice), *entry_points]


async def update_menu(client: DiscordClient) -> int:
    """Update Discord's table; return the number of commands, 0 if nothing had changed.

    Raises what the client's requests raise.
    """
    application_id = client.application_id
    assert application_id is not None
    route = Route("GET", "/applications/{application_id}/commands", application_id=application_id)
    # Without this, Discord leaves translations out.
    known: Any = await client.http.request(route, params={"with_localizations": "true"})
    wanted = build_table(known, has_voice=client.has_gateway)
    is_changed = not is_same(wanted, known)
    if is_changed:
        known = await client.http.bulk_upsert_global_commands(application_id, wanted)
    slash = [one for one in known if one.get("type", CHAT_INPUT) == CHAT_INPUT]
    client.command_ids = {str(one["name"]): str(one["id"]) for one in slash}
    return len(wanted) if is_changed else 0


def is_same(wanted: Iterable[Mapping[str, Any]], known: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether Discord's table equals ours, apart from fields that Discord adds."""
    ours = {(one["type"], one["name"]): one for one in wanted}
    theirs = {(one.get("type", CHAT_INPUT), one["name"]): one for one in known}
    return ours.keys() == theirs.keys() and all(
        _equals(theirs[key], command) for key, command in ours.items()
    )


def _equals(known: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping) and isinstance(known, Mapping):
        names = chain(wanted, _COMPARED & known.keys())
        return all(_equals(known.get(name), wanted.get(name)) for name in names)
    if isinstance(wanted, list) and isinstance(known, list):
        if all(isinstance(one, int) for one in chain(wanted, known)):
            return sorted(wanted) == sorted(known)
        return len(wanted) == len(known) and all(map(_equals, known, wanted))
    return bool(known == wanted or (known in _UNSET and wanted in _UNSET))
