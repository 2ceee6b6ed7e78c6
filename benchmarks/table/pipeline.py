"""Voice notes through store, jobs, decoding and deliveries in this process, and decoding alone.

    python -m benchmarks.table.pipeline   # figures
    python -m benchmarks.table.pipeline   # a profile

Voice notes of 15 s and an engine that takes no time; the platform is `tests.support.loopback`. For
comparison, `Media.pieces` alone on the same notes, in turns. Meanwhile a task that sleeps for 10 ms
at a time records how late it wakes, and so does one in an idle loop.
"""

from __future__ import annotations

import asyncio
import cProfile
import logging
import os
import pstats
import tempfile
import time
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import psutil

from benchmarks.support.instant import Instant
from benchmarks.support.processes import median, quantile
from benchmarks.support.rows import Figures, Row
from benchmarks.support.sides import NOTE_S, notes
from core.audio import Media
from core.logs import set_up_logs
from core.models import Attachment, Chat, Message
from core.store import Store, make_cipher, migrate
from tests.support.loopback import Loopback, LoopbackPlatform

SOUNDS, ROUNDS = 60, 3
#: No further round starts after this time.
MEASURE_S = 20.0
IDLE_S, TICK_S = 3.0, 0.01


class Ticker:
    """Measures the event loop lag: how late a periodic task wakes."""

    def __init__(self) -> None:
        self.late_s: list[float] = []
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


class NotesPlatform(LoopbackPlatform):
    """A platform with another recording for each message."""

    def __init__(self, notes: list[bytes]) -> None:
        super().__init__()
        self._notes = notes

    async def fetch(self, message: Message) -> bytes:
        return self._notes[int(message.message_id)]


def make_message(number: int) -> Message:
    return Message(
        chat=Chat("test", "1", str(number % 50)),
        message_id=str(number),
        sent_at=datetime.now(UTC),
        sender_id="7",
        attachment=Attachment("file", duration_s=float(NOTE_S)),
    )


@dataclass(frozen=True)
class Throughput:
    """Messages per second, and CPU seconds per message of this process and its children."""

    notes_per_s: float
    own_s: float
    children_s: float


class Meter:
    """Measures throughput from its creation on."""

    def __init__(self) -> None:
        self._started_s, self._own_s, self._children_s = time.monotonic(), *self._cpu_s()

    def read(self, notes: int) -> Throughput:
        took_s, (own_s, children_s) = time.monotonic() - self._started_s, self._cpu_s()
        return Throughput(
            notes / took_s, (own_s - self._own_s) / notes, (children_s - self._children_s) / notes
        )

    def _cpu_s(self) -> tuple[float, float]:
        children = [child.cpu_times() for child in psutil.Process().children()]
        return time.process_time(), sum(times.user + times.system for times in children)


async def decode_alone(media: Media, notes: list[bytes]) -> Throughput:
    """Decode all voice messages, with as many tasks as there are jobs."""
    slots = asyncio.Semaphore(32)

    async def one(note: bytes) -> None:
        async with slots, aclosing(media.pieces(note, Instant.limits)) as pieces:
            async for _ in pieces:
                pass

    meter = Meter()
    await asyncio.gather(*(one(note) for note in notes))
    return meter.read(len(notes))


async def run_pipeline(
    media: Media, notes: list[bytes], ticker: Ticker | None = None
) -> Throughput:
    """Process all voice messages through store, jobs, decoding and deliveries."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/hearsay.db"
        await migrate(url)
        store = Store(url, make_cipher(None, Path(folder)))
        loopback = Loopback(store, Instant(), media)  # type: ignore[arg-type]
        platform = NotesPlatform(notes)
        loopback.inbox.platforms["test"] = platform  # type: ignore[index]
        async with loopback.running():
            if ticker:
                ticker.start()
            meter = Meter()
            for number in range(len(notes)):
                await loopback.inbox.accept(make_message(number))
            while len(platform.sent) < len(notes):
                await asyncio.sleep(0.005)
            figure = meter.read(len(notes))
            if ticker:
                ticker.stop()
            await loopback.settle()
        await store.close()
    return figure


async def measure(many: list[bytes], ticker: Ticker) -> tuple[list[Throughput], list[Throughput]]:
    """Return the throughput of decoding alone and of the pipeline, in turns."""
    media = Media()
    await media.warm_up()
    alone = [await decode_alone(media, many[:10])]
    pipeline: list[Throughput] = []
    started_s = time.monotonic()
    while len(pipeline) < ROUNDS and (not pipeline or time.monotonic() < started_s + MEASURE_S):
        pipeline.append(await run_pipeline(media, many, ticker))
        alone.append(await decode_alone(media, many))
    await media.close()
    return alone[1:], pipeline


async def profile(notes: list[bytes]) -> None:
    """Print a profile of the pipeline in this process, without its children."""
    media = Media()
    await media.warm_up()
    profiler = cProfile.Profile()
    profiler.enable()
    await run_pipeline(media, notes)
    profiler.disable()
    await media.close()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
    pstats.Stats(profiler).sort_stats("cumtime").print_stats(60)


async def measure_idle() -> list[float]:
    ticker = Ticker()
    ticker.start()
    await asyncio.sleep(IDLE_S)
    ticker.stop()
    return ticker.late_s


@cache
def measure_once() -> tuple[Figures, Figures]:
    """Return the notes a second, and the lag of the loop, each beside its other side."""
    silence_logs()
    many, ticker = notes(SOUNDS), Ticker()
    alone, pipeline = asyncio.run(measure(many, ticker))
    idle_ms = 1000 * quantile(asyncio.run(measure_idle()), 0.99)
    return (
        Figures(*(median([one.notes_per_s for one in side]) for side in (pipeline, alone))),
        Figures(1000 * quantile(ticker.late_s, 0.99), idle_ms),
    )


ROWS = (
    Row(
        "whole pipeline in one process, notes a second",
        "",
        "decoding alone",
        0.5,
        lambda: measure_once()[0],
        is_minimum=True,
        is_ratio=True,
    ),
    Row("its event loop is late, p99", "ms", "idle loop", 50, lambda: measure_once()[1]),
)


def silence_logs() -> None:
    """Discard log lines, but format them as in the program."""
    set_up_logs("INFO", format="json")
    for handler in logging.root.handlers:
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(Path(os.devnull).open("w"))  # noqa: SIM115 for the whole process


def main() -> None:
    silence_logs()
    asyncio.run(profile(notes(SOUNDS)))


if __name__ == "__main__":
    main()
