"""Two people on the page, whose recordings two workers transcribe, one of which is killed.

A run of some seconds, and with HEARSAY_CHAOS=1 one in which the service takes its ten minutes.
"""

from __future__ import annotations

import asyncio
import re
import signal
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import pytest_asyncio
from cryptography.fernet import Fernet
from playwright.async_api import Browser, Page, expect

from core.engines.mimo.role import ASR_LIMITS
from tests.chaos.conftest import IS_LONG
from tests.emulators.mimo import MimoServer, tones
from tests.emulators.mimo.world import RecordedRequest
from tests.support.browser_pages import choose_file, open_page, read_answer
from tests.support.postgresql import PostgresServer, ask
from tests.support.web_program import read_url, run_part

#: Seconds of each recording, and as many words. Together with what is asked for again they are less
#: than an account may use in a minute.
WORDS = 400, 150
#: How long the service takes for a piece: seven at a time.
LATENCY_S = 300.0 if IS_LONG else 0.7
#: The calls that one person may make at a time: a place is left to others.
FIRST_CALLS = ASR_LIMITS.concurrency - 1
#: These calls after the first are under way when the worker is killed; a probe may be one of them.
HANGING, HANGING_S = 2, 600.0
#: From the death of a worker until its jobs run in another.
TAKE_OVER_S = 15.0
#: Until everything is transcribed once more, whatever was under way.
PATIENCE_MS = 1_500_000 if IS_LONG else 60_000
#: Without the whole transcript of a recording that is done already.
SAVED_PIECES = "SELECT count(*) FROM transcripts WHERE whole IS NOT NULL"
PROGRESS = re.compile(r"[1-9]\d?% · \d+:\d\d of 6:[34]\d")
#: One browser for all, so they share one loop; it lives in other processes.
pytestmark = [pytest.mark.browser, pytest.mark.real_time, pytest.mark.asyncio(loop_scope="session")]

Start = Callable[[str], Awaitable[Process]]


@pytest_asyncio.fixture(loop_scope="session")
async def service() -> AsyncIterator[MimoServer]:
    async with MimoServer() as service:
        service.rules.latency_s = LATENCY_S
        yield service


@pytest.fixture
def database(postgresql: PostgresServer) -> str:
    return postgresql.create()


@pytest_asyncio.fixture(loop_scope="session")
async def start(database: str, service: MimoServer, tmp_path: Path) -> AsyncIterator[Start]:
    """Return a function that starts a part of the program on a machine of its own."""
    settings = {
        "DATABASE_URL": database,
        "HEARSAY_SECRET_KEY": Fernet.generate_key().decode(),
        "MIMO_API_KEY": service.key,
        "MIMO_BASE_URL": service.base_url,
        "TRANSCRIBER": "mimo",
        # Its calls of other kinds would take the faults that are meant for recordings.
        "MODEL_PROBE": "off",
    }
    async with AsyncExitStack() as stack:

        async def start(part: str) -> Process:
            home = tmp_path / f"machine-{len(list(tmp_path.glob('machine-*')))}"
            home.mkdir()
            return await stack.enter_async_context(run_part(part, home, **settings))

        yield start


def record_words(folder: Path, first: int, count: int) -> tuple[Path, list[int]]:
    """Return a recording of some minutes and its words."""
    words = [*range(first, first + count)]
    path = folder / f"talk-{first}.wav"
    path.write_bytes(tones.make_recording(words))
    return path, words


async def see_progress(page: Page) -> None:
    await expect(page.locator(".partial")).to_contain_text(PROGRESS, timeout=PATIENCE_MS)


async def read_transcript(page: Page) -> list[int]:
    await expect(page.locator(".entry blockquote")).to_be_visible(timeout=PATIENCE_MS)
    return [int(word) for word in re.findall(r"w(\d+)", await read_answer(page))]


async def wait_for(is_so: Callable[[], object]) -> None:
    while not is_so():
        await asyncio.sleep(0.02)  # no process tells a test


async def hang(service: MimoServer, page: Page) -> list[RecordedRequest]:
    """Let some calls after the first hang, until then see how far it is; return what hangs."""
    await wait_for(lambda: len(list_calls(service)) >= FIRST_CALLS)
    service.add_fault("slow", times=HANGING, value=HANGING_S)
    await see_progress(page)
    await wait_for(lambda: list_slow(service))
    return list_slow(service)


def list_slow(service: MimoServer) -> list[RecordedRequest]:
    return [call for call in list_calls(service) if call.fault]


def list_calls(service: MimoServer) -> list[RecordedRequest]:
    """Return the calls with a recording; those of silence ask whether the service is there."""
    return [one for one in service.requests if one.text and "asr" in one.model]


async def test_each_person_sees_the_end_though_a_worker_is_killed(
    browser: Browser, start: Start, service: MimoServer, database: str, tmp_path: Path
) -> None:
    said = [record_words(tmp_path, first, n) for first, n in zip((1000, 3000), WORDS, strict=True)]
    web, first = await asyncio.gather(start("web"), start("worker"))
    url = await asyncio.wait_for(read_url(web), 60)
    options: dict[str, Any] = {"viewport": {"width": 900, "height": 560}}
    async with open_page(browser, url, **options) as ada, open_page(browser, url, **options) as bob:
        await choose_file(ada, said[0][0])
        hanging = await hang(service, ada)
        # Ada's recording is with the first worker; Bob's may be with either.
        await start("worker")
        await choose_file(bob, said[1][0])
        # Of his, which is shorter, the text is shown as it comes.
        await expect(bob.locator(".partial")).to_contain_text("w3000", timeout=PATIENCE_MS)
        await ada.reload()
        await see_progress(ada)
        await ada.screenshot(path=tmp_path / "under-way.png")
        cut_off = {call.sha256 for call in hanging if call.ended_at_s is None}
        assert cut_off
        [(kept,)] = ask(database, SAVED_PIECES)
        first.send_signal(signal.SIGKILL)
        killed_at_s, before = monotonic(), len(list_calls(service))
        await wait_for(lambda: any(call.sha256 in cut_off for call in list_calls(service)[before:]))
        assert monotonic() - killed_at_s <= TAKE_OVER_S
        heard = await asyncio.gather(*map(read_transcript, (ada, bob)))
        await ada.screenshot(path=tmp_path / "done.png")
    assert heard == [words for _, words in said], "no word is lost or doubled"
    asked = [call.sha256 for call in list_calls(service)]
    again = {piece for piece, count in Counter(asked).items() if count > 1}
    # All that was not saved is asked for again, and nothing else.
    assert cut_off <= again and len(again) <= len(set(asked[:before])) - kept
