"""The loop on which tests run: its time stands still while something else is at work."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import anyio.to_thread
import pytest

HOUR_S = 3600.0
InThread = Callable[[Callable[[], bool]], Awaitable[bool]]


async def test_sleeping_takes_no_time() -> None:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await asyncio.sleep(HOUR_S)
    assert loop.time() == began_s + HOUR_S


@pytest.mark.parametrize("run", [asyncio.to_thread, anyio.to_thread.run_sync])
async def test_a_thread_has_all_the_time_it_needs(run: InThread) -> None:
    """An hour for which others wait does not pass meanwhile."""
    loop, has_looked = asyncio.get_running_loop(), threading.Event()
    began_s = loop.time()

    async def expire() -> None:
        await asyncio.sleep(HOUR_S)
        has_looked.set()

    expiring = asyncio.create_task(expire())
    assert not await run(lambda: has_looked.wait(0.05))
    assert loop.time() == began_s
    expiring.cancel()
