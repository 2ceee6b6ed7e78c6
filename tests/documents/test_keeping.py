"""docs/keeping.md, followed: each command that it names is understood, and its blocks are run."""

from __future__ import annotations

import asyncio
import gzip
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_doctor import fill
from tests.deploy.conftest import RunTool
from tests.documents.blocks import Block, read_blocks, read_prose
from tests.documents.shell import Shell, check_command
from tests.support.hearsay_command import Hearsay

DOCUMENT = "docs/keeping.md"
#: The names of the document -> those of a test.
DISK, BACKUP = "/mnt/backup", "hearsay-2026-11-25T1800Z.backup"
CHECKOUT = "/srv/hearsay"
COMMAND = re.compile(
    r"(?<![\w/.@])(?:/srv/hearsay/)?(?:\.venv/bin/)?hearsay "
    r"([a-z][^`\n#&>]*?)(?= *(?:2>|[`\n#&]|$))"
)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with Shell(tmp_path) as shell:
        yield shell


def test_every_command_is_one_that_there_is(tmp_path: Path) -> None:
    spans = re.findall(r"`([^`]+)`", read_prose(DOCUMENT))
    places = [*spans, *(block.text for block in read_blocks(DOCUMENT))]
    found = {" ".join(one.split()) for place in places for one in COMMAND.findall(place)}
    assert len(found) > 15
    for line in found:
        words = shlex.split(line.replace(DISK, str(tmp_path)))
        check_command(words, is_in_sentence=True)


@pytest.mark.real_time
async def test_cron_makes_a_backup(shell: Shell, blocks: list[Block]) -> None:
    """What stands in for rsync copies on this machine."""
    shell.home.rmdir()
    await fill(shell.home)
    times = r"[\d*]+ [\d*]+ [\d*]+ [\d*]+ [\d*]+ "
    [line] = blocks[0].commands
    assert re.match(times, line)
    for name in ("disk", "nas"):
        (shell.folder / name).mkdir()
    shell.add_tool("rsync", f'test "$1" = -a && cp -r "$2". "{shell.folder}/nas"')
    line = re.sub(times, "", line).replace(DISK, f"{shell.folder}/disk")
    await asyncio.to_thread(shell.run, line.replace(CHECKOUT, str(shell.folder)))
    [made] = (shell.folder / "disk").iterdir()
    assert (shell.folder / "nas" / made.name).read_bytes() == made.read_bytes()


def test_systemd_takes_the_units(shell: Shell, blocks: list[Block], run_tool: RunTool) -> None:
    files = []
    for block in blocks:
        kind = re.findall(r"\[(Service|Timer)\]", block.text)[0].lower()
        files.append(shell.folder / f"hearsay-backup.{kind}")
        files[-1].write_text(block.text.replace(CHECKOUT, str(shell.folder)))
    assert run_tool("systemd-analyze", "verify", *files) == (0, "")
    files[0].write_text(files[0].read_text().replace("oneshot", "oneshoot"))
    assert "oneshoot" in run_tool("systemd-analyze", "verify", *files)[1]


def test_the_journal_has_these_settings(blocks: list[Block], run_tool: RunTool) -> None:
    """The file that comes with systemd lists all settings as comments."""
    code, known = run_tool("systemd-analyze", "cat-config", "systemd/journald.conf")
    section, *lines = blocks[0].text.split()
    assert code == 0 and f"\n{section}\n" in known
    for name, _, value in (line.partition("=") for line in lines):
        assert f"\n#{name}=" in known
        if name.endswith("Sec"):
            assert run_tool("systemd-analyze", "timespan", value)[0] == 0
        else:
            assert re.fullmatch(r"\d+[KMGT]", value)


def test_logrotate_takes_it(blocks: list[Block], tmp_path: Path) -> None:
    tool = shutil.which("logrotate", path="/usr/sbin:/usr/bin")
    if tool is None:
        pytest.skip("logrotate is not installed: apt install logrotate")
    log, file = tmp_path / "hearsay.log", tmp_path / "logrotate"
    log.write_text("a line\n")
    file.write_text(blocks[0].text.replace("/var/log/hearsay.log", str(log)))
    file.chmod(0o644)
    command = [tool, "--force", "--state", str(tmp_path / "state"), str(file)]
    with log.open("a") as opened:
        done = subprocess.run(command, capture_output=True, text=True)
        opened.write("another line\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert gzip.decompress((tmp_path / "hearsay.log.1.gz").read_bytes()) == b"a line\n"
    assert log.read_text() == "another line\n"


@pytest.mark.real_time
async def test_the_steps_lead_where_they_say(hearsay: Hearsay, blocks: list[Block]) -> None:
    disk, new = hearsay.folder / "disk", Hearsay(hearsay.folder / "machine")
    await fill(hearsay.home)
    disk.mkdir()
    new.home.mkdir(parents=True, mode=0o700)
    (new.home / "secret.key").write_bytes((hearsay.home / "secret.key").read_bytes())
    for line in (line for block in blocks for line in block.commands):
        words = shlex.split(line)
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
