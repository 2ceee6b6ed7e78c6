"""Events that processes on one database tell each other; here each is a store of its own."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigError
from core.store import Store, make_cipher
from core.store.events import GAP, MAX_SEALED_BYTES
from tests.support.events import listening, until
from tests.support.postgresql import PostgresServer

WORDS = "The stale smell of old beer lingers, and it takes heat to bring out the odour. "


@pytest.mark.parametrize(
    "text",
    [
        "",
        WORDS,
        WORDS * 1000,
        "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz ", k=50_000)),
        "".join(chr(0x4E00 + random.Random(2).randrange(20_000)) for _ in range(9000)),
        "".join(map(chr, random.Random(3).choices(range(0x4E00, 0x9FA5), k=9000))),
        'half a pair: \ud83d, a quote: " and a line:\n',
    ],
    ids=["empty", "short", "repeated", "letters", "one-character", "chinese", "odd"],
)
async def test_what_is_sealed_fits_and_cannot_be_read(store: Store, text: str) -> None:
    sealed = store.events.seal("a", "chat", text=text)
    assert len(sealed) <= MAX_SEALED_BYTES
    assert sealed.isascii() and "stale" not in sealed
    first, second, kept = store.events.unseal(sealed)
    assert (first, second) == ("a", "chat")
    assert text.endswith(kept)
    # Not much is given up of what there would have been room for.
    assert kept == text or len(sealed) > MAX_SEALED_BYTES * 0.75
    assert sealed != store.events.seal("a", "chat", text=text)


async def test_another_key_and_another_purpose_do_not_open_it(store: Store, tmp_path: Path) -> None:
    home = tmp_path / "other"
    home.mkdir()
    sealed = store.events.seal("a")
    stranger = Store(f"sqlite:///{home / 'hearsay.db'}", make_cipher(None, home))
    with pytest.raises(ConfigError):
        stranger.events.unseal(sealed)
    await stranger.close()


@pytest.mark.sqlite_only
async def test_on_sqlite_an_event_is_a_call_and_receiving_never_ends(store: Store) -> None:
    seen: list[Any] = []
    store.events.subscribe("one", seen.append)
    await store.events.publish("one", [1])
    await store.events.publish("another", [2])
    assert seen == [[1]]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(store.events.run(), 3600)


@pytest.mark.real_time
async def test_every_process_gets_events_in_order_and_the_own_ones(stores: list[Store]) -> None:
    store, other = stores
    seen: dict[str, list[Any]] = {"here": [], "there": []}
    store.events.subscribe("one", seen["here"].append)
    other.events.subscribe("one", seen["there"].append)
    sealed = store.events.seal("chat", text=WORDS * 1000)
    async with listening(store, other):
        for value in (1, sealed, {"three": 3}):
            await store.events.publish("one", value)
        await until(lambda: len(seen["here"]) == len(seen["there"]) == 3)
    assert seen["here"] == seen["there"] == [1, sealed, {"three": 3}]
    assert other.events.unseal(sealed)[0] == "chat"


@pytest.mark.real_time
async def test_a_lost_connection_is_a_gap_after_which_events_come_again(
    stores: list[Store], postgresql: PostgresServer
) -> None:
    store, other = stores
    seen: list[Any] = []
    gaps = asyncio.Queue[None]()
    async with listening(other):
        other.events.subscribe("one", seen.append)
        other.events.subscribe(GAP, gaps.put_nowait)
        postgresql.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN hearsay'"
        )
        await asyncio.wait_for(gaps.get(), 15)
        await store.events.publish("one", "after")
        await until(lambda: seen)
    assert seen == ["after"]
