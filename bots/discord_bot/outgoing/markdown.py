"""Plain text for Discord, which reads Markdown, mentions and addresses in all that bots say. Pure.

discord.py's `escape_markdown` leaves alive the second masked link of a line, lists that are
indented or numbered, "<t:…>", "<#…>" and bare addresses, and its `escape_mentions` knows neither
channels nor commands; so the rules stand here. A backslash before a mark is never shown.
"""

from __future__ import annotations

import re

#: Ends a name unseen: what calls somebody is found in the raw text, backslashes or not. So is the
#: end of a label: behind a link of ours, a bracket with an address would make both of them one.
_JOINER = "\u2060"
_CALL = re.compile(r"<(?=[@#:/A-Za-z])|@(?=everyone|here)|\](?=\()")
_MARK = re.compile(r"[\\*_~|`<\[\]]|:(?=//)")
_ROUND = str.maketrans("[]", "()")
# Quotes, headings, small print, lists: only where a line begins.
_START = re.compile(r"(\s*)([>#+-])")
_NUMBER = re.compile(r"(\s*\d+)([.)])(?=\s|\Z)")


def escape(text: str, *, is_start: bool = True) -> str:
    """Return one line so that Discord shows it as it is: no style, link, mention or moment.

    is_start: it stands at the beginning of a line.
    """
    whole = _CALL.sub(rf"\g<0>{_JOINER}", text)
    for start in (_START, _NUMBER) if is_start else ():
        if match := start.match(whole):
            return f"{match[1]}\\{match[2]}" + _MARK.sub(r"\\\g<0>", whole[match.end() :])
    return _MARK.sub(r"\\\g<0>", whole)


def link(label: str, url: str) -> str:
    """Return a link that shows `label`; an address of ours only."""
    # Within a label a backslash does not keep a bracket from ending it.
    return f"[{escape(label.translate(_ROUND), is_start=False)}]({url})"
