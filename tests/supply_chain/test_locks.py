"""The lock files: complete, with hashes, and within the bounds of pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.supply_chain.locks import ALL, DEV, RUN, read_lock
from tests.support.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Package -> the first version without the holes that are known of those before it.
HOLES = {
    "pynacl": "1.6.2",  # CVE-2025-69277, in its libsodium
    "aiohttp": "3.14.3",  # CVE-2026-22815, CVE-2026-69244
    "cryptography": "50.0.0",  # CVE-2026-69247
    "starlette": "1.3.1",  # CVE-2026-54283
    "python-multipart": "0.0.30",  # CVE-2026-40347, CVE-2026-53538
    "h11": "0.16.0",  # CVE-2025-43859
}


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_every_package_has_hashes_and_no_address(path: Path) -> None:
    packages = [*read_lock(path)]
    assert packages
    for package in packages:
        assert package.hashes and all(len(digest) == 64 for digest in package.hashes), package
    assert "://" not in path.read_text()


@pytest.mark.parametrize("path", [RUN, DEV], ids=lambda path: path.name)
def test_locked_versions_are_those_that_the_project_asks_for(path: Path) -> None:
    locked = {package.name: package.version for package in read_lock(path)}
    for wanted in map(Requirement, PROJECT["dependencies"]):
        assert wanted.specifier.contains(locked[canonicalize_name(wanted.name)]), wanted


@pytest.mark.parametrize("name", HOLES)
def test_versions_with_known_holes_can_neither_be_locked_nor_installed(name: str) -> None:
    for path in (RUN, DEV):
        [version] = {package.version for package in read_lock(path) if package.name == name}
        assert Version(version) >= Version(HOLES[name])
    wanted: dict[str, Requirement] = {
        canonicalize_name(r.name): r for r in map(Requirement, PROJECT["dependencies"])
    }
    older = re.sub(r"\d+$", lambda last: str(int(last[0]) - 1), HOLES[name].removesuffix(".0"))
    assert not wanted[name].specifier.contains(older)
