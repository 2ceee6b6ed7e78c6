"""Text in Discord's Markdown: ours with styles, a model's with its own, people's as it is. Pure.

discord.py's `escape_markdown` misses the second masked link of a line, indented or numbered lists,
"<t:…>", "<#…>" and bare addresses, and its `escape_mentions` misses channels and commands; hence
the rules here. A backslash before a Markdown character is never shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from bots.common.chat import clean, is_blank
from core.models import Link, Reply, Span
from core.safety import disable_links

#: Breaks mentions, which Discord finds in the raw text, escaped or not; and the end of a label, so
#: that a bracket and an address behind a link of ours do not become part of it.
_JOINER = "\u2060"
_MENTION = re.compile(r"<(?=[@#:/A-Za-z])|@(?=everyone|here)|\](?=\()")
_SPECIAL = re.compile(r"[\\*_~|`<\[\]]|:(?=//)")
_TO_ROUND = str.maketrans("[]", "()")
# Quotes, headings, small print, lists: only at the start of a line.
_BLOCK = re.compile(r"(\s*)([>#+-])")
_NUMBER = re.compile(r"(\s*\d+)([.)])(?=\s|\Z)")

#: The styles of spans; "{}" stands for their text.
_BOLD, _CODE, _MARKED = "**{}**", "`{}`", "__{}__"
#: The label of a link that follows a time.
ARROW = "↗"
#: A span of this length shows the time of day alone.
_CLOCK_CHARS = len("09:00")

# The Markdown of models: what Discord has too stays.
#: With the name of a language at most: code may also begin and end in one line.
_FENCE = re.compile(r"\s*(```|~~~)[^`]*")
_HEADING = re.compile(r"\s*#{1,6}\s+(\S.*)")
#: What may close a heading; the name C# does not.
_HEADING_END = re.compile(r"(?<!\S)#+\Z")
_STRONG = re.compile(r"(?<!\w)__(?=\S)(.+?)(?<=\S)__(?!\w)")
_BULLET = re.compile(r"\A(\s*)[*+](?=\s)")
_CODE_SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
#: With the backslashes before it, which would escape ours.
_DANGEROUS = re.compile(r"(?<!\\)\\*([|<\[\]]|:(?=//))")
_SMALL_OR_LONG_QUOTE = re.compile(r"(\s*)(-#|>>)")

#: Names of commands in a text of ours.
_COMMAND = re.compile(r"(?<![\w/<])/([a-z_]{1,32})(?![\w/:])")

#: Returns the address of a linked message, empty where it has none.
FindUrl = Callable[[Link], str]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a reply as it was written, and its spans: start, end, style."""

    text: str
    is_quote: bool = False
    #: Styles are Markdown in which "{}" stands for the text.
    spans: tuple[tuple[int, int, str], ...] = ()
    #: The text may use Markdown itself.
    is_markdown: bool = False

    def render(self) -> str:
        """Return the line in Discord's Markdown."""
        if self.is_markdown:
            return _render_markdown(self.text)
        shown, at = "> " if self.is_quote else "", 0
        for start, end, style in self.spans:
            shown += escape(self.text[at:start], is_start=not at)
            shown += _render_span(self.text[start:end], style)
            at = end
        return shown + escape(self.text[at:], is_start=not at)

    def cut(self, start: int, end: int) -> Line:
        """Return a slice of the line with its share of the spans."""
        inside = ((max(a, start) - start, min(b, end) - start, style) for a, b, style in self.spans)
        kept = tuple(one for one in inside if one[0] < one[1])
        return replace(self, text=self.text[start:end], spans=kept)


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
    return _render_span(label, f"[{{}}]({url})")


def _render_span(text: str, style: str) -> str:
    if style == _CODE:
        # Nothing is escaped in code, and people copy it.
        return style.replace("{}", text.replace("`", "'"))
    if style.startswith("["):
        # A backslash does not keep a bracket from ending the label.
        text = text.translate(_TO_ROUND)
    return style.replace("{}", escape(text, is_start=False))


def read_spans(reply: Reply, find_url: FindUrl) -> Iterator[Line]:
    """Yield the lines of the text with their styles; overlapping ones are left out."""
    text = reply.text
    own = {(one.start, one.end): _style_of(one) for one in reply.spans}
    styles = dict(own)
    for one in reply.links:
        if url := find_url(one):
            # The label of a link shows no time of the reader's: the link follows it.
            moment = own.get((one.start, one.end), "")
            styles[one.start, one.end] = (
                f"{moment} [{ARROW}]({url})" if moment else f"[{{}}]({url})"
            )
    found = [(start, end, style) for (start, end), style in styles.items()]
    # Cleaning may remove characters before a span.
    spans = [
        (len(clean(text[: max(0, start)])), len(clean(text[: max(0, end)])), style)
        for start, end, style in found
    ]
    yield from _cut_lines(clean(text), spans)


def read_marks(reply: Reply, shown: str) -> list[Line]:
    """Return the lines of `shown`, the quote without mentions, with the marks of the quote."""

    def find(at: int) -> int:
        return len(disable_links(clean(reply.quote[:at])))

    spans = [(find(one.start), find(one.end), _MARKED) for one in reply.marks]
    return [replace(line, is_quote=True) for line in _cut_lines(shown, spans)]


def _cut_lines(text: str, spans: list[tuple[int, int, str]]) -> Iterator[Line]:
    """Yield the lines of a text, each with its share of the spans."""
    at, taken = 0, 0
    for line in text.splitlines():
        inside = []
        for start, end, style in sorted(spans):
            start, end = max(start, taken, at), min(end, at + len(line))
            if start < end and not is_blank(line[start - at : end - at]):
                inside.append((start - at, end - at, style))
                taken = end
        yield Line(line, spans=tuple(inside))
        at += len(line) + 1


def _style_of(span: Span) -> str:
    if span.kind == "time":
        is_clock = span.end - span.start <= _CLOCK_CHARS
        return f"<t:{span.at_s}:{'t' if is_clock else 'f'}>"
    return _CODE if span.kind == "code" else _BOLD


def find_commands(line: Line, command_ids: Mapping[str, str]) -> Line:
    """Return a line of ours in which the names of commands can be clicked."""
    found = [
        (match.start(), match.end(), f"</{match[1]}:{command_ids[match[1]]}>")
        for match in _COMMAND.finditer(line.text)
        if match[1] in command_ids
        and not any(start < match.end() and match.start() < end for start, end, _ in line.spans)
    ]
    return replace(line, spans=tuple(sorted((*line.spans, *found)))) if found else line


def read_markdown(text: str) -> list[Line]:
    """Return the lines of a model's Markdown, those of code blocks as code."""
    lines, is_code = [], False
    for line in text.splitlines():
        if _FENCE.fullmatch(line):
            is_code = not is_code
        elif is_code:
            whole = (0, len(line), _CODE)
            lines.append(Line(line, spans=(whole,) if line.strip() else ()))
        elif heading := _HEADING.fullmatch(line):
            title = _HEADING_END.sub("", heading[1].rstrip()).rstrip().replace("**", "")
            lines.append(Line(f"**{title}**" if title else line, is_markdown=True))
        else:
            lines.append(Line(line, is_markdown=True))
    return lines


def _render_markdown(text: str) -> str:
    """Return a line of a model's Markdown without links, mentions, timestamps and spoilers."""
    text = _BULLET.sub(r"\1-", _MENTION.sub(rf"\g<0>{_JOINER}", text))
    if match := _SMALL_OR_LONG_QUOTE.match(text):
        text = f"{match[1]}\\{text[len(match[1]) :]}"
    shown, at = "", 0
    for code in _CODE_SPAN.finditer(text):
        shown += _disarm(text[at : code.start()])
        # A backslash would be shown here.
        shown += code[0].replace("://", f":{_JOINER}//")
        at = code.end()
    return shown + _disarm(text[at:])


def _disarm(text: str) -> str:
    return _DANGEROUS.sub(r"\\\1", _STRONG.sub(r"**\1**", text))
