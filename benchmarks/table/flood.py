"""How much one person's three hundred notes delay the note of another.

    python -m benchmarks flood

In one process, on a loop with virtual time, with a local MiMo that has the limits of an account:
100 calls and 10,000 tokens a minute. The notes are of 5 s and a call takes a second; those of the
flood are in sixty chats, and the others come at different times after it. The other side is the
same note alone.
"""

from __future__ import annotations

import asyncio
import tempfile
from functools import cache
from pathlib import Path

from benchmarks.support.rows import Figures, Row
from benchmarks.table.pipeline import silence_logs
from core.store.work import excess
from tests.emulators.mimo import MimoServer
from tests.support.clean_start import open_store
from tests.support.flood import run_crowd
from tests.support.virtual_time import VirtualLoop

FLOOD, CHATS, AFTER_S = 300, 60, (1.0, 10.0, 20.0, 40.0)
DELAY_S = 2.0


async def measure_waits() -> Figures:
    """Return the longest delay of a note behind the flood, and the time that one takes alone."""
    excess.MAX_OF_PERSON = FLOOD
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder))
        async with MimoServer() as mimo, run_crowd(store, mimo) as crowd:
            alone_s, waits_s = await crowd.wait_s("first"), []
            for number in range(FLOOD):
                await crowd.send("many", number % CHATS)
            for number, after_s in enumerate(AFTER_S):
                await asyncio.sleep(after_s)
                waits_s.append(await crowd.wait_s(f"other {number}"))
        await store.close()
    return Figures(max(waits_s) - alone_s, alone_s)


@cache
def measure() -> Figures:
    silence_logs()
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(measure_waits())


ROWS = (Row(f"delay by {FLOOD} notes of another person", "s", "the note alone", DELAY_S, measure),)
