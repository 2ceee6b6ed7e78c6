"""The order of arrival, which is the order of jobs."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from core.commands import pick_command
from core.store import Store
from tests.conftest import NewMessage

pytestmark = pytest.mark.finding(5)


@pytest.mark.sqlite_only
async def test_messages_that_wait_for_the_writer_keep_their_order(
    store: Store, new_message: NewMessage
) -> None:
    """One that arrives at the moment when the writer becomes free does not pass the others."""
    messages = [new_message() for _ in range(12)]
    waiting: list[asyncio.Task[Any]] = []
    is_free = threading.Event()
    waiting.append(asyncio.create_task(store._database.write(lambda _: is_free.wait())))
    for message in messages[:-1]:
        waiting.append(asyncio.create_task(store.intake.add(message, pick_command)))
    await asyncio.sleep(0)
    is_free.set()
    last = await store.intake.add(messages[-1], pick_command)
    jobs = [*(await asyncio.gather(*waiting))[1:], last]
    history = await store.jobs.history(messages[0].chat)
    assert [job.job_id for job in history[::-1]] == [job.job_id for job in jobs if job]
