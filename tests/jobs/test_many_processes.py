"""Jobs that several processes share on PostgreSQL; here each is a store and a runner of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.models import JobState
from core.store import Store
from tests.conftest import NewMessage, ask_for_help
from tests.support.clean_start import open_store
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.support.thread_media import ThreadMedia

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.parametrize("tier", ["postgresql"], indirect=True),
]


@pytest.fixture
async def processes(store: Store, tmp_path: Path) -> AsyncIterator[list[Loopback]]:
    """Two processes on one database. What one sends, both have sent."""
    other = open_store(tmp_path)
    both = [Loopback(one, ScriptedTranscriber(), ThreadMedia()) for one in (store, other)]
    both[1].platform.sent = both[0].platform.sent
    yield both
    await other.close()


async def test_both_run_jobs_in_the_order_of_each_chat(
    processes: list[Loopback], new_message: NewMessage
) -> None:
    [one, other] = processes
    for number in range(40):
        await one.inbox.accept(ask_for_help(new_message, str(number % 8)))
    async with one.running(), other.running():
        assert await one.settle() == {JobState.DONE: 40}
    sent = one.platform.sent_to
    for chat in range(8):
        own = [number for number in map(int, sent) if (number - 1) % 8 == chat]
        assert own == sorted(own)
    assert len(sent) == 40


async def test_a_voice_note_is_transcribed(
    processes: list[Loopback], new_message: NewMessage
) -> None:
    [one, other] = processes
    async with other.running():
        await asyncio.sleep(0.3)  # it listens before the job is there
        await one.inbox.accept(new_message())
        assert await one.settle() == {JobState.DONE: 1}
    assert other.platform.sent[0][1].quote == "call 1"
