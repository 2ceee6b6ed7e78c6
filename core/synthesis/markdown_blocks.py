"""Markdown as blocks of plain text, in reading order."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from core.locale import mark, translate
from core.text.scripts import has_han

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

#: Texts in place of content that cannot be read aloud.
_PLACEHOLDERS = {
    "link": mark("a link"),
    "code": mark("code"),
    "image": mark("image"),
    "person": mark("someone"),
    "channel": mark("a channel"),
    "time": mark("a time"),
    "spoiler": mark("spoiler"),
}

_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*:|//|[/#.?])|\S+\.\w{2,}(?:[/?#]|$)|$", re.IGNORECASE)
_FOOTNOTE = re.compile(r"\[?\^?[\d*†]+\]?")
_LINK_LABEL = re.compile(r"(?:[a-z]+://|www\.)\S+", re.IGNORECASE)
#: "a <b and c> d" looks like an element, but its attributes have no values.
_COMPARISON = re.compile(r"<[a-zA-Z][\w-]*(?:\s+[\w:-]+)+\s*>")
_BREAKING_TAG = re.compile(r"</?(?:br|p|div|li|ul|ol|tr|h[1-6]|hr)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Block:
    """The text of a heading, paragraph, list item or table row, with line breaks."""

    text: str
    #: True if it ends with a full stop even when nothing follows.
    is_closed: bool = False


@cache
def name_placeholders(language: str) -> dict[str, str]:
    """Return what is read in place of each kind of content, in `language`."""
    return {name: translate(text, language) for name, text in _PLACEHOLDERS.items()}


def read_blocks(markdown: str, language: str) -> list[Block]:
    """Return the blocks of `markdown` without its syntax.

    Links become their names, images their descriptions, code blocks a word in `language`.
    """
    reader = _Reader(name_placeholders(language))
    for token in _build_parser().parse(markdown):
        reader.read(token)
    return reader.blocks


@cache
def _build_parser() -> MarkdownIt:
    # Only here: 60 modules that are needed to read something aloud.
    from markdown_it import MarkdownIt

    # Indented text is rarely code in a chat; elements are removed one by one.
    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": 50})
    parser.enable(["table", "strikethrough"]).disable(["code", "html_block"])
    # "[cough]: what a day" does not define a link.
    parser.validateLink = lambda url: _ADDRESS.match(url) is not None  # type: ignore[method-assign]
    return parser


class _Reader:
    """Collects blocks from the parser's tokens."""

    def __init__(self, words: dict[str, str]) -> None:
        self.blocks: list[Block] = []
        self._words = words
        self._number = ""
        self._cells: list[str] | None = None
        self._is_closed = False
        self._readers: dict[str, Callable[[Token], None]] = {
            "inline": self._read_inline,
            "fence": self._read_code,
            "heading_open": self._close_next,
            "list_item_open": self._start_item,
            "list_item_close": self._end_item,
            "tr_open": self._start_row,
            "tr_close": self._end_row,
        }

    def read(self, token: Token) -> None:
        if reader := self._readers.get(token.type):
            reader(token)

    def _add(self, text: str, *, is_closed: bool) -> None:
        self.blocks.append(Block(self._number + text, is_closed))
        self._number = ""
        self._is_closed = False

    def _read_inline(self, token: Token) -> None:
        text = _read_children(token.children or (), self._words)
        if self._cells is not None:
            self._cells.append(text.strip())
        else:
            self._add(text, is_closed=self._is_closed)

    def _read_code(self, token: Token) -> None:
        self._add(self._words["code"] if token.content.strip() else "", is_closed=True)

    def _close_next(self, token: Token) -> None:
        self._is_closed = True

    def _start_item(self, token: Token) -> None:
        self._end_item(token)
        self._number = f"{token.info}. " if token.info else ""
        self._is_closed = True

    def _end_item(self, token: Token) -> None:
        if self._number:
            self._add("", is_closed=True)
        self._is_closed = False

    def _start_row(self, token: Token) -> None:
        self._cells = []

    def _end_row(self, token: Token) -> None:
        cells = [cell for cell in self._cells or () if cell]
        self._cells = None
        comma = "，" if has_han("".join(cells)) else ", "
        self._add(comma.join(cells), is_closed=True)


def _read_children(tokens: Sequence[Token], words: dict[str, str]) -> str:
    parts: list[str] = []
    link_at: list[int] = []
    for token in tokens:
        if token.type == "link_open":
            link_at.append(len(parts))
        elif token.type == "link_close" and link_at:
            start = link_at.pop()
            parts[start:] = [_read_link("".join(parts[start:]), words)]
        else:
            parts.append(_read_child(token, words))
    return "".join(parts)


def _read_link(label: str, words: dict[str, str]) -> str:
    """Return the spoken form of a link; an address is not a name, a number is a footnote."""
    if _FOOTNOTE.fullmatch(label.strip()):
        return ""
    return words["link"] if _LINK_LABEL.fullmatch(label.strip()) else label


def _read_child(token: Token, words: dict[str, str]) -> str:
    match token.type:
        case "softbreak" | "hardbreak":
            return "\n"
        case "image":
            return _read_children(token.children or (), words).strip() or words["image"]
        case "html_inline":
            return _read_element(token.content)
        case "code_inline":
            return token.content.replace("_", " ")
        case _:
            return token.content


def _read_element(tag: str) -> str:
    if _COMPARISON.fullmatch(tag):
        return tag
    return "\n" if _BREAKING_TAG.match(tag) else ""
