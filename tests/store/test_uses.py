"""Messages that several processes send count together, per chat and over all."""

from __future__ import annotations

import asyncio

import pytest

from core.store import Store
from tests.support.clean_start import ask_database

pytestmark = pytest.mark.real_time

BOT = "telegram 1"


@pytest.fixture
def tier() -> str:
    return "postgresql"


async def test_a_chat_gets_as_many_as_it_may(store: Store) -> None:
    windows = {"-100": (3, 61.0), "": (28, 1.0)}
    taken = await asyncio.gather(*(store.uses.take(BOT, windows) for _ in range(5)))
    assert sorted(taken)[:3] == [0, 0, 0] and sum(wait_s > 0 for wait_s in taken) == 2
    assert all(60 < wait_s <= 61.25 for wait_s in taken if wait_s)
    assert await store.uses.take(BOT, windows | {"-100": (4, 61.0)}) == 0, "refused ones count not"
    assert await store.uses.take(BOT, {"-200": (3, 61.0)}) == 0
    assert await store.uses.take("telegram 2", windows) == 0


async def test_all_chats_count_together(store: Store) -> None:
    taken = [await store.uses.take(BOT, {f"{n}": (3, 3.1), "": (5, 1.0)}) for n in range(7)]
    assert taken[:5] == [0] * 5 and all(0 < wait_s <= 1.25 for wait_s in taken[5:])
    await asyncio.sleep(max(taken))  # of the database's clock
    assert await store.uses.take(BOT, {"8": (3, 3.1), "": (5, 1.0)}) == 0


async def test_no_chat_is_named(store: Store, tmp_path: object) -> None:
    await store.uses.take(BOT, {"-1001234567": (3, 61.0), "": (5, 1.0)})
    keys = await asyncio.to_thread(ask_database, tmp_path, "SELECT key FROM rate_uses")  # type: ignore[arg-type]
    assert len(keys) == 2 and "1234567" not in str(keys)
