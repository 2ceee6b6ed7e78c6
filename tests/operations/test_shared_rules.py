"""What an operator decides in one process holds in the others; here each is a store of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.admission import Decision, Verdict
from core.operations.shared_rules import CHECK_S, SharedRules
from core.store import Store
from tests.conftest import NewMessage, ask_for_help
from tests.support.clean_start import open_store
from tests.support.events import listening, until
from tests.support.virtual_time import current_clock

pytestmark = pytest.mark.parametrize("tier", ["postgresql"], indirect=True)


@pytest.fixture
async def other(store: Store, tmp_path: Path) -> AsyncIterator[Store]:
    """Another process, which follows what is decided."""
    other = open_store(tmp_path)
    following = asyncio.create_task(SharedRules(other).run())
    yield other
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await other.close()


@pytest.mark.real_time
async def test_a_pause_and_its_end_hold_everywhere(store: Store, other: Store) -> None:
    woken: list[None] = []
    other.on_job(lambda: woken.append(None))
    async with listening(other):
        await store.controls.pause("test:9", is_on=True)
        await until(other.controls.paused.is_set)
        assert not woken
        await store.controls.pause("test:9", is_on=False)
        await until(lambda: not other.controls.paused.is_set())
        assert woken, "what waited may run"


@pytest.mark.real_time
async def test_a_ban_and_its_end_hold_everywhere(
    store: Store, other: Store, new_message: NewMessage
) -> None:
    message = ask_for_help(new_message)

    def is_closed() -> bool:
        return other.admissions.rules.judge(message) is Verdict.CLOSED

    assert not is_closed()
    async with listening(other):
        await store.admissions.decide("test:9", "test", "7", Decision.BANNED)
        await until(is_closed)
        await store.admissions.decide("test:9", "test", "7", None)
        await until(lambda: not is_closed())
    assert other.admissions.decisions == {}


@pytest.mark.real_time
async def test_a_group_that_moves_takes_its_decision_along_everywhere(
    store: Store, other: Store, new_message: NewMessage
) -> None:
    group = new_message("-5", is_private=False).chat
    await store.admissions.decide("test:9", "test", "-5", Decision.APPROVED)
    async with listening(other):
        await until(lambda: other.admissions.decisions)
        moved = new_message("-6", is_private=False).chat
        await store.chats.move(group, moved)
        await until(lambda: ("test", "-6") in other.admissions.decisions)
    assert other.admissions.decisions == {("test", "-6"): Decision.APPROVED}


async def test_an_event_that_is_lost_is_made_up_for(store: Store, other: Store) -> None:
    """Nobody listens here: the database is looked at now and then."""
    await store.controls.pause("test:9", is_on=True)
    await current_clock().sleep(CHECK_S + 1)
    assert other.controls.paused.is_set()
