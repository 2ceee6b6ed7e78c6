"""Text as people wrote it on Discord, and what is left out of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bots.common.text import clean

_MENTION = re.compile(r"<@!?([0-9]{1,20})>")
_EMOJI = re.compile(r"<a?(:\w{1,64}:)[0-9]{1,20}>")


def clean_line(text: str) -> str:
    """Return a name in one line of bearable length."""
    return re.sub(r"\s+", " ", clean(text)).strip()[:255]


def mentions(content: str, user_id: str) -> bool:
    """Tell whether a text calls a person by a mention."""
    return user_id in _MENTION.findall(content)


def read_content(raw: Mapping[str, Any], bot_id: str) -> str:
    """Return the text of a message with names in place of mentions, ours left out."""
    names = {str(u["id"]): read_name(u) for u in raw.get("mentions") or ()}

    def name(match: re.Match[str]) -> str:
        user_id = match[1]
        return "" if user_id == bot_id else f"@{names[user_id]}" if user_id in names else match[0]

    text = _EMOJI.sub(r"\1", _MENTION.sub(name, raw.get("content") or ""))
    return clean(text).strip()


def read_name(user: Mapping[str, Any], member: Mapping[str, Any] | None = None) -> str:
    """Return what a person is called: in the server, everywhere, or by their user name."""
    nick = (member or {}).get("nick")
    return clean_line(nick or user.get("global_name") or user.get("username") or "")
