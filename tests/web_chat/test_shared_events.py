"""Events of pages that several processes serve; here each is a store and the events of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bots.web_chat.events import RELOAD, Outbox
from bots.web_chat.shared_events import KIND, SharedEvents
from core.models import PAGE, PAGE_BOT, Chat, Job, Reply
from core.store import Store
from core.store.events import GAP
from tests.conftest import NewMessage
from tests.support.clean_start import open_store
from tests.support.events import listening, until
from tests.support.fake_inbox import make_job
from tests.support.postgresql import PostgresServer

CHAT, OTHER_CHAT = Chat(PAGE, PAGE_BOT, "ada"), Chat(PAGE, PAGE_BOT, "ada-2")
pytestmark = [
    pytest.mark.real_time,
    pytest.mark.parametrize("tier", ["postgresql"], indirect=True),
]


class Process:
    """The events of one process, and what is saved of messages, which all processes read."""

    def __init__(self, store: Store, saved: dict[str, Job]) -> None:
        self.store, self._saved = store, saved
        #: How often a reply was read.
        self.reads = 0
        self.events = SharedEvents(store.events, self._find_job)

    async def _find_job(self, chat: Chat, message_id: str) -> Job | None:
        self.reads += 1
        return self._saved.get(message_id)


@pytest.fixture
def saved() -> dict[str, Job]:
    return {}


@pytest.fixture
async def worker(store: Store, saved: dict[str, Job]) -> AsyncIterator[Process]:
    """A process that runs jobs."""
    worker = Process(store, saved)
    telling = asyncio.create_task(worker.events.run())
    yield worker
    telling.cancel()


@pytest.fixture
async def web(worker: Process, tmp_path: Path, saved: dict[str, Job]) -> AsyncIterator[Process]:
    """A process that serves the page."""
    store = open_store(tmp_path)
    web = Process(store, saved)
    web.events.listen()
    async with listening(store):
        yield web
    await web.events.stop()
    await store.close()


async def take(page: Outbox) -> list[dict[str, Any]]:
    return await asyncio.wait_for(page.take(), 10)


async def test_partial_text_and_the_saved_reply_reach_pages_of_another_process(
    worker: Process, web: Process, saved: dict[str, Job], new_message: NewMessage
) -> None:
    page, other = web.events.open(CHAT), web.events.open(OTHER_CHAT)
    worker.events.show(CHAT, "message-1", "The stale smell")
    assert await take(page) == [{"type": "text", "id": "message-1", "text": "The stale smell"}]
    saved["message-1"] = replace(
        make_job(new_message()), reply=Reply("It lingers.", quote="as it is saved")
    )
    worker.events.finish(CHAT, "message-1", {"text": "as it is delivered"})
    [event] = await take(page)
    assert (event["type"], event["id"]) == ("reply", "message-1")
    assert event["reply"]["quote"] == "as it is saved"
    assert web.reads == 1
    later = web.events.open(CHAT)
    web.events.end(CHAT)
    assert await take(later) == [], "no progress of what has ended"
    assert await take(other) == []


async def test_a_page_that_opens_later_gets_the_progress(worker: Process, web: Process) -> None:
    for text in ("1%", "2%", "3%"):
        worker.events.show(CHAT, "message-1", text)
    page = web.events.open(CHAT)
    await take(page)
    later = web.events.open(CHAT)
    assert await take(later) == [{"type": "text", "id": "message-1", "text": "3%"}]


async def test_a_reply_is_read_only_where_a_page_waits_for_it(
    worker: Process, web: Process
) -> None:
    page = web.events.open(CHAT)
    worker.events.finish(OTHER_CHAT, "message-1", {})
    worker.events.show(CHAT, "message-2", "all that came before has arrived")
    await take(page)
    assert web.reads == 0


async def test_of_a_very_long_text_the_end_arrives(worker: Process, web: Process) -> None:
    page = web.events.open(CHAT)
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 20_000))) + " the end"
    worker.events.show(CHAT, "message-1", text)
    [event] = await take(page)
    assert event["text"].endswith(" the end")
    assert text.endswith(event["text"]) and len(event["text"]) > 1000


async def test_what_people_say_is_not_readable_on_the_way(worker: Process, web: Process) -> None:
    sent: list[str] = []
    web.store.events.subscribe(KIND, sent.append)
    page = web.events.open(CHAT)
    worker.events.show(CHAT, "message-1", "The stale smell")
    await take(page)
    assert len(sent) == 1
    assert all(word not in sent[0] for word in ("stale", "message-1", CHAT.chat_id))


async def test_a_logout_ends_pages_of_every_process_and_of_the_person_alone(
    worker: Process, web: Process
) -> None:
    mine = [web.events.open(CHAT), web.events.open(OTHER_CHAT)]
    page = web.events.open(Chat(PAGE, PAGE_BOT, "grace"))
    worker.events.end(CHAT)
    await until(lambda: all(one.is_over for one in mine))
    assert not page.is_over


async def test_own_events_are_shown_once_and_at_once(web: Process, tmp_path: Path) -> None:
    page = web.events.open(CHAT)
    web.events.show(CHAT, "message-1", "first")
    assert await take(page) == [{"type": "text", "id": "message-1", "text": "first"}]
    await web.events.flush()
    seen: list[str] = []
    web.store.events.subscribe(KIND, seen.append)
    web.events.show(CHAT, "message-1", "second")
    await web.events.flush()
    await until(lambda: seen)
    assert await take(page) == [{"type": "text", "id": "message-1", "text": "second"}]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(page.take(), 0.3)


async def test_pages_load_again_after_a_gap(web: Process, postgresql: PostgresServer) -> None:
    page = web.events.open(CHAT)
    postgresql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN hearsay'"
    )
    assert await take(page) == [RELOAD]


async def test_events_flow_again_once_the_database_is_back(
    worker: Process, web: Process, postgresql: PostgresServer
) -> None:
    page = web.events.open(CHAT)
    gaps: list[None] = []
    web.store.events.subscribe(GAP, gaps.append)
    postgresql.end()
    worker.events.show(CHAT, "message-1", "1%")
    assert not await worker.events.flush()
    worker.events.show(CHAT, "message-1", "2%")
    postgresql.begin()
    await until(lambda: gaps, 20)
    assert RELOAD in await take(page)
    worker.events.show(CHAT, "message-1", "3%")
    await until(lambda: web.events.open(CHAT)._events.get("message-1", {}).get("text") == "3%", 20)


async def test_an_event_that_another_key_has_encrypted_is_left_out(
    worker: Process, web: Process
) -> None:
    page = web.events.open(CHAT)
    await worker.store.events.publish(KIND, "AnotherKeyAnotherKeyAnotherKeyAnotherKeyAnotherKey==")
    worker.events.show(CHAT, "message-1", "and it goes on")
    assert [event["text"] for event in await take(page)] == ["and it goes on"]
