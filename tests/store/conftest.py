"""Jobs as tests of the store need them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.commands import pick_command
from core.models import Chat, DigestSchedule, Job
from core.store import Store, make_cipher
from core.store.database.tables import jobs
from tests.conftest import NewMessage
from tests.support.clean_start import URL_FILE
from tests.support.postgresql import PostgresServer
from tests.support.virtual_time import current_clock

Add = Callable[..., Awaitable[Job]]
#: A Monday, in winter: 9:00 in Berlin.
DUE = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def schedule(schedule_id: str = "a", **changes: Any) -> DigestSchedule:
    chat = Chat("test", "1", "-100")
    made = DigestSchedule(
        schedule_id, chat, "09:00", "Europe/Berlin", False, None, False, "de", DUE
    )
    return replace(made, **changes)


async def claim_job(store: Store) -> Job | None:
    """Return the job that runs next, None if none may."""
    found = (await store.jobs.claim(1)).jobs
    return found[0] if found else None


async def claim(store: Store) -> str:
    """Return the id of the job that runs next, empty if none may."""
    job = await claim_job(store)
    return job.job_id if job else ""


async def row(store: Store, job: Job) -> Any:
    [found] = await store._database.rows(select(jobs).where(jobs.c.job_id == job.job_id))
    return found


@pytest.fixture
def add(store: Store, new_message: NewMessage) -> Add:
    """Take in the next message and return its job; `data` is its sound."""

    async def take_in(chat_id: str = "100", data: bytes | None = None, **changes: Any) -> Job:
        job = await store.intake.add(new_message(chat_id, **changes), pick_command, data)
        assert job
        return job

    return take_in


@pytest.fixture
async def stores(postgresql: PostgresServer, tmp_path: Path) -> AsyncIterator[list[Store]]:
    """Two stores on one PostgreSQL database, as two processes have them."""
    (tmp_path / URL_FILE).write_text(url := postgresql.borrow())
    made = [Store(url, make_cipher(None, tmp_path), current_clock()) for _ in range(2)]
    yield made
    for one in made:
        await one.close()
    postgresql.give_back(url)
