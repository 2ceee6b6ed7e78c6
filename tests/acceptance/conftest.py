"""The stages of the acceptance rows, and the tables at the end of the run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio

from tests.acceptance.injections import build_table
from tests.acceptance.rows import PROPERTY, build_tables
from tests.acceptance.stage import Stage, WatchedBot, make_mimo, make_telegram
from tests.acceptance.watch import MemoryWatch
from tests.chaos.bot import Plain

HERE = Path(__file__).parent


class Open(Protocol):
    """Starts one more program; fields of `tests.chaos.child.Orders`, changes of its settings."""

    def __call__(self, *, changes: dict[str, str] | None = None, **orders: Any) -> Any: ...


@pytest.fixture(scope="session")
def watch() -> Iterator[MemoryWatch]:
    watch = MemoryWatch()
    yield watch
    watch.close()


@pytest.fixture(scope="session")
def bots() -> list[WatchedBot]:
    """Every program that was started, for the questions about the whole run."""
    return []


@pytest.fixture(scope="session")
def open_stage(
    tmp_path_factory: pytest.TempPathFactory, watch: MemoryWatch, bots: list[WatchedBot]
) -> Open:
    """Start a program of a test's own, quickly: forked from one that has all imported."""

    @asynccontextmanager
    async def open_one(
        *, changes: dict[str, str] | None = None, is_plain: bool = False, **orders: Any
    ) -> AsyncIterator[Stage]:
        home = tmp_path_factory.mktemp("bot")
        async with make_telegram() as telegram, make_mimo() as mimo:
            bot = WatchedBot(home, (telegram, mimo), Plain() if is_plain else None, watch)
            bot.changes = changes or {}
            bots.append(bot)
            stage = Stage(bot)
            await bot.start(**orders)
            try:
                yield stage
            finally:
                await stage.close()
                if bot.code is None:
                    assert await bot.stop() == 0

    return open_one


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(open_stage: Open) -> AsyncIterator[Stage]:
    """The program as people start it, for all rows whose fault concerns their own chat only."""
    # More notes than an account may have heard in so short a time.
    async with open_stage(is_plain=True, has_limits=False) as stage:
        yield stage


# --- the tables


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note the row of each test."""
    for item in items:
        if not item.path.is_relative_to(HERE):
            continue
        callspec = getattr(item, "callspec", None)
        if callspec and "row" in callspec.params:
            item.user_properties.append((PROPERTY, (callspec.id, callspec.params["row"])))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the tables."""
    rows = []
    for result in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(result, []):
            found = dict(getattr(report, "user_properties", ())).get(PROPERTY)
            if found and (report.when == "call" or result == "error"):
                rows.append((*found, result, report.duration))
    shown = terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
    properties = [dict(report.user_properties) for report in shown if report.when == "call"]
    if results := [one for found in properties for one in found.get("injections", [])]:
        terminalreporter.write_line(f"\n{build_table(results)}")
    for table in build_tables(rows):
        terminalreporter.write_line(f"\n{table}")
