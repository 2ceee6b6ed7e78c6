"""docs/keeping.md, followed: each command that it names is understood, and its blocks are run."""

from __future__ import annotations

import asyncio
import re
import shlex
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import typer

from bots.cli import app
from tests.cli.test_doctor import fill
from tests.support.hearsay_command import Hearsay
from tests.support.paths import ROOT

TEXT = (ROOT / "docs" / "keeping.md").read_text()
#: The names of the document -> those of a test.
DISK, BACKUP = "/mnt/backup", "hearsay-2026-11-25T1800Z.backup"
COMMAND = re.compile(
    r"(?<![\w/.@])(?:/srv/hearsay/)?(?:\.venv/bin/)?hearsay "
    r"([a-z][^`\n#&>]*?)(?= *(?:2>|[`\n#&]|$))"
)
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def read_blocks(kind: str) -> list[str]:
    return [text for found, text in BLOCK.findall(TEXT) if found == kind]


def find_command(group: Any, words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that words name, and its arguments."""
    while hasattr(group, "commands"):
        assert words and words[0] in group.commands, words
        group, words = group.commands[words[0]], words[1:]
    return group, words


def test_every_command_is_one_that_there_is(tmp_path: Path) -> None:
    spans = re.findall(r"`([^`]+)`", BLOCK.sub("", TEXT))
    places = [*spans, *read_blocks("sh"), *read_blocks("ini"), *read_blocks("")]
    found = {" ".join(one.split()) for place in places for one in COMMAND.findall(place)}
    assert len(found) > 15
    for line in found:
        words = shlex.split(line.replace(DISK, str(tmp_path)))
        command, arguments = find_command(typer.main.get_command(app), words)
        # In a sentence a command may stand for itself.
        command.make_context(words[0], arguments, resilient_parsing=not arguments)


def test_the_configurations_can_be_read() -> None:
    for block in read_blocks("ini"):
        parser = ConfigParser()
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(re.sub(r"^ +", "", block, flags=re.MULTILINE))
        assert parser.sections()


@pytest.mark.real_time
async def test_the_steps_lead_where_they_say(hearsay: Hearsay) -> None:
    disk, new = hearsay.folder / "disk", Hearsay(hearsay.folder / "machine")
    await fill(hearsay.home)
    disk.mkdir()
    new.home.mkdir(parents=True, mode=0o700)
    (new.home / "secret.key").write_bytes((hearsay.home / "secret.key").read_bytes())
    for block in read_blocks("sh"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            assert words.pop(0) == ".venv/bin/hearsay"
            if words in (["run"], ["doctor"]):
                continue  # tests/chaos/test_backup.py and tests/cli/test_doctor.py do it
            made = sorted(disk.iterdir(), key=lambda path: path.stat().st_mtime)
            names = {f"{DISK}/{BACKUP}": made[-1]} if made else {}
            words = [str(names.get(one, one)).replace(DISK, str(disk)) for one in words]
            where = new if words[0] == "restore" else hearsay
            words += ["--yes"] if words == ["keys", "rotate"] else []
            done = await asyncio.to_thread(where, *words)
            assert done.returncode == 0, (words, done.stderr)
    assert new.database.exists()
