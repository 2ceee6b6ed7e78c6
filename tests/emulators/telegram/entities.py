"""Message entities: lengths in UTF-16 code units, and Telegram's validation.

Source of the error texts: TDLib `MessageEntity.cpp`.
"""

from __future__ import annotations

import re
from typing import Any

from tests.emulators.telegram.errors import bad_request

Entity = dict[str, Any]

MAX_ENTITIES = 100

_LINK = re.compile(r"(?:(?:https?|ftp|tg|ton|tonsite)://)?[^\s/.]+\.[^\s.]|tg://\S", re.IGNORECASE)


def utf16_length(text: str) -> int:
    """Return the length of `text` in UTF-16 code units, in which Telegram counts."""
    return len(text) + sum(character > "\uffff" for character in text)


def is_link(url: str) -> bool:
    """Return whether Telegram accepts this as a URL."""
    return _LINK.match(url) is not None


def check_entities(text: str, entities: list[Entity]) -> list[Entity]:
    """Return the entities that Telegram keeps. Raises ApiError for an invalid offset or length."""
    if len(entities) > MAX_ENTITIES:
        raise bad_request("ENTITIES_TOO_LONG")
    kept = []
    bounds = _symbol_bounds(text) if entities else {}
    for entity in sorted(entities, key=lambda one: (one["offset"], -one["length"])):
        start, length = int(entity["offset"]), int(entity["length"])
        if start < 0:
            raise bad_request(f"receive an entity with incorrect offset {start}")
        if length < 0:
            raise bad_request(f"receive an entity with incorrect length {length}")
        if length:
            _check_bounds(bounds, start, start + length)
            # Telegram drops a text_link with an invalid URL and keeps its text.
            if entity["type"] != "text_link" or is_link(entity.get("url", "")):
                kept.append(entity)
    return kept


def _symbol_bounds(text: str) -> dict[int, int]:
    """Map the UTF-16 offset of each character, and of the text's end, to its byte offset."""
    bounds, units, size = {0: 0}, 0, 0
    for character in text:
        units += 2 if character > "\uffff" else 1
        size += len(character.encode("utf-8", "surrogatepass"))
        bounds[units] = size
    return bounds


def _check_bounds(bounds: dict[int, int], start: int, end: int) -> None:
    last = max(bounds)
    if start > last:
        raise bad_request(f"entity begins after the end of the text at UTF-16 offset {start}")
    if start not in bounds:
        raise bad_request(
            f"entity begins in a middle of a UTF-16 symbol at byte offset {bounds[start + 1]}"
        )
    if end > last:
        raise bad_request(
            f"entity beginning at UTF-16 offset {start} ends after the end of the text at "
            f"UTF-16 offset {end}"
        )
    if end not in bounds:
        raise bad_request(
            f"entity beginning at UTF-16 offset {start} ends in a middle of a UTF-16 symbol at "
            f"byte offset {bounds[end + 1]}"
        )
