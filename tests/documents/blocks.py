"""The blocks of code in the documents, and the table of what follows each of them.

Whoever is named in the table reads its blocks here, by its own name: so the text that is run is
that of the document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from markdown_it import MarkdownIt

from tests.documents.followed import FOLLOWED
from tests.support.paths import ROOT

DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for path in (
        *(
            ROOT / name
            for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "ARCHITECTURE.md")
        ),
        *(ROOT / "docs").glob("*.md"),
    )
)


@dataclass(frozen=True)
class Block:
    """A fenced block, without the indentation that a list gives it."""

    document: str
    #: Of its first line of text, counted from 1.
    line: int
    language: str
    text: str
    #: The heading that it stands under, and the text right above it.
    heading: str
    above: str

    @property
    def place(self) -> str:
        """Where an editor finds it."""
        return f"{self.document}:{self.line}"

    @property
    def is_settings(self) -> bool:
        """Whether it is part of a `.env`."""
        return re.match(r"([#].*\n)*[A-Z_]+=\S*\n", self.text) is not None

    @property
    def commands(self) -> list[str]:
        """Its lines without comments; those that end in a backslash go on in the next."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line for one in lines if (line := re.sub(r"(^|\s+)#\s.*", "", one).strip())]

    def is_meant(self, key: str) -> bool:
        """Return whether a key of the table stands for this block."""
        if key.startswith("## "):
            is_step = self.language in ("python", "diff")
            return is_step and key.removeprefix("## ") == self.heading
        return self.text.startswith(key)


@cache
def read_blocks(document: str) -> tuple[Block, ...]:
    """Return all blocks of a document, in their order."""
    found, heading, above, last = [], "", "", ""
    for token in MarkdownIt().parse((ROOT / document).read_text()):
        if token.type == "inline":
            heading, above = (
                (token.content, "") if last == "heading_open" else (heading, token.content)
            )
        elif token.type in ("fence", "code_block"):
            assert token.map
            line = token.map[0] + 1 + (token.type == "fence")
            found.append(Block(document, line, token.info, token.content, heading, above))
        last = token.type
    return tuple(found)


def read_prose(document: str) -> str:
    """Return a document without its blocks."""
    lines = (ROOT / document).read_text().splitlines(keepends=True)
    for token in reversed(MarkdownIt().parse("".join(lines))):
        if token.type == "fence" and token.map:
            del lines[slice(*token.map)]
    return "".join(lines)


def followed_by(name: str) -> list[Block]:
    """Return the blocks that a test or a program follows: `name` is path::function."""
    blocks = [
        block
        for document, claims in FOLLOWED.items()
        for block in read_blocks(document)
        for key, follower in claims.items()
        if follower == name and block.is_meant(key)
    ]
    assert blocks, f"tests/documents/followed.py has no block for {name}"
    return blocks
