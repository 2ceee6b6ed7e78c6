"""What nobody asked about leaves nothing behind once it is no longer remembered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core.errors import EngineBadReply
from core.models import Chat, JobState, Message
from core.store import Store
from core.store.database.tables import jobs, messages, metadata
from tests.support.group_talk import ADA, BEN, EVE, Group, group_on, quote
from tests.support.loopback import Loopback
from tests.support.virtual_time import current_clock

DAY = timedelta(days=1)
#: All texts below begin with it.
WORD = "canary"


@pytest.fixture
async def group(store: Store) -> AsyncIterator[Group]:
    async with group_on(store) as group:
        group.loopback.engine.text = f"{WORD} spoken"
        yield group


def open_private(loopback: Loopback) -> Group:
    return Group(loopback, Chat("test", "1", BEN), is_private=True)


async def find_columns(store: Store) -> set[str]:
    """Return the columns of all tables that have the word."""
    found = set()
    for table in metadata.sorted_tables:
        for row in await store._database.rows(select(table)):
            places = row._mapping.items()
            found |= {f"{table.name}.{name}" for name, value in places if WORD in repr(value)}
    return found


async def age(store: Store, days: float) -> None:
    await store.retention.purge(store._database.now() + days * DAY)


async def find_state(store: Store, message: Message) -> Any:
    query = select(jobs.c.state, jobs.c.outcome).join(messages)
    is_it = messages.c.message_id == message.message_id
    [row] = await store._database.rows(query.where(is_it))
    return tuple(row)


async def test_a_forwarded_text_ends_after_a_day(store: Store, group: Group) -> None:
    private = open_private(group.loopback)
    await private.say(f"{WORD} text", BEN, forwarded_from="Eve", origin_id=EVE)
    await age(store, 0.9)
    assert await find_columns(store) == {"messages.content", "remembered.content"}
    await age(store, 1.1)
    assert await find_columns(store) == set()


async def test_a_forwarded_text_that_is_not_remembered_ends_as_well(
    store: Store, group: Group
) -> None:
    private = open_private(group.loopback)
    await private.ask("remember me off", BEN)
    await private.say(f"{WORD} text", BEN, forwarded_from="Eve")
    await age(store, 0)
    assert await find_columns(store) == set()


async def test_a_forwarded_recording_is_a_request_like_any_other(
    store: Store, group: Group
) -> None:
    private = open_private(group.loopback)
    await private.speak(BEN, forwarded_from="Eve", origin_id=EVE)
    await age(store, 29)
    assert await find_columns(store) == {"jobs.reply", "transcripts.content"}
    await age(store, 31)
    assert await find_columns(store) == set()


async def test_an_update_that_comes_again_after_a_day_is_still_known(
    store: Store, group: Group
) -> None:
    private = open_private(group.loopback)
    message = await private.say(f"{WORD} text", BEN, forwarded_from="Eve")
    await age(store, 1.1)
    assert await group.loopback.inbox.accept(message) is None
    assert await find_state(store, message) == (JobState.CANCELLED, JobState.DONE)
    hours = await store.statistics.hours(store._database.now(), 1)
    assert hours[-1].ended[JobState.DONE] == 1


@pytest.mark.parametrize("text", ["", f"{WORD} caption"])
async def test_a_short_history_keeps_no_transcript_longer(
    store: Store, group: Group, text: str
) -> None:
    await group.ask("remember 1d", EVE)
    await group.speak(ADA, text=text)
    await age(store, 0.9)
    assert "transcripts.content" in await find_columns(store)
    await age(store, 1.1)
    assert await find_columns(store) == set()


async def test_a_transcript_that_somebody_asked_for_is_kept(store: Store, group: Group) -> None:
    await group.ask("remember 1d", EVE)
    note = await group.speak(ADA)
    await group.ask("transcribe", BEN, reply_to=quote(note))
    await age(store, 29)
    assert await find_columns(store) == {"jobs.reply", "transcripts.content"}
    await age(store, 31)
    assert await find_columns(store) == set()


async def test_the_same_recording_in_a_later_message_keeps_its_transcript(
    store: Store, group: Group
) -> None:
    await group.ask("remember 3d", EVE)
    for _ in range(2):
        await group.speak(ADA)
        await current_clock().sleep(DAY.total_seconds())
    await age(store, 1.5)
    assert "transcripts.content" in await find_columns(store)
    await age(store, 2.5)
    assert await find_columns(store) == set()


async def test_history_that_is_turned_off_leaves_nothing_that_was_not_asked_for(
    store: Store, group: Group
) -> None:
    await group.ask("remember on", EVE)
    await group.speak(ADA, text=f"{WORD} caption")
    await group.ask("remember off", EVE)
    await age(store, 0)
    assert await find_columns(store) == set()


async def test_a_dead_letter_can_be_retried_while_its_message_is_remembered(
    store: Store, group: Group
) -> None:
    await group.ask("remember 3d", EVE)
    group.loopback.engine.failures = [EngineBadReply("x")] * 5
    note = await group.speak(ADA)
    job = await store.jobs.of_message(group.chat, note.message_id)
    assert job and job.state is JobState.DEAD
    await age(store, 2)
    assert await store.jobs.retry(job.job_id)
    await group.loopback.settle()
    assert await find_state(store, note) == (JobState.DONE, JobState.DONE)
    await age(store, 3.1)
    assert not await store.jobs.retry(job.job_id)


async def test_what_is_remembered_moves_with_its_chat(store: Store, group: Group) -> None:
    await group.ask("remember 3d", EVE)
    await group.speak(ADA, text=f"{WORD} caption")
    await store.chats.move(group.chat, Chat("test", "1", "-200"))
    await age(store, 2)
    assert "messages.content" in await find_columns(store)
    await age(store, 3.1)
    assert await find_columns(store) == set()
