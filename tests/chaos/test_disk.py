"""The database cannot be written: another process locks it, or the disk is full.

No update is acknowledged before it is committed, nobody sees an error, and work resumes unaided.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.chaos.conftest import IS_LONG
from tests.chaos.notes import Notes, read_number, send_notes
from tests.chaos.report import add_table
from tests.chaos.running_program import RunningProgram, wait_for
from tests.chaos.unconfirmed import count_duplicates, find_unconfirmed
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

NOTES = 8
TMPFS_BYTES = 12 * 2**20
#: Shorter than the usual half minute, so that the lock outlasts it several times.
IMPATIENT = {"core.store.database.connections:BUSY_TIMEOUT_MS": 300.0}
LOCKED_S = 10.0 if IS_LONG else 1.5


async def check_answered(
    bot: RunningProgram, notes: Notes, title: str, *statistics: object
) -> None:
    """Check that everybody has one reply and never saw an error."""
    assert await bot.settle(len(notes)) == {"done": len(notes)}
    unconfirmed = find_unconfirmed(bot.telegram)
    answers = [(bot.telegram.replies(person), *sent) for person, sent in notes.items()]
    duplicates = sum(count_duplicates(shown, unconfirmed) for shown, _, _ in answers)
    add_table(
        title,
        ("lost", "duplicates", "billed calls", "status"),
        [(sum(not a for a, _, _ in answers), duplicates, len(bot.mimo.billed), statistics)],
    )
    for shown, message, number in answers:
        assert {(a.reply_to, read_number(a.text)) for a in shown} == {(message, number)}
        assert not any("wrong" in text for one in shown for text in one.versions)
    assert duplicates == 0


def count_committed(bot: RunningProgram) -> int:
    """Return the number of messages in the database."""
    return int(bot.rows("select count(*) from messages")[0][0])


def count_confirmed(telegram: TelegramServer, notes: Notes) -> int:
    return len(notes) - len(telegram.pending())


async def test_a_locked_database_loses_nothing(
    bot: RunningProgram, telegram: TelegramServer, mimo: MimoServer
) -> None:
    mimo.rules.latency_s = 0.3
    await bot.start(constants=IMPATIENT)
    notes = await send_notes(telegram, range(1, 5))
    await wait_for(lambda: bool(mimo.requests), 20)
    with closing(sqlite3.connect(bot.home / "hearsay.db", isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout=20000")
        other.execute("BEGIN IMMEDIATE")
        notes |= await send_notes(telegram, range(5, NOTES + 1))
        # The lock lasts longer than a commit and than the wait for it.
        await asyncio.sleep(LOCKED_S)
        assert count_confirmed(telegram, notes) <= count_committed(bot) < NOTES
        assert bot.code is None
        assert (await asyncio.to_thread(bot.page, "/livez"))[0] == 200
        other.execute("COMMIT")
    await check_answered(bot, notes, f"the database was locked for {LOCKED_S:g} s")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"only root can make a small disk: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill the disk to the last byte; return the file that does."""
    path = folder / "ballast"
    with path.open("ab", buffering=0) as file:
        for size in (2**20, 4096, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    stat = os.statvfs(folder)
    assert stat.f_bavail == 0
    return path


async def test_a_full_disk_loses_nothing(
    small_disk: Path, tmp_path: Path, telegram: TelegramServer, mimo: MimoServer
) -> None:
    async with RunningProgram(small_disk / "home", telegram, mimo) as bot:
        bot.log_path = tmp_path / "stderr.log"
        bot.log_path.touch()
        await bot.start()
        notes = await send_notes(telegram, range(1, 3))
        await bot.settle(2)
        ballast = fill(small_disk)
        notes |= await send_notes(telegram, range(3, NOTES + 1))
        await wait_for(lambda: "telegram_not_committed" in bot.log or None, 30)
        ready = await wait_for(lambda: _unready(bot), 30, every_s=0.2)
        assert "/hearsay.db cannot grow: its disk has 0 MB free" in bot.log
        assert count_confirmed(telegram, notes) <= count_committed(bot) < NOTES
        assert bot.code is None
        ballast.unlink()
        await check_answered(bot, notes, "the disk was full", ready)
        # What is left is little all the same.
        await wait_for(lambda: _list_failing(bot) == {"disk"}, 30, every_s=0.2)
        assert await bot.stop() == 0


def _list_failing(bot: RunningProgram) -> set[str]:
    _, body = bot.page("/readyz")
    return {name for name, is_ready in json.loads(body)["parts"].items() if not is_ready}


def _unready(bot: RunningProgram) -> str | None:
    """Return the body of /readyz while it names the database."""
    return bot.page("/readyz")[1] if "database" in _list_failing(bot) else None
