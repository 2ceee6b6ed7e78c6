"""A disk that fills while the program runs: said in one sentence each, and nothing is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from core.commands import pick_command
from core.errors import StorageFull
from core.limits.budgets import Budgets
from core.models import Message, Transcript
from core.operations.incidents import Incidents
from core.operations.status import OperatorStatus
from core.store import Store
from core.store.database.errors import read_error
from tests.conftest import NewMessage
from tests.support.loopback import Loopback
from tests.support.virtual_time import current_clock

pytestmark = pytest.mark.finding(26)
MANY = 1 << 30


async def limit_pages(store: Store, pages: int) -> None:
    """Let the database not grow beyond `pages` pages, as a full disk does."""
    limit = f"PRAGMA max_page_count={pages}"
    await store._database.write(lambda one: one.exec_driver_sql(limit))


async def fill(store: Store) -> None:
    """Fill the disk to the last page."""
    await limit_pages(store, 1)
    number = count()
    for size in (10_000, 1_000, 10):
        with pytest.raises(StorageFull):
            while True:
                name = f"{next(number):064}"
                await store.results.save(name, Transcript("x" * size))


async def refuse(store: Store, message: Message) -> StorageFull:
    """Return the error of taking in a message with a recording."""
    with pytest.raises(StorageFull) as raised:
        await store.intake.add(message, pick_command, bytes(100_000))
    return raised.value


@pytest.mark.sqlite_only
async def test_the_operator_reads_which_disk_and_how_much_is_free(
    store: Store, new_message: NewMessage, tmp_path: Path
) -> None:
    await fill(store)
    error = await refuse(store, new_message("100", text="canary"))
    text = str(error)
    assert str(tmp_path / "hearsay.db") in text and " MB free" in text
    assert "canary" not in text and "OperationalError" not in text
    status = OperatorStatus(store, (), Budgets(store.budgets))
    for _ in range(2):
        found = await status.health.check()
        assert found["database"].startswith(text.partition(":")[0])
        await store.probes.check_space()
    await limit_pages(store, MANY)
    await store.probes.check_space()
    assert (await status.health.check())["database"] == ""


@pytest.mark.sqlite_only
async def test_what_was_not_saved_is_taken_in_when_it_comes_again(
    store: Store, new_message: NewMessage
) -> None:
    message = new_message("100", text="/help", command="help")
    await fill(store)
    await refuse(store, message)
    assert await store.jobs.history(message.chat) == []
    await limit_pages(store, MANY)
    job = await store.intake.add(message, pick_command, bytes(100_000))
    assert job and [one.job_id for one in await store.jobs.history(message.chat)] == [job.job_id]
    assert await store.recordings.find(message.chat, message.message_id) == bytes(100_000)


@pytest.mark.sqlite_only
async def test_the_operator_is_told_as_soon_as_it_can_be_written(
    store: Store, new_message: NewMessage, tmp_path: Path
) -> None:
    told: list[str] = []

    async def report(key: str, text: str) -> None:
        # As alerts do: they are messages, and saved before they are sent.
        await store.intake.add(
            replace(new_message("1"), message_id=key), pick_command, bytes(100_000)
        )
        told.append(text)

    incidents = Incidents((), store.probes, report, tmp_path, current_clock())
    await fill(store)
    await refuse(store, new_message("100"))
    with pytest.raises(StorageFull):
        await incidents.check({})
    await limit_pages(store, MANY)
    await incidents.check({})
    await incidents.check({})
    full, well = told
    assert "cannot grow: its disk has" in full
    assert well == "The database can be written again."


@pytest.mark.sqlite_only
async def test_a_job_waits_for_space_and_is_answered_once(
    loopback: Loopback, new_message: NewMessage
) -> None:
    await loopback.inbox.accept(new_message("100"))
    await fill(loopback.store)
    async with loopback.running():
        await asyncio.sleep(600)
        assert loopback.platform.sent == []
        await limit_pages(loopback.store, MANY)
        await loopback.store.probes.check_space()
        await loopback.settle()
    [(_, reply)] = loopback.platform.sent
    assert reply.quote == "call 1", "no call is paid for whose result cannot be saved"


def test_a_disk_that_is_gone_is_not_reported_as_full(tmp_path: Path) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    found = read_error(error, f"sqlite:///{tmp_path}/unmounted/hearsay.db")
    assert not isinstance(found, StorageFull) and "disk I/O error" in str(found)
