"""Text with entities: lengths in UTF-16 units, HTML and MarkdownV2 markup, and the real refusals.

Source of the error texts: TDLib `MessageEntity.cpp`.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from tests.emulators.telegram.errors import bad_request

Entity = dict[str, Any]

MAX_ENTITIES = 100

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)([^<>]*)>|<")
_ATTRIBUTE = re.compile(r"([a-z-]+)(?:=(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+)))?", re.IGNORECASE)
_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "code": "code",
    "pre": "pre",
    "a": "text_link",
    "blockquote": "blockquote",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
}
_LINK = re.compile(r"(?:(?:https?|ftp|tg|ton|tonsite)://)?[^\s/.]+\.[^\s.]|tg://\S", re.IGNORECASE)
#: MarkdownV2: what opens and closes, the longer marks first.
_MARKS = {"```": "pre", "||": "spoiler", "__": "underline"} | {
    "*": "bold",
    "_": "italic",
    "~": "strikethrough",
    "`": "code",
}
_RESERVED = frozenset("]()>#+-=|{}.!")


def utf16_length(text: str) -> int:
    """Return the length of `text` in UTF-16 code units, in which Telegram counts."""
    return len(text) + sum(character > "\uffff" for character in text)


def is_link(url: str) -> bool:
    """Tell whether Telegram takes this for an address."""
    return _LINK.match(url) is not None


def parse_text(text: str, parse_mode: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Return the visible text and its entities. Raises ApiError as the real server does."""
    mode = parse_mode.lower()
    if not text or mode in ("", "none"):
        return text, entities
    if mode == "html":
        return _parse_html(text)
    if mode in ("markdownv2", "markdown"):
        return _parse_markdown(text, is_strict=mode == "markdownv2")
    raise bad_request("unsupported parse_mode")


def check_entities(text: str, entities: list[Entity]) -> list[Entity]:
    """Return the entities that show. Raises ApiError for one that does not fit the text."""
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
            # Telegram drops a link without a proper address and keeps the words.
            if entity["type"] != "text_link" or is_link(entity.get("url", "")):
                kept.append(entity)
    return kept


def _symbol_bounds(text: str) -> dict[int, int]:
    """Return, for each UTF-16 offset where a symbol begins or the text ends, its byte offset."""
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


def _cannot_parse(reason: str) -> Exception:
    return bad_request(f"can't parse entities: {reason}")


def _byte_offset(text: str, position: int) -> int:
    return len(text[:position].encode("utf-8", "surrogatepass"))


def _parse_html(source: str) -> tuple[str, list[Entity]]:
    text, position = "", 0
    stack: list[tuple[str, Entity]] = []
    entities: list[Entity] = []
    for match in _TAG.finditer(source):
        text += unescape(source[position : match.start()])
        position = match.end()
        at = _byte_offset(source, match.start())
        closing, tag, attributes = match.group(1), (match.group(2) or "").lower(), match.group(3)
        if tag not in _TAGS:
            raise _cannot_parse(f'Unsupported start tag "{tag}" at byte offset {at}')
        if not closing:
            entity = _open_tag(tag, attributes or "")
            stack.append((tag, entity | {"offset": utf16_length(text)}))
            continue
        if not stack:
            raise _cannot_parse(f"Unexpected end tag at byte offset {at}")
        opened, entity = stack.pop()
        if opened != tag:
            raise _cannot_parse(
                f'Unmatched end tag at byte offset {at}, expected "</{opened}>", found "</{tag}>"'
            )
        _close(entities, entity, text)
    if stack:
        raise _cannot_parse(f'Can\'t find end tag corresponding to start tag "{stack[-1][0]}"')
    return text + unescape(source[position:]), entities


def _open_tag(tag: str, attributes: str) -> Entity:
    values = {
        name.lower(): double or single or bare
        for name, double, single, bare in _ATTRIBUTE.findall(attributes)
    }
    if tag == "a":
        return {"type": "text_link", "url": values.get("href", "")}
    if tag == "blockquote" and "expandable" in values:
        return {"type": "expandable_blockquote"}
    return {"type": _TAGS[tag]}


def _close(entities: list[Entity], entity: Entity, text: str) -> None:
    length = utf16_length(text) - entity["offset"]
    if length > 0:
        entities.append(entity | {"length": length})


def _reserved(character: str) -> Exception:
    reason = f"Character '{character}' is reserved and must be escaped with the preceding '\\'"
    return _cannot_parse(reason)


def _parse_markdown(source: str, *, is_strict: bool) -> tuple[str, list[Entity]]:
    """Parse the marks that pair up; links and quotes of MarkdownV2 are not read."""
    text, position = "", 0
    stack: list[tuple[str, int, Entity]] = []
    entities: list[Entity] = []
    while position < len(source):
        if source[position] == "\\" and position + 1 < len(source):
            text += source[position + 1]
            position += 2
            continue
        mark = next((one for one in _MARKS if source.startswith(one, position)), "")
        if not mark:
            if is_strict and source[position] in _RESERVED:
                raise _reserved(source[position])
            text += source[position]
            position += 1
            continue
        if stack and stack[-1][0] == mark:
            _close(entities, stack.pop()[2], text)
        else:
            stack.append((mark, position, {"type": _MARKS[mark], "offset": utf16_length(text)}))
        position += len(mark)
    if stack:
        mark, at, _ = stack[-1]
        name = _MARKS[mark].capitalize()
        offset = _byte_offset(source, at)
        raise _cannot_parse(f"Can't find end of {name} entity at byte offset {offset}")
    return text, entities
