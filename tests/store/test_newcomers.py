"""People who join a chat that keeps a history are told so once, many in one note."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.commands import pick_command
from core.models import Chat, ChatSettings, TalkSettings
from core.store import Store
from core.store.work.newcomers import GROUPED_FOR, INTERVAL
from tests.store.conftest import claim_job
from tests.support.clean_start import ask_database
from tests.support.remembered_talk import CHAT, REMEMBERS, say

SECOND = timedelta(seconds=1)


async def fire(store: Store, after: timedelta) -> int:
    """Return how many notes are due after this time, which passes."""
    await store._database.clock.sleep(after.total_seconds())
    return await store.newcomers.fire_due(store._database.now())


async def test_many_who_join_get_one_note_an_hour(store: Store) -> None:
    await store.chats.save_settings(CHAT, REMEMBERS)
    for number in range(20):
        await store.newcomers.add(CHAT, [str(number), str(number + 1)])
    assert await fire(store, GROUPED_FOR - SECOND) == 0
    assert await fire(store, SECOND) == 1
    job = await claim_job(store)
    assert job and job.command == "newcomers" and job.message.chat == CHAT
    # Later ones are told later, in one note again.
    await store.newcomers.add(CHAT, ["100"])
    await store.newcomers.add(CHAT, ["101"])
    due_at = await store.newcomers.next_due_at()
    assert due_at and due_at - store._database.now() > INTERVAL - SECOND
    assert await fire(store, INTERVAL - SECOND) == 0
    assert await fire(store, SECOND) == 1
    assert await fire(store, 9 * INTERVAL) == 0
    assert await store.newcomers.next_due_at() is None


async def test_nobody_is_told_twice(store: Store) -> None:
    await store.chats.save_settings(CHAT, REMEMBERS)
    await store.newcomers.add(CHAT, ["7"])
    assert await fire(store, GROUPED_FOR) == 1
    for _ in range(3):
        await store.newcomers.add(CHAT, ["7"])
    assert await fire(store, 9 * INTERVAL) == 0


async def test_without_a_history_nobody_is_noted(store: Store, tmp_path: Path) -> None:
    await store.newcomers.add(CHAT, ["7"])
    await store.chats.save_settings(CHAT, REMEMBERS)
    await store.memory.opt_out("test", "8", True)
    await store.newcomers.add(CHAT, ["8"])
    assert ask_database(tmp_path, "SELECT count(*) FROM newcomers") == [(0,)]
    await store.newcomers.add(CHAT, ["9"])
    await store.chats.save_settings(CHAT, ChatSettings())
    assert await fire(store, GROUPED_FOR) == 0
    assert ask_database(tmp_path, "SELECT count(*) FROM newcomers") == [(0,)]


async def test_a_chat_that_moves_takes_them_along(store: Store) -> None:
    await store.chats.save_settings(CHAT, REMEMBERS)
    await store.newcomers.add(CHAT, ["7"])
    new = Chat("test", "1", "-200")
    await store.chats.move(CHAT, new)
    assert await fire(store, GROUPED_FOR) == 1
    job = await claim_job(store)
    assert job and job.message.chat == new


@pytest.mark.parametrize(
    ("since", "joined", "is_told"),
    [(10, 5, True), (10, 15, False), (None, 5, True), (None, 40, False), (10, None, False)],
)
async def test_a_first_message_tells_who_joined_after_the_announcement(
    store: Store, since: int | None, joined: int | None, is_told: bool
) -> None:
    now = store._database.now()

    def ago(days: int | None) -> Any:
        return days and now - timedelta(days=days)

    talk = TalkSettings(remember_days=7, remembered_since_at=ago(since))
    await store.chats.save_settings(CHAT, ChatSettings(talk=talk))
    message = say(1, "hello", sent_at=now, sender_joined_at=ago(joined))
    await store.intake.add(message, pick_command)
    assert bool(await store.newcomers.next_due_at()) == is_told
