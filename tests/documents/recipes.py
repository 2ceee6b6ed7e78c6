"""The recipes of the documents, read from the files and followed in a copy of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.documents.blocks import Block
from tests.support.paths import ROOT

#: What a recipe may touch, and what its proof needs.
COPIED = (
    *("bots", "core", "migrations", "tests", "docs"),
    *("pyproject.toml", ".env.example", "README.md", "LICENSE"),
)
_PATH = re.compile(r"`([\w./]+/[\w./]+|pyproject\.toml|\.env\.example)`")


@dataclass(frozen=True)
class Step:
    """One block of a recipe: a new file, or a change to one that exists."""

    path: str
    is_change: bool
    block: str

    def apply(self, root: Path) -> None:
        path = root / self.path
        if not self.is_change:
            assert not path.exists(), f"{self.path} exists already"
            path.write_text(self.block)
            return
        lines = [line or " " for line in self.block.splitlines()]
        before = "".join(f"{line[1:]}\n" for line in lines if line[0] in " -")
        after = "".join(f"{line[1:]}\n" for line in lines if line[0] in " +")
        text = path.read_text()
        assert text.count(before) == 1, f"{self.path} does not hold once:\n{before}"
        path.write_text(text.replace(before, after))


def read_steps(blocks: Iterable[Block]) -> list[Step]:
    """Return the steps of a recipe. The paragraph above a block names its file."""
    found = []
    for block in blocks:
        [path] = _PATH.findall(block.above)
        found.append(Step(path, block.language == "diff", block.text))
    return found


def copy_checkout(folder: Path) -> Path:
    """Copy what recipes touch; compiled modules too, so that programs in it start at once."""
    skipped = shutil.ignore_patterns("data", "chaos_runs", "*.png", "accepted")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=skipped)
        else:
            shutil.copy(source, folder)
    (folder / "tests" / "data").symlink_to(ROOT / "tests" / "data")
    return folder


def run(folder: Path, *command: str, **settings: str) -> str:
    """Run a command of this environment in the copy, and return all that it printed."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [str(Path(sys.executable).with_name(command[0])), *command[1:]],
        cwd=folder,
        env={**environment, "HEARSAY_HOME": str(folder / "home"), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
