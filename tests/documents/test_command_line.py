"""The command lines of docs/api.md and docs/operations.md, run with bash as they stand there."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from core.models import Chat, JobState, Message, Transcript
from tests.cli.test_say import needs_espeak
from tests.documents.blocks import Block
from tests.documents.shell import Shell, free_of_make
from tests.emulators.telegram import TelegramServer
from tests.support.clean_start import ask_database, open_store
from tests.support.paths import ROOT
from tests.support.ports import free_port
from tests.support.postgresql import PostgresServer
from tests.support.terminal import Terminal
from tests.support.virtual_time import current_clock

BACKUP = "/mnt/backup/hearsay-2026-11-25T1800Z.backup"
#: A recording of the document, and one that is transcribed in a tenth of the time.
RECORDING, SHORT = "tests/data/speech/jfk.flac", "tests/data/speech/cards-001.wav"
#: What each of these prints or makes, at least.
SHOWN = {
    "transcribe": r"ten of clubs",
    "--format srt": r"1\n00:00:0\d,\d{3} --> ",
    "ask": r"\w+",
    "voices": r"British",
    "jobs list": r"dead",
    "jobs retry": r"\w+",
    "keys rotate": r"Values encrypted with the new key: [1-9]",
    "doctor": r"(?m)^ok +database",
    "migrate": r"up to date",
    "pause": r"\w+",
    "resume": r"\w+",
    "backup": r"hearsay-.*\.backup",
    "restore": r"\w+",
    "move": r"jobs +2",
}


async def fill(home: Path) -> list[str]:
    """Store a result and two dead letters; return the ids of these."""
    store = open_store(home)
    await store.results.save("0" * 64, Transcript("some words"))
    ids = []
    for number in ("1", "2"):
        chat, now = Chat("telegram", "1", "7"), current_clock().now()
        message = Message(chat, number, now, sender_id="7", text="Why?", command="ask")
        job = await store.intake.add(message, lambda message, _: message.command)
        assert job
        await store.jobs.finish(job.job_id, JobState.DEAD, "EngineBusy")
        ids.append(job.job_id)
    await store.close()
    return ids


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with Shell(tmp_path, TRANSCRIBER="offline", SYNTHESIZER="offline") as shell:
        yield shell


def run(shell: Shell, line: str, typed: str = "", **settings: str) -> None:
    """Run a line; check that it shows what is expected of its command."""
    shown = shell.run(line, typed=typed, **settings)
    for words, pattern in SHOWN.items():
        if f" {words}" in line and " -o " not in line:
            assert re.search(pattern, shown), f"{line}\n{shown}"


def find_backup(shell: Shell, folder: Path) -> dict[str, str]:
    """Return the last backup in a folder, and the settings of a home to restore it into."""
    new = shell.folder / f"home of {folder.name}"
    new.mkdir(mode=0o700)
    shutil.copy(shell.home / "secret.key", new)
    [made] = folder.glob("*.backup")
    return {"FILE": str(made), "HEARSAY_HOME": str(new)}


@needs_espeak
@pytest.mark.pocketsphinx
@pytest.mark.real_time
async def test_the_command_line(
    shell: Shell, blocks: list[Block], postgresql: PostgresServer
) -> None:
    """Both documents in one home; what stands in both is run once."""
    jobs = await fill(shell.home)
    key = (shell.home / "secret.key").read_bytes()
    (shell.folder / "disk").mkdir()
    assert (ROOT / RECORDING).exists()
    shell.add_tool("aplay", f'test -t 0 && exit 1; exec cat > "{shell.folder}/played"')
    url = postgresql.create_empty()
    await asyncio.to_thread(follow, shell, list_lines(blocks), jobs[0], url)
    assert (shell.folder / "played").read_bytes()[:4] == b"RIFF"
    assert (shell.folder / "morning.ogg").read_bytes()[:4] == b"OggS"
    assert (shell.folder / "morning.mp3").stat().st_size > 1000
    assert (shell.folder / "new.db").exists()
    assert (shell.home / "secret.key").read_bytes() != key
    states = ask_database(shell.home, "SELECT job_id, state FROM jobs")
    assert dict(states) == {jobs[0]: "waiting", jobs[1]: "dead"}


def list_lines(blocks: list[Block]) -> list[str]:
    """Return each line once. Of a target of make its recipe: `make roots` runs the target."""
    lines: dict[str, None] = {}
    for line in (line for block in blocks for line in block.commands):
        if line.startswith("make "):
            command = ["make", "-n", "-o", ".venv/run.stamp", *line.split()[1:]]
            line = subprocess.run(
                command, cwd=ROOT, env=free_of_make(), stdout=subprocess.PIPE, text=True, check=True
            ).stdout.strip()
            assert line.startswith(".venv/bin/hearsay "), line
        lines[line] = None
    return [*lines]


def follow(shell: Shell, lines: list[str], job_id: str, url: str) -> None:
    source, disk = f"sqlite:///{shell.database}", shell.folder / "disk"
    for line in lines:
        settings = {}
        if " restore " in line:
            folder = disk if "/mnt" in line else shell.home / "backups"
            settings = find_backup(shell, folder)
        names = {
            **{"sqlite:////srv/a.db": source, "postgresql+psycopg://h@db/h": url},
            **{"FROM": source, "TO": f"sqlite:///{shell.folder / 'new.db'}", "ID": job_id},
            **{BACKUP: settings.get("FILE", BACKUP), "/mnt/backup": str(disk)},
            **{"FILE": settings.get("FILE", ""), RECORDING: SHORT},
        }
        if line.endswith(" init"):
            initialise(shell, line)
            continue
        home = settings.get("HEARSAY_HOME", str(shell.home))
        typed = "y\n" if " rotate" in line else ""
        run(shell, replace(line, names), typed, HEARSAY_HOME=home)


def replace(line: str, names: dict[str, str]) -> str:
    """Put what is there in place of a document's examples; longer ones first."""
    for name, value in names.items():
        line = re.sub(rf"(?<![\w/]){re.escape(name)}(?![\w.])", value, line)
    return line


def initialise(shell: Shell, line: str) -> None:
    """Answer each question of `hearsay init` with Enter."""
    _, *arguments = shlex.split(line)
    with Terminal(shell, *arguments) as terminal:
        for question in ("not shown):", "not shown):", "[offline]:", "[y/N]:"):
            terminal.answer(question)
        terminal.expect("Nothing was changed.")
        assert terminal.wait() == 0


@pytest.mark.real_time
async def test_the_parts_run(
    shell: Shell, blocks: list[Block], postgresql: PostgresServer, telegram: TelegramServer
) -> None:
    """Each tells that it is ready, all beside each other, and ends when it is asked to."""
    own = {
        "DATABASE_URL": postgresql.create(),
        "HEARSAY_SECRET_KEY": "k" * 43 + "=",
        **telegram.settings,
        "MODEL_PROBE": "off",
    }

    def follow() -> None:
        with ExitStack() as stack:
            for line in (line for block in blocks for line in block.commands):
                settings = own | {"WEB_PORT": str(free_port())}
                stack.enter_context(shell.start(line, **settings))
            assert len(shell.running) == 4

    await asyncio.to_thread(follow)
    assert telegram.requests_to("getUpdates")
