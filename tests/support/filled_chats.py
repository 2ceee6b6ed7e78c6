"""Chats in which Ada and Ben have used everything: filled once, and opened by any test."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.clean_start import open_store
from tests.support.full_chats import World
from tests.support.loopback import run_loopback
from tests.support.loopback_platform import LoopbackPlatform
from tests.support.stored_rows import Rows
from tests.support.virtual_time import VirtualLoop, current_clock


@dataclass(frozen=True, slots=True)
class FilledChats:
    """What is on disk after that, and what the platform remembers."""

    #: Sound stands outside the database.
    is_outside: bool
    #: By path in the folder of the program. The log of the database is full, as it was in use.
    files: dict[Path, bytes]
    platform: LoopbackPlatform
    #: When that was, as the loop counts.
    ended_at_s: float
    #: The rows that Ada's use of everything has made or changed.
    rows: Rows

    @asynccontextmanager
    async def open(self, home: Path) -> AsyncIterator[World]:
        """Yield the chats as the program finds them that is started now."""
        for path, data in self.files.items():
            (home / path).parent.mkdir(parents=True, exist_ok=True)
            (home / path).write_bytes(data)
        clock = current_clock()
        await clock.sleep(self.ended_at_s - clock.monotonic())
        async with open_world(home, is_outside=self.is_outside) as world:
            platform = world.loopback.platform
            platform.sent, platform.recording = [*self.platform.sent], self.platform.recording
            yield world


@asynccontextmanager
async def open_world(home: Path, *, is_outside: bool) -> AsyncIterator[World]:
    """Yield the chats of a program in `home`. is_outside: its sound is outside the database."""
    store = open_store(home, f"file://{home}/objects" if is_outside else None)
    try:
        async with run_loopback(store) as loopback:
            yield World(loopback, home)
    finally:
        await store.close()


async def fill_as_ada(world: World) -> Rows:
    """Let both use everything, and return the rows that Ada has made or changed."""
    await world.fill(of_ada=False)
    known = await world.rows()
    await world.fill(of_ada=True)
    return {key: one for key, one in (await world.rows()).items() if known.get(key) != one}


@cache
def fill_chats(*, is_outside: bool = False) -> FilledChats:
    """Return the filled chats. No event loop is running."""
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
    ):
        return runner.run(_fill(Path(folder), is_outside))


async def _fill(home: Path, is_outside: bool) -> FilledChats:
    async with open_world(home, is_outside=is_outside) as world:
        rows = await fill_as_ada(world)
        paths = [one for one in home.rglob("*") if one.is_file() and one.suffix != ".db-shm"]
        files = {one.relative_to(home): one.read_bytes() for one in paths}
        platform = copy(world.loopback.platform)
        return FilledChats(is_outside, files, platform, asyncio.get_running_loop().time(), rows)
