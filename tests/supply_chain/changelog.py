"""The changelog, which names the versions."""

from __future__ import annotations

import re

from tests.support.paths import ROOT

CHANGELOG = ROOT / "CHANGELOG.md"


def read_version(changelog: str) -> str:
    """Return the newest version in the changelog."""
    found = re.search(r"^## \[(\d[^]]*)\]", changelog, re.MULTILINE)
    assert found, "the changelog has no version"
    return found[1]


def read_notes(changelog: str) -> str:
    """Return what the changelog says of the newest version."""
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]
    return next(one for one in sections if one[1:2].isdigit()).partition("\n")[2].strip() + "\n"


def has_unreleased(changelog: str) -> bool:
    """Return whether there are changes that no version has yet."""
    unreleased = changelog.partition("## [Unreleased]")[2].partition("\n## ")[0]
    return "\n- " in unreleased
