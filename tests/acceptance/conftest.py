"""The stages of the acceptance rows: each file has a program of its own for most of its rows."""

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


#: Starts one more program; fields of `tests.chaos.child.Overrides`.
Open = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture(scope="module")
def watch() -> Iterator[MemoryWatch]:
    with MemoryWatch() as watch:
        yield watch


@pytest.fixture(scope="module")
def open_stage(tmp_path_factory: pytest.TempPathFactory, watch: MemoryWatch) -> Open:
    """Start a program of a test's own, quickly: forked from one that has all imported.

    However it is used, it ends cleanly and leaves no traces: see `check_traces`.
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
            assert bot.code is not None or await bot.stop() == 0
            check_traces(bot)

    return open_one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(open_stage: Open) -> AsyncIterator[Stage]:
    """The program for all rows whose fault concerns their own chat only."""
    # More notes than an account may have heard in so short a time.
    async with open_stage(has_limits=False) as stage:
        yield stage
        ann = stage.person()
        _, number = await stage.send_note(ann)
        await stage.check_answer(ann, number)
        assert await stage.is_alive()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ears() -> AsyncIterator[Media]:
    """What turns a note into the very bytes that MiMo is sent."""
    media = Media(workers=1)
    yield media
    await media.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    note_rows(item for item in items if item.path.is_relative_to(HERE))
