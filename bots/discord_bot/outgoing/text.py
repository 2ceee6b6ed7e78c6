"""Reply text as Discord messages: Markdown escaped, links kept, cut to fit. Pure.

discord.py's `escape_markdown` misses the second masked link of a line, indented or numbered lists,
"<t:…>", "<#…>" and bare addresses, and its `escape_mentions` misses channels and commands; hence
the rules here. A backslash before a Markdown character is never shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from bots.common.chat import clean, count_units, find_break, is_blank
from core.models import Link, Reply
from core.safety import disable_links

#: Longest message, in UTF-16 units.
MAX_UNITS = 2000
#: How much is shown of a reply that is sent as a file.
BEGINNING_CHARS = 1000

#: Breaks mentions, which Discord finds in the raw text, escaped or not; and the end of a label, so
#: that a bracket and an address behind a link of ours do not become part of it.
_JOINER = "\u2060"
_MENTION = re.compile(r"<(?=[@#:/A-Za-z])|@(?=everyone|here)|\](?=\()")
_SPECIAL = re.compile(r"[\\*_~|`<\[\]]|:(?=//)")
_TO_ROUND = str.maketrans("[]", "()")
# Quotes, headings, small print, lists: only at the start of a line.
_BLOCK = re.compile(r"(\s*)([>#+-])")
_NUMBER = re.compile(r"(\s*\d+)([.)])(?=\s|\Z)")
_LINE_ENDS = re.compile("[\u2028\u2029]")

#: Returns the address of a linked message, empty where it has none.
FindUrl = Callable[[Link], str]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a reply as it was written, and its links: start, end, address."""

    text: str
    is_quote: bool = False
    links: tuple[tuple[int, int, str], ...] = ()

    def render(self) -> str:
        """Return the line in Discord's Markdown."""
        shown, at = "> " if self.is_quote else "", 0
        for start, end, url in self.links:
            shown += escape(self.text[at:start], is_start=not at) + link(self.text[start:end], url)
            at = end
        return shown + escape(self.text[at:], is_start=not at)

    def cut(self, start: int, end: int) -> Line:
        """Return a slice of the line with its share of the links."""
        inside = ((max(a, start) - start, min(b, end) - start, url) for a, b, url in self.links)
        kept = tuple(one for one in inside if one[0] < one[1])
        return replace(self, text=self.text[start:end], links=kept)


def escape(text: str, *, is_start: bool = True) -> str:
    """Return text that Discord shows as it is: no style, link, mention or timestamp.

    text: one line or less. is_start: it stands at the start of a line.
    """
    whole = _MENTION.sub(rf"\g<0>{_JOINER}", text)
    for start in (_BLOCK, _NUMBER) if is_start else ():
        if match := start.match(whole):
            return f"{match[1]}\\{match[2]}" + _SPECIAL.sub(r"\\\g<0>", whole[match.end() :])
    return _SPECIAL.sub(r"\\\g<0>", whole)


def link(label: str, url: str) -> str:
    """Return a masked link; url: an address of ours only."""
    # A backslash does not keep a bracket from ending the label.
    return f"[{escape(label.translate(_TO_ROUND), is_start=False)}]({url})"


def read_lines(reply: Reply, find_url: FindUrl) -> list[Line]:
    """Return the lines of a reply and of its quote, without blank ones at either end."""
    text = _strip([*_read_text(reply, find_url)])
    # Mentions are disabled so that quoting pings nobody.
    quoted = disable_links(_flatten(reply.quote)).split("\n")
    quote = _strip([Line(line, is_quote=True) for line in quoted])
    return [*quote, *text] if reply.is_quote_first else [*text, *quote]


def pack(lines: Iterable[Line]) -> Iterator[str]:
    """Yield messages of as many lines as fit; only a line that is too long is cut."""
    shown: list[str] = []
    # Units so far, and lines up to the last one that is not blank.
    units = count = 0
    for line in chain.from_iterable(map(_cut, lines)):
        rendered = line.render()
        more = count_units(rendered) + 1
        if shown and units + more > MAX_UNITS + 1:
            yield "\n".join(shown[:count])
            shown, units = [], 0
        is_visible = not is_blank(line.text)
        if shown or is_visible:
            shown.append(rendered)
            units += more
        if is_visible:
            count = len(shown)
    if shown:
        yield "\n".join(shown[:count])


def take_beginning(lines: list[Line]) -> list[Line]:
    """Return the first lines, cut to BEGINNING_CHARS and an ellipsis."""
    kept, left = [], BEGINNING_CHARS
    for line in lines:
        if len(line.text) >= left:
            kept.append(line.cut(0, find_break(line.text[: max(1, left)])))
            break
        kept.append(line)
        left -= len(line.text) + 1
    last = kept[-1]
    return [*kept[:-1], replace(last, text=f"{last.text.rstrip()} …")]


def shorten(text: str, *, is_ours: bool) -> str:
    """Return the end of a text as one message, in Discord's Markdown.

    is_ours: written by the program, not by a person or a model.
    """
    whole = _flatten(text) if is_ours else disable_links(_flatten(text))
    size = min(len(whole), MAX_UNITS)
    while size:
        shown = ("…" if size < len(whole) else "") + whole[len(whole) - size :]
        rendered = "\n".join(Line(line).render() for line in shown.split("\n"))
        if count_units(rendered) <= MAX_UNITS:
            return rendered
        size -= max(1, (count_units(rendered) - MAX_UNITS) // 2)
    return ""


def _flatten(text: str) -> str:
    return _LINE_ENDS.sub("\n", clean(text))


def _read_text(reply: Reply, find_url: FindUrl) -> Iterator[Line]:
    """Yield the lines of the text with their links; overlapping ones are left out."""
    found = ((one.start, one.end, find_url(one)) for one in reply.links)
    # Cleaning may remove characters before a link.
    spans = [(_move(reply.text, a), _move(reply.text, b), url) for a, b, url in found if url]
    at, taken = 0, 0
    for line in _flatten(reply.text).split("\n"):
        links = []
        for start, end, url in sorted(spans):
            start, end = max(start, taken, at), min(end, at + len(line))
            if start < end and not is_blank(line[start - at : end - at]):
                links.append((start - at, end - at, url))
                taken = end
        yield Line(line, links=tuple(links))
        at += len(line) + 1


def _move(text: str, at: int) -> int:
    return len(_flatten(text[: max(0, at)]))


def _strip(lines: list[Line]) -> list[Line]:
    """Return the lines without blank ones at either end."""
    seen = [number for number, line in enumerate(lines) if not is_blank(line.text)]
    return lines[seen[0] : seen[-1] + 1] if seen else []


def _cut(line: Line) -> Iterator[Line]:
    """Yield a line in pieces that fit a message, cut between words where possible."""
    while len(line.text) > MAX_UNITS or count_units(line.render()) > MAX_UNITS:
        size = min(len(line.text), MAX_UNITS)
        while (over := count_units(line.cut(0, size).render()) - MAX_UNITS) > 0:
            size = max(1, size - max(1, over // 2))
        size = find_break(line.text[:size])
        yield line.cut(0, size)
        line = line.cut(size, len(line.text))
    yield line
