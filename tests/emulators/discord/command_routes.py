"""Application command endpoints: list and bulk overwrite, with validation."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from tests.emulators.discord.api import ApiRequest, ApiResponse
from tests.emulators.discord.errors import ApiError, bad_field, too_long

CHAT_INPUT, USER_MENU, MESSAGE_MENU = 1, 2, 3
#: Maximum number of commands of each type. Context menus: 15 since March 2026.
_MAX_COMMANDS = {CHAT_INPUT: 100, USER_MENU: 15, MESSAGE_MENU: 15}
MAX_COMMAND_CHARS = 8000
_NAME = re.compile(r"[-_'\w]{1,32}\Z")
_LOCALES = (
    "id da de en-GB en-US es-ES es-419 fr hr it lt hu nl no pl pt-BR ro fi sv-SE vi tr cs el bg "
    "ru uk hi th zh-CN ja zh-TW ko"
)
LOCALES = frozenset(_LOCALES.split())


def list_commands(request: ApiRequest) -> ApiResponse:
    return 200, [*request.world.commands.values()]


def overwrite_commands(request: ApiRequest) -> ApiResponse:
    wanted: list[dict[str, Any]] = request.body or []
    _check_table(wanted)
    before = {(one["type"], one["name"]): one for one in request.world.commands.values()}
    after = [_save_command(request, one, before) for one in wanted]
    kept = {one["id"] for one in after}
    for one in before.values():
        if one["id"] not in kept:
            del request.world.commands[one["id"]]
    request.api.command_writes.append((request.recorded.route, [one["name"] for one in wanted]))
    return 200, after


def _save_command(
    request: ApiRequest, wanted: dict[str, Any], before: dict[tuple[int, str], dict[str, Any]]
) -> dict[str, Any]:
    kind = wanted.get("type", CHAT_INPUT)
    old = before.get((kind, wanted["name"]))
    defaults = {
        "application_id": request.world.application_id, "description": "", "dm_permission": True,
        "default_member_permissions": None, "nsfw": False, "integration_types": [0],
        "contexts": None, "name_localizations": None, "description_localizations": None,
    }  # fmt: skip
    command_id = old["id"] if old else request.world.snowflake()
    given = {name: value for name, value in wanted.items() if value is not None}
    made = {
        **defaults,
        **given,
        "type": kind,
        "id": command_id,
        "version": request.world.snowflake(),
    }
    request.world.commands[command_id] = made
    return made


def _check_table(commands: list[dict[str, Any]]) -> None:
    counts = Counter(one.get("type", CHAT_INPUT) for one in commands)
    for kind, count in counts.items():
        if count > _MAX_COMMANDS.get(kind, 0):
            raise ApiError(
                400, 30032, f"Maximum number of commands reached ({_MAX_COMMANDS[kind]})"
            )
    names = [(one.get("type", CHAT_INPUT), one.get("name")) for one in commands]
    for number, one in enumerate(commands):
        if names.index(names[number]) != number:
            words = "Application command names must be unique"
            raise bad_field(f"{number}", "APPLICATION_COMMANDS_DUPLICATE_NAME", words)
        _check_command(f"{number}", one)


def _check_command(path: str, command: dict[str, Any]) -> None:
    if command.get("type", CHAT_INPUT) == CHAT_INPUT:
        _check_words(path, command)
        _check_options(f"{path}.options", command.get("options") or [])
    elif command.get("description"):
        words = "Context menu commands cannot have description"
        raise bad_field(f"{path}.description", "APPLICATION_COMMAND_CONTEXT_MENU", words)
    elif not 1 <= len(command["name"]) <= 32:
        raise too_long(f"{path}.name", 32)
    if _count_chars(command) > MAX_COMMAND_CHARS:
        raise bad_field(
            path, "APPLICATION_COMMAND_TOO_LARGE", "Command exceeds maximum size (8000)"
        )


def _check_words(path: str, one: dict[str, Any]) -> None:
    names = {"name": one.get("name", ""), **_locales(path, one, "name")}
    for key, name in names.items():
        if not _NAME.match(name) or name != name.lower():
            words = "Command name is invalid"
            raise bad_field(f"{path}.{key}", "APPLICATION_COMMAND_INVALID_NAME", words)
    texts = {"description": one.get("description", ""), **_locales(path, one, "description")}
    for key, text in texts.items():
        if not 1 <= len(text) <= 100:
            words = "Must be between 1 and 100 in length."
            raise bad_field(f"{path}.{key}", "BASE_TYPE_BAD_LENGTH", words)


def _locales(path: str, one: dict[str, Any], name: str) -> dict[str, str]:
    found: dict[str, str] = one.get(f"{name}_localizations") or {}
    if unknown := set(found) - LOCALES:
        words = f"{unknown.pop()} is no locale"
        raise bad_field(f"{path}.{name}_localizations", "DICT_TYPE_INVALID_KEY", words)
    return {f"{name}_localizations.{key}": text for key, text in found.items()}


def _check_options(path: str, options: list[dict[str, Any]]) -> None:
    if len(options) > 25:
        raise bad_field(path, "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    is_optional = False
    for number, one in enumerate(options):
        place = f"{path}.{number}"
        _check_words(place, one)
        if one.get("required") and is_optional:
            words = "Required options must be placed before non-required options"
            raise bad_field(place, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", words)
        is_optional |= not one.get("required")
        choices = one.get("choices") or []
        if len(choices) > 25 or (choices and one.get("autocomplete")):
            raise bad_field(f"{place}.choices", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer.")


def _count_chars(one: dict[str, Any]) -> int:
    """Return the size of a command: names, descriptions (longest localization) and values."""
    total = 0
    for name in ("name", "description"):
        texts = [one.get(name) or "", *(one.get(f"{name}_localizations") or {}).values()]
        total += max(map(len, texts))
    total += sum(len(str(choice["value"])) for choice in one.get("choices") or [])
    return total + sum(_count_chars(option) for option in one.get("options") or [])
