"""Rendering of a message as in Discord's client: its visible text and its markup.

The rules are those of the client's parser (based on simple-markdown), tried in order at each
position.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_ESCAPE = re.compile(r"\\([^0-9A-Za-z\s])")
_LINK = re.compile(
    r"\[((?:\[[^\]]*\]|[^\[\]]|\](?=[^\[]*\]))*)\]"
    r"\(\s*<?((?:[^\s\\]|\\.)*?)>?(?:\s+['\"]([\s\S]*?)['\"])?\s*\)"
)
_INLINE: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("autolink", re.compile(r"<([^: >]+:/[^ >]+)>")),
    ("url", re.compile(r"((?:https?|steam)://[^\s<]+[^<.,:;\"'\]\s])")),
    ("mail", re.compile(r"<((?:mailto|tel|sms|\+)[^>\s]*)>")),
    ("user", re.compile(r"<@!?(\d+)>")),
    ("role", re.compile(r"<@&(\d+)>")),
    ("channel", re.compile(r"<#(\d+)>")),
    ("command", re.compile(r"</([^:>]+:\d+)>")),
    ("guild", re.compile(r"<id:(\w+)>")),
    ("emoji", re.compile(r"<a?:(\w+):\d+>")),
    ("moment", re.compile(r"<t:(-?\d+)(?::\w)?>")),
    ("everyone", re.compile(r"@(everyone|here)")),
    ("code block", re.compile(r"```(?:[\s\S]+?)```")),
    ("code", re.compile(r"(`+)([\s\S]*?[^`])\1(?!`)")),
    ("spoiler", re.compile(r"\|\|([\s\S]+?)\|\|")),
    ("bold", re.compile(r"\*\*((?:\\[\s\S]|[^\\])+?)\*\*(?!\*)")),
    ("underline", re.compile(r"__((?:\\[\s\S]|[^\\])+?)__(?!_)")),
    ("struck", re.compile(r"~~([\s\S]+?)~~(?!_)")),
    ("italic", re.compile(r"\*(?=\S)((?:\*\*|\s+(?:[^*\s]|\*\*)|[^\s*])+?)\*(?!\*)")),
    ("italic", re.compile(r"_((?:__|\\[\s\S]|[^\\_])+?)_(?!\w)")),
)
_BLOCKS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("quote of all", re.compile(r" *>>> +")),
    ("quote", re.compile(r" *> +")),
    ("heading", re.compile(r" *#{1,3}\s+\S")),
    ("small print", re.compile(r" *-# +\S")),
    ("list", re.compile(r" *(?:[*+-]|\d+\.) +")),
)


@dataclass
class Rendered:
    """A rendered message."""

    text: str = ""
    #: Markup: kind and source.
    markup: list[tuple[str, str]] = field(default_factory=list)

    @property
    def links(self) -> list[tuple[str, str]]:
        """The label and address of each masked link."""
        return [(t.split("\0")[0], t.split("\0")[1]) for kind, t in self.markup if kind == "link"]

    @property
    def kinds(self) -> set[str]:
        """The kinds of markup."""
        return {kind for kind, _ in self.markup}


def read(content: str) -> Rendered:
    """Return the rendered message."""
    seen, at, is_start = Rendered(), 0, True
    while at < len(content):
        if is_start and (block := _find(_BLOCKS, content, at)):
            kind, match = block
            seen.markup.append((kind, ""))
            if "quote" in kind:
                at = match.end()
                is_start = at < len(content) and "quote" not in kind
                continue
        at, is_start = _read_inline(content, at, seen)
    return seen


def _read_inline(content: str, at: int, seen: Rendered) -> tuple[int, bool]:
    if escaped := _ESCAPE.match(content, at):
        seen.text += escaped[1]
        return escaped.end(), False
    if found := _LINK.match(content, at):
        label = read(f"\u2060{found[1]}")
        seen.text += label.text[1:]
        seen.markup += [*label.markup, ("link", f"{label.text[1:]}\0{found[2]}")]
        return found.end(), False
    if markup := _find(_INLINE, content, at):
        kind, match = markup
        seen.markup.append((kind, match[0]))
        seen.text += match[0]
        return match.end(), False
    seen.text += content[at]
    return at + 1, content[at] == "\n"


def _find(
    rules: tuple[tuple[str, re.Pattern[str]], ...], content: str, at: int
) -> tuple[str, re.Match[str]] | None:
    return next(((k, m) for k, rule in rules if (m := rule.match(content, at))), None)
