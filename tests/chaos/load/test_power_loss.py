"""D10: the power fails at random moments; what Telegram was told is taken is in the database."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.store.database.encryption import KEY_FILE, make_cipher
from tests.chaos.load.power import Disk, Disks, NoDisk, open_disks
from tests.chaos.load.systems import OneProcess, System
from tests.chaos.report import add_table
from tests.chaos.running_program import wait_for
from tests.chaos.unconfirmed import count_duplicates, find_unconfirmed
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.postgresql import PostgresServer, ask, find_programs

pytestmark = [pytest.mark.chaos, pytest.mark.real_time, pytest.mark.long]

PEOPLE, CUTS = 30, 20
#: Messages per second, and the longest time between two failures of the power.
RATE, PAUSE_S = 20.0, 1.0
#: As a server is used, with as little on the disk as there can be.
DURABLE = ("fsync=on", "synchronous_commit=on", "max_wal_size=48MB", "min_wal_size=32MB")
#: The same for SQLite without waiting for the disk, which has to be noticed.
CARELESS = ("journal_mode=WAL", "synchronous=OFF", "foreign_keys=ON", "secure_delete=ON")
_IDS = "SELECT message_id FROM messages"
_INDEXES = (
    "SELECT count(bt_index_check(c.oid, true)) FROM pg_index JOIN pg_class c ON c.oid = indexrelid"
    " JOIN pg_am ON pg_am.oid = c.relam WHERE amname = 'btree' AND c.relpersistence = 'p'"
)


class Powered:
    """The program, whose database is on a disk that may lose its power."""

    system: System

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    @contextmanager
    def stopped(self) -> Iterator[list[psutil.Process]]:
        """Stop all who write to the disk, the first before it can start others."""
        first = self._find_first()
        first.suspend()
        stopped = [first, *first.children(recursive=True)]
        for one in stopped:
            one.suspend()
        try:
            yield stopped
        finally:
            for one in stopped:
                with suppress(psutil.NoSuchProcess):
                    one.resume()

    def begin_again(self) -> None:
        """Start the database from what is on the disk."""

    def look(self, copy: Disk) -> set[int]:
        """Check the whole database on a copy of the disk; return the ids of all its messages."""
        raise NotImplementedError

    def _find_first(self) -> psutil.Process:
        raise NotImplementedError


class OnSqlite(Powered):
    def __init__(
        self, disk: Disk, folder: Path, servers: tuple[TelegramServer, MimoServer]
    ) -> None:
        super().__init__(disk)
        self.system = OneProcess(disk.root, servers)
        [self._program] = self.system.processes
        self._program.make_database()
        self._program.log_path = folder / "log"
        self._program.log_path.touch()

    def look(self, copy: Disk) -> set[int]:
        home = copy.root / self._program.home.name
        with closing(sqlite3.connect(home / "hearsay.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            ids = {int(one) for (one,) in connection.execute(_IDS)}
        return ids

    def _find_first(self) -> psutil.Process:
        return psutil.Process(self._program.pid)


class OnPostgreSQL(Powered):
    def __init__(
        self, disk: Disk, folder: Path, servers: tuple[TelegramServer, MimoServer]
    ) -> None:
        super().__init__(disk)
        self._server = PostgresServer(*DURABLE)
        self._server.start(disk.root)
        self.system = System(folder, self._server.create(), servers)
        self.system.overrides = {}  # nobody is taken for dead while the server is stopped
        self._name = self.system.url.rpartition("/")[2]

    def begin_again(self) -> None:
        self._server.forget_process()
        self._server.begin()

    def look(self, copy: Disk) -> set[int]:
        with self._server.run_copy(copy.root) as server:
            url = server.url(self._name)
            ask(url, "CREATE EXTENSION amcheck")
            assert ask(url, _INDEXES)[0][0] > 50
            return {int(one) for (one,) in ask(url, _IDS)}

    def close(self) -> None:
        """Stop the server."""
        self._server.stop()

    def _find_first(self) -> psutil.Process:
        return self._server.find_process()


@dataclass
class Told:
    """What Telegram was told is taken, as each failure of the power left it."""

    telegram: TelegramServer
    people: list[int]
    sent: list[tuple[int, int]] = field(default_factory=list)
    sending: asyncio.Task[None] = field(init=False)

    async def send_often(self) -> None:
        """Send messages until cancelled; no two have the same id."""
        for number in count(1):
            person = self.people[number % len(self.people)]
            self.telegram.world.chats[person].last_message_id = number - 1
            self.sent.append((person, self.telegram.send_command(person, person, "/help")))
            await asyncio.sleep(random.expovariate(RATE))  # the load itself

    def taken(self) -> set[int]:
        """Return the ids of the messages that Telegram will not send again."""
        with self.telegram.world.lock:
            waiting = {one.body["message"]["message_id"] for one in self.telegram.queue.waiting()}
        return {message for _, message in self.sent} - waiting


@pytest.fixture
def disks() -> Iterator[Disks]:
    with open_disks() as disks:
        yield disks


@pytest.fixture
def disk(disks: Disks) -> Disk:
    disk = disks.add()
    try:
        disk.format()
    except NoDisk as error:
        pytest.skip(f"only root can make a disk: {error}")
    return disk


@pytest.fixture(params=[OnSqlite, OnPostgreSQL], ids=["sqlite", "postgresql"])
async def powered(
    request: Any, disk: Disk, tmp_path: Path, telegram: TelegramServer, mimo: MimoServer
) -> AsyncIterator[Powered]:
    if request.param is OnPostgreSQL and find_programs() is None:
        pytest.skip("PostgreSQL is not installed")
    found = await asyncio.to_thread(request.param, disk, tmp_path, (telegram, mimo))
    os.sync()  # what was there before the program
    async with found.system:
        yield found
    if isinstance(found, OnPostgreSQL):
        await asyncio.to_thread(found.close)


@contextmanager
def look_at(powered: Powered, disks: Disks, told: Told) -> Iterator[tuple[Disk, set[int]]]:
    """Copy the disk as a failure of the power leaves it; yield that, and what was taken by then."""
    copy = disks.add()
    with powered.stopped():
        powered.disk.copy_to(copy)
        # By the program as well: it may have got the response of a commit just before.
        taken = told.taken()
    try:
        copy.mount()
        yield copy, taken
        copy.unmount()
    finally:
        copy.image.unlink()


def cut(powered: Powered, disks: Disks, told: Told) -> tuple[int, int]:
    """Return how many messages were taken when the power failed, and how many of them are lost."""
    with look_at(powered, disks, told) as (copy, taken):
        return len(taken), len(taken - powered.look(copy))


async def fail_for_good(powered: Powered, disks: Disks) -> None:
    """Let the power fail, and start everything from what is left on the disk."""
    left = disks.add()
    with powered.stopped() as stopped:
        for one in powered.system.processes:
            await one.kill()
        for other in stopped:
            with suppress(psutil.NoSuchProcess):
                other.kill()
        await asyncio.to_thread(psutil.wait_procs, stopped, 30)
        await asyncio.to_thread(powered.disk.copy_to, left)
    powered.disk.unmount()
    powered.disk.image.unlink()
    left.image.rename(powered.disk.image)
    powered.disk.mount()
    await asyncio.to_thread(powered.begin_again)
    await powered.system.start()


@pytest.fixture
async def told(telegram: TelegramServer) -> AsyncIterator[Told]:
    """Messages that come as long as the test runs."""
    random.seed(43)
    people = [telegram.add_user(f"Person {number}") for number in range(PEOPLE)]
    told = Told(telegram, people)
    told.sending = asyncio.create_task(told.send_often())
    yield told
    told.sending.cancel()


async def test_what_was_taken_is_kept(
    powered: Powered, disks: Disks, telegram: TelegramServer, told: Told
) -> None:
    system = powered.system
    await system.start()
    found = []
    for _ in range(CUTS):
        await asyncio.sleep(random.uniform(0.0, PAUSE_S))  # until some moment
        found.append(await asyncio.to_thread(cut, powered, disks, told))
    await fail_for_good(powered, disks)
    told.sending.cancel()
    assert await system.settle(len(told.sent), 300) == {"done": len(told.sent)}
    shown = [telegram.replies_to(*one) for one in told.sent]
    unconfirmed = find_unconfirmed(telegram)
    doubled = sum(count_duplicates(answers, unconfirmed) for answers in shown)
    lost = sum(missing for _, missing in found)
    add_table(
        f"{system.title}: the power fails at {CUTS + 1} moments while {len(shown)} messages come",
        ("taken by the last but one", "of these lost", "unanswered", "answered twice"),
        [(found[-1][0], lost, shown.count([]), doubled)],
    )
    assert not lost and not doubled and all(shown) and found[-1][0] > CUTS
    assert "Traceback" not in system.whole_log


@pytest.mark.parametrize("powered", [OnSqlite], ids=["sqlite"], indirect=True)
async def test_what_is_not_synced_would_be_lost(powered: Powered, disks: Disks, told: Told) -> None:
    """Or else the test above would find nothing."""
    powered.system.overrides |= {"constants": {"core.store.database.connections:WRITER": CARELESS}}
    await powered.system.start()
    await wait_for(lambda: len(told.taken()) > PEOPLE or None, 30)
    taken, lost = await asyncio.to_thread(cut, powered, disks, told)
    add_table("without waiting for the disk", ("taken", "of these lost"), [(taken, lost)])
    assert lost


def test_a_new_key_is_on_the_disk_before_it_is_used(disk: Disk, disks: Disks) -> None:
    """The database that it encrypts may be elsewhere, and survive."""
    make_cipher(None, disk.root)
    copy = disks.add()
    disk.copy_to(copy)
    copy.mount()
    assert (copy.root / KEY_FILE).read_bytes() == (disk.root / KEY_FILE).read_bytes() != b""
