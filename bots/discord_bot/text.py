"""Text as people wrote it on Discord, and what is left out of it. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

# Control characters, overrides of the writing direction, halves of surrogate pairs.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MENTION = re.compile(r"<@!?([0-9]{1,20})>")
_EMOJI = re.compile(r"<a?(:\w{1,64}:)[0-9]{1,20}>")


def clean(text: str) -> str:
    """Return `text` without characters that disturb the screen or that Discord refuses."""
    return _UNSAFE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def clean_line(text: str) -> str:
    """Return a name in one line of bearable length."""
    return re.sub(r"\s+", " ", clean(text)).strip()[:255]


def is_blank(text: str) -> bool:
    """Tell whether nobody would see anything."""
    return all(c.isspace() or unicodedata.category(c) in ("Cf", "Cc", "Mn") for c in text)


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
