"""Text by people is shown verbatim: no style, no link, no mention."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.discord_bot.outgoing.markdown import escape, link
from tests.support.discord_markdown import read

#: One of each kind of mark that Discord's client knows.
MARKED = [
    "**bold**", "*italic*", "_italic_", "__underline__", "~~struck~~", "||spoiler||", "`code`",
    "``co`de``", "[label](https://evil.example)", "[a](https://evil.example) [b](http://e.example)",
    "[a\\](https://evil.example)](https://evil.example)", "<https://evil.example>",
    "https://evil.example/a_b_c", "http://evil.example", "steam://run", "@everyone", "@here",
    "<@1>", "<@!1>", "<@&1>", "<#1>", "</say:1>", "<id:customize>", "<:smile:1>", "<a:smile:1>",
    "<t:0>", "<t:0:R>", "<mailto:a@b.example>", "<tel:+1234567>", "<+1234567>", "# heading",
    "## heading", "   ### heading", "-# small print", "- item", "   - item", "* item", "+ item",
    "1. item", "  23. item", "> quote", "   > quote", ">>> quote of all", "```js\nx\n```",
    "\\*not escaped*", "\\\\*italic*", "\\", "a\\", "snake_case_name", "2 * 3 * 4", "¯\\_(ツ)_/¯",
]  # fmt: skip

TEXTS = st.lists(
    st.sampled_from([*MARKED, *"\\*_~|`[]()<>@#&!:/.-+ 1at", "\u3000", "\t", "字", "everyone"])
).map("".join)


#: What pings is found by the server, which knows no backslashes.
CALLS = ("@everyone", "@here", "<@1>", "<@!1>", "<@&1>", "<#1>")


@pytest.mark.parametrize("text", MARKED)
def test_text_is_shown_verbatim(text: str) -> None:
    for call in CALLS:
        assert call not in escape(text) and call not in link(text, "https://discord.com")
    assert read(text).kinds or text.startswith(("\\", "snake", "2", "¯", "a\\", "<+", "<tel"))
    for line in text.split("\n"):
        seen = read(escape(line))
        assert seen.kinds == set()
        assert seen.text.replace("\u2060", "") == line


@given(TEXTS, TEXTS)
def test_any_mixture_is_shown_verbatim(text: str, more: str) -> None:
    for line in f"{text}\n{more}".split("\n"):
        seen = read(escape(line))
        assert seen.kinds == set()
        assert seen.text.replace("\u2060", "") == line


@given(TEXTS.filter(lambda text: "\n" not in text and text.strip()))
def test_a_label_does_not_break_its_link(label: str) -> None:
    url = "https://discord.com/channels/1/2/3"
    seen = read(f"before {link(label, url)}{escape('a](https://evil.example) behind')}")
    [(shown, where)] = seen.links
    assert (shown.replace("\u2060", ""), where) == (label.translate(str.maketrans("[]", "()")), url)
    assert seen.kinds == {"link"}
