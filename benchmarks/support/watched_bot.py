"""`hearsay run` with instrumentation: start and end of its steps, and event loop lag.

    python -m benchmarks.support.watched_bot REPORT   # writes REPORT as JSON when it is stopped

TRANSCRIBER=instant selects an engine that takes no time. BENCHMARK_UNPACED lifts the rate limits
for Telegram, BENCHMARK_UNLIMITED MiMo's limits per minute: both belong to accounts, not to the
program.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.support.instant import plug_in
from bots.exit_codes import read_settings
from bots.program import run
from bots.telegram_bot import pacing
from bots.telegram_bot.client import RawBot
from bots.telegram_bot.incoming.files import TelegramFiles
from core.assistant import Assistant, Inbox
from core.audio import Media
from core.engines.mimo import transcription_wire as mimo_wire
from core.engines.mimo.role import ASR_LIMITS
from core.engines.mimo.transcriber import MimoTranscriber
from core.store.chats import Chats
from core.store.work.intake import Intake
from core.store.work.jobs import Jobs
from core.store.work.progress import Results, StoredLedger

TICK_S = 0.01

#: Name of a step -> its start and end times, on the monotonic clock.
spans: dict[str, list[tuple[float, float]]] = defaultdict(list)


def watch(owner: Any, name: str) -> None:
    """Record start and end of every call of an async method."""
    method: Callable[..., Awaitable[Any]] = getattr(owner, name)

    @functools.wraps(method)
    async def watched(*args: Any, **options: Any) -> Any:
        started_s = time.monotonic()
        try:
            return await method(*args, **options)
        finally:
            spans[f"{owner.__name__}.{name}"].append((started_s, time.monotonic()))

    setattr(owner, name, watched)


def watch_pieces() -> None:
    """Record the time until the first piece of each recording."""
    pieces = Media.pieces

    async def watched(self: Media, *args: Any, **options: Any) -> AsyncIterator[Any]:
        started_s, is_first = time.monotonic(), True
        async for piece in pieces(self, *args, **options):
            if is_first:
                spans["Media.pieces"].append((started_s, time.monotonic()))
            is_first = False
            yield piece

    Media.pieces = watched  # type: ignore[assignment,method-assign]


def watch_build() -> None:
    build = mimo_wire.build_transcription

    def watched(*args: Any, **options: Any) -> Any:
        started_s = time.monotonic()
        body = build(*args, **options)
        spans["build_transcription"].append((started_s, time.monotonic()))
        return body

    mimo_wire.build_transcription = watched


def watch_steps() -> None:
    for owner, names in (
        (Inbox, ("accept",)),
        (Assistant, ("make_reply",)),
        (Intake, ("add",)),
        (Jobs, ("claim", "save_reply", "finish", "next_run_at")),
        (Chats, ("settings",)),
        (RawBot, ("get_file",)),
        (TelegramFiles, ("fetch", "_download")),
        (Results, ("find", "save")),
        (StoredLedger, ("find", "start", "finish")),
        (MimoTranscriber, ("transcribe",)),
    ):
        for name in names:
            if hasattr(owner, name):
                watch(owner, name)
    watch_pieces()
    watch_build()
    gc.callbacks.append(watch_collection)


def watch_collection(phase: str, details: dict[str, int]) -> None:
    """Record the duration of full garbage collections."""
    if details["generation"] == 2:
        now_s = time.monotonic()
        spans["gc"].append((now_s, now_s))
        if phase == "stop":
            spans["gc"].pop()
            spans["gc"][-1] = (spans["gc"][-1][0], now_s)


class Ticker:
    """Measures the event loop lag: how late a periodic task wakes."""

    def __init__(self) -> None:
        self.late_s: list[float] = []
        self.at_s: list[float] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        if self._task:
            self._task.cancel()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            self.late_s.append(loop.time() - due_s)
            self.at_s.append(loop.time())

    def between(self, first_s: float, last_s: float) -> list[float]:
        """Return the lags between two times."""
        ticks = zip(self.at_s, self.late_s, strict=True)
        return [late_s for at_s, late_s in ticks if first_s <= at_s <= last_s]


async def watch_run(report: Path) -> None:
    ticker = Ticker()
    ticker.start()
    await run(read_settings())
    ticker.stop()
    # From the second message, when everything is loaded, to the last step of the last one.
    taken = sorted(start for start, _ in spans["Intake.add"])
    last_s = max((end for _, end in spans["Jobs.finish"]), default=0.0)
    late_s = ticker.between(taken[1], last_s) if len(taken) > 1 else []
    report.write_text(json.dumps({"spans": spans, "loaded_late_s": late_s}))


def main() -> None:
    plug_in()
    if os.environ.pop("BENCHMARK_UNPACED", ""):
        pacing.PRIVATE = pacing.OVERALL = (2000, 1.0)
    if os.environ.pop("BENCHMARK_UNLIMITED", ""):
        limits = replace(ASR_LIMITS, calls_per_minute=None, tokens_per_minute=None)
        MimoTranscriber.limits = limits
    watch_steps()
    asyncio.run(watch_run(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
