"""What many tests need: a fresh database, and messages."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from core.clock import Clock
from core.models import Attachment, Chat, Message
from core.store import Store
from tests.chaos.report import pytest_sessionfinish, pytest_terminal_summary, pytest_testnodedown
from tests.support.clean_start import open_store
from tests.support.hearsay_command import KEY, Hearsay
from tests.support.virtual_time import VirtualLoop, current_clock

if TYPE_CHECKING:
    from tests.emulators.mimo import MimoServer
    from tests.emulators.telegram import TelegramServer

#: Hooks: the tables at the end of the run.
__all__ = ["pytest_sessionfinish", "pytest_terminal_summary", "pytest_testnodedown"]

NewMessage = Callable[..., Message]


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Keeps each file on one processor: its tests share programs and servers."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0]


#: What keeps a processor busy longest: left for the end, the others would wait for it.
_FIRST = ("tests/acceptance/", "tests/web_chat/", "tests/chaos/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(_FIRST))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests on a loop on which waiting takes no time, except those marked `real_time`."""
    if item.get_closest_marker("real_time"):
        return {"real": asyncio.new_event_loop}
    return {"virtual": VirtualLoop}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what is skipped in CI: it has all that the tests need."""
    report = yield
    if report.skipped and "CI" in os.environ and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"skipped in CI: {report.longrepr}"
    return report


@pytest.fixture
def hearsay(tmp_path: Path) -> Hearsay:
    return Hearsay(tmp_path)


@pytest.fixture(scope="session")
def _mimo() -> Iterator[MimoServer]:
    # Only here: most tests need no server, and to load one takes a while.
    from tests.emulators.mimo import MimoServer

    server = MimoServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def mimo(_mimo: MimoServer) -> MimoServer:
    """A local MiMo as new, with the key of `tests.support.hearsay_command`."""
    _mimo.reset()
    _mimo.rules.key = KEY
    return _mimo


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramServer]:
    """A virtual Telegram of the test's own."""
    # Only here, as above.
    from tests.emulators.telegram import TelegramServer

    async with TelegramServer() as server:
        yield server


@pytest.fixture
async def clock() -> Clock:
    """The clock of the test's loop."""
    return current_clock()


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'hearsay.db'}"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(tmp_path)
    yield store
    await store.close()


@pytest.fixture
def new_message() -> NewMessage:
    """Make a private voice note with the next message id, changed as asked."""
    ids = count(1)

    def make(chat_id: str = "100", **changes: Any) -> Message:
        message = Message(
            chat=Chat("test", "1", chat_id),
            message_id=str(next(ids)),
            sent_at=current_clock().now(),
            sender_id="7",
            sender_name="Ada",
            attachment=Attachment("file-1", duration_s=3.0),
        )
        return replace(message, **changes)

    return make
