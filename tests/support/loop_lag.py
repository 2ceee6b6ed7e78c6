"""How long an event loop stands still, also on a machine that does much else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass


@dataclass
class LoopLag:
    """What was measured: `worst_s`, in seconds that this process was at work."""

    worst_s: float = 0.0


@asynccontextmanager
async def watch_loop(every_s: float = 0.001) -> AsyncIterator[LoopLag]:
    """Measure the longest time between two turns of the loop.

    Not by the clock on the wall: while other processes have the processor, every loop stands still.
    """
    found = LoopLag()

    async def tick() -> None:
        while True:
            before_s = time.process_time()
            await asyncio.sleep(every_s)
            found.worst_s = max(found.worst_s, time.process_time() - before_s)

    ticking = asyncio.create_task(tick())
    try:
        yield found
    finally:
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
