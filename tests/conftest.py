"""Fixtures and hooks for all tests.

Modules that few tests need are imported late: a file of small tests should start within a second.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core.clock import Clock
from tests.chaos.report import pytest_sessionfinish, pytest_terminal_summary, pytest_testnodedown
from tests.support.findings import note_findings
from tests.support.parallel import pytest_xdist_auto_num_workers, pytest_xdist_make_scheduler
from tests.support.preparation import share_rewriting, use_memory
from tests.support.virtual_time import VirtualLoop, current_clock, is_virtual

if TYPE_CHECKING:
    from core.models import Message
    from core.store import Store
    from tests.emulators.mimo import MimoServer
    from tests.emulators.telegram import TelegramServer
    from tests.support.hearsay_command import Hearsay
    from tests.support.loopback import Loopback
    from tests.support.postgresql import PostgresServer

#: Hooks: the tables at the end of the run, and its processes.
__all__ = [
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
    "pytest_xdist_auto_num_workers",
    "pytest_xdist_make_scheduler",
]

NewMessage = Callable[..., "Message"]


#: The slowest folders and files run first, so that no processor is idle at the end.
_FIRST = (
    *("tests/acceptance/", "tests/web_chat/", "tests/chaos/", "tests/test_fairness.py"),
    *("tests/discord_bot/test_permissions.py", "tests/telegram_bot/test_permissions.py"),
    *("tests/cli/test_pipes.py", "tests/operations/test_servers.py", "tests/test_road.py"),
    "tests/documents/test_recipes.py",
)
#: Where each test that needs a database runs on SQLite and on PostgreSQL.
BOTH_TIERS: tuple[str, ...] = ("tests/store/",)


def pytest_configure() -> None:
    """Keep each process that runs tests, and its children, on one processor.

    Tests hand work to threads all the time, which costs a fifth more where they wake on another.
    """
    use_memory()
    name = os.environ.get("PYTEST_XDIST_WORKER")
    if name is not None and sys.platform == "linux":
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {processors[int(name.removeprefix("gw")) % len(processors)]})


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of the store and of the road on both kinds of database."""
    test = metafunc.definition
    if "tier" in metafunc.fixturenames and test.nodeid.startswith(BOTH_TIERS):
        is_on_both = test.get_closest_marker("sqlite_only") is None
        tiers = ["sqlite", "postgresql"] if is_on_both else ["sqlite"]
        metafunc.parametrize("tier", tiers, indirect=True)


def pytest_sessionstart(session: pytest.Session) -> None:
    name, count = (os.environ.get(f"PYTEST_XDIST_WORKER{end}") for end in ("", "_COUNT"))
    if name and count:
        share_rewriting(session.config, int(name.removeprefix("gw")), int(count))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    note_findings(items)
    if "HEARSAY_CHAOS" not in os.environ:
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
    if find_spec("pocketsphinx") is None:
        for item in filter(lambda item: item.get_closest_marker("pocketsphinx"), items):
            item.add_marker(pytest.mark.skip(reason="offline transcription is not installed"))
    items.sort(key=lambda item: not item.nodeid.startswith(_FIRST))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Choose how properties are tried before the first file is read that has some.

    Fail what is skipped as a whole in CI, as below.
    """
    if isinstance(collector, pytest.Module) and b"hypothesis" in collector.path.read_bytes():
        _load_profile()
    report = yield
    if report.skipped and "CI" in os.environ:
        report.outcome, report.longrepr = "failed", f"skipped in CI: {report.longrepr}"
    return report


@cache
def _load_profile() -> None:
    from hypothesis import HealthCheck, settings

    # How long an example takes is the machine's business.
    patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
    settings.register_profile("tests", patient, derandomize="CI" in os.environ)
    settings.register_profile("fuzz", patient, max_examples=3000)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "tests"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare those who have no properties to load hypothesis for its part of the summary.

    What was loaded by now stays: to search all of it for garbage over and over is a waste.
    """
    gc.freeze()
    if "hypothesis" not in sys.modules:
        session.config.pluginmanager.unregister(name="hypothesispytest")


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
    from tests.support.hearsay_command import Hearsay

    return Hearsay(tmp_path)


@pytest.fixture(scope="session")
def _mimo() -> Iterator[MimoServer]:
    from tests.emulators.mimo import MimoServer

    server = MimoServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def mimo(request: pytest.FixtureRequest) -> AsyncIterator[MimoServer]:
    """A local MiMo as new, with the key of `tests.support.hearsay_command`.

    It runs on the test's loop if that is virtual, else in a thread that all tests share.
    """
    from tests.emulators.mimo import MimoServer
    from tests.support.hearsay_command import KEY

    async with AsyncExitStack() as stack:
        if is_virtual():
            server = await stack.enter_async_context(MimoServer())
        else:
            server = request.getfixturevalue("_mimo")
            server.reset()
        server.rules.key = KEY
        yield server


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramServer]:
    """A virtual Telegram."""
    from tests.emulators.telegram import TelegramServer

    async with TelegramServer() as server:
        yield server


@pytest.fixture
async def clock() -> Clock:
    """The clock of the test's loop."""
    return current_clock()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A PostgreSQL server; tests that use it are skipped where there is none."""
    from tests.support.postgresql import MISSING, PostgresServer, find_programs

    if find_programs() is None:
        pytest.skip(MISSING)
    server = PostgresServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def storage_url() -> str | None:
    """Where sound is, None for in the database; files of tests replace it to try both."""
    return None


@pytest.fixture
def tier(request: pytest.FixtureRequest) -> str:
    """The kind of database: "sqlite", and "postgresql" as well in the folders of BOTH_TIERS."""
    name: str = getattr(request, "param", "sqlite")
    return name


@pytest.fixture
def database_url(tier: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database, which `open_store(tmp_path)` opens; of SQLite it is not there yet."""
    from tests.support.clean_start import URL_FILE

    if tier == "sqlite":
        yield f"sqlite:///{tmp_path / 'hearsay.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgresql")
    (tmp_path / URL_FILE).write_text(url := server.borrow())
    yield url
    server.give_back(url)


@pytest.fixture
async def store(database_url: str, tmp_path: Path, storage_url: str | None) -> AsyncIterator[Store]:
    from tests.support.clean_start import open_store

    store = open_store(tmp_path, storage_url)
    yield store
    await store.close()


@pytest.fixture
async def loopback(store: Store) -> Loopback:
    """A loopback whose engine takes a hundred concurrent calls."""
    from core.interfaces import TranscriberLimits
    from tests.support.loopback import Loopback, ScriptedTranscriber
    from tests.support.thread_media import ThreadMedia

    return Loopback(store, ScriptedTranscriber(TranscriberLimits(concurrency=100)), ThreadMedia())


@pytest.fixture
def new_message() -> NewMessage:
    """Return a function that makes private voice notes with increasing message ids."""
    from core.models import Attachment, Chat, Message

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


def ask_for_help(new_message: NewMessage, chat_id: str = "100", **changes: Any) -> Message:
    """Return a message whose job takes no time and no engine."""
    return new_message(chat_id, **{"attachment": None, "command": "help", **changes})
