"""Fixtures of the acceptance rows: each file shares one program for most of its rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from core.audio import Media
from tests.acceptance.stage import Stage, WatchedBot, check_traces, make_mimo, make_telegram
from tests.acceptance.watch import MemoryWatch
from tests.chaos.report import note_rows

HERE = Path(__file__).parent


#: Starts another program; takes the fields of `tests.chaos.faulty_program.Overrides`.
Open = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture(scope="module")
def watch() -> Iterator[MemoryWatch]:
    with MemoryWatch() as watch:
        yield watch


@pytest.fixture(scope="module")
def open_stage(tmp_path_factory: pytest.TempPathFactory, watch: MemoryWatch) -> Open:
    """Return a function that starts a program for one test.

    At its end the program must stop cleanly and pass `check_traces`.
    """

    @asynccontextmanager
    async def open_one(**overrides: Any) -> AsyncIterator[Stage]:
        home = tmp_path_factory.mktemp("bot")
        async with (
            make_telegram() as telegram,
            make_mimo() as mimo,
            WatchedBot(home, (telegram, mimo), watch) as bot,
        ):
            stage = Stage(bot)
            await bot.start(**overrides)
            try:
                yield stage
            finally:
                await stage.close()
                watch.measure()
            assert bot.code is not None or await bot.stop() == 0
            check_traces(bot)

    return open_one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(open_stage: Open) -> AsyncIterator[Stage]:
    """The shared program, for rows whose fault affects only their own chat."""
    # The rows exceed an account's calls per minute.
    async with open_stage(has_limits=False) as stage:
        yield stage
        ann = stage.person()
        _, number = await stage.send_note(ann)
        await stage.check_answer(ann, number)
        assert await stage.is_alive()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def media() -> AsyncIterator[Media]:
    """Decoding as in the program, to get the bytes that MiMo receives."""
    media = Media(workers=1)
    yield media
    await media.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    note_rows(item for item in items if item.path.is_relative_to(HERE))
