"""The lock files: which package in which version, with which hashes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.paths import ROOT

#: What `make run` installs; what the tests need; what Python 3.14 and later build.
RUN, DEV = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
ALL = sorted(ROOT.glob("requirements*.lock"))


@dataclass(frozen=True, slots=True)
class Locked:
    """A package as a lock file names it."""

    name: str
    version: str
    #: SHA-256 of each file that may be installed, in hexadecimal.
    hashes: tuple[str, ...]
    #: Where it is installed; empty: everywhere.
    marker: str = ""


def read_lock(path: Path) -> Iterator[Locked]:
    """Yield the packages of a lock file. Raises ValueError at anything but name==version."""
    for entry in path.read_text().replace("\\\n", " ").splitlines():
        requirement, *hashes = re.split(r"\s+--hash=sha256:", entry.strip())
        wanted = Requirement(requirement)
        [specifier] = wanted.specifier
        if specifier.operator != "==" or wanted.url:
            raise ValueError(f"not locked: {requirement}")
        name, marker = canonicalize_name(wanted.name), str(wanted.marker or "")
        yield Locked(name, specifier.version, tuple(hashes), marker)
