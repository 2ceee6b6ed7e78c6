"""Voice messages per second through the whole program against decoding alone.

    python -m benchmarks.throughput

Voice messages of 15 s (OGG/Opus) and an engine that takes no time. One row is the pipeline of
`tests.support.loopback` in this process: store, jobs, decoding, deliveries. The other is
`hearsay run` as a process with a local Telegram; Telegram's rate limits are lifted, since they
belong to accounts. For comparison, `Media.pieces` alone on the same messages, in the same run
before and after, since the machine may be busy with other things."""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import logging
import os
import pstats
import tempfile
import time
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.support.instant import Instant
from benchmarks.support.processes import Telegram, bot, median, ms, quantile, show, voice_notes
from benchmarks.support.watched_bot import Ticker
from core.audio import Media
from core.logs import set_up_logs
from core.models import Attachment, Chat, Message
from core.store import Store, make_cipher, migrate
from tests.support.loopback import Loopback, LoopbackPlatform

SECONDS = 15
#: Different recordings, because results for the same one are saved.
SOUNDS, ROUNDS = 60, 3
#: No further round starts after this time.
MEASURE_S = 40.0


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
        attachment=Attachment("file", duration_s=float(SECONDS)),
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


def run_telegram(notes: list[bytes], report: Path) -> float:
    """Return the messages per second of the whole program, which writes its lag to `report`."""
    telegram = Telegram()
    try:
        command = ["-m", "benchmarks.support.watched_bot", str(report)]
        options = {"TRANSCRIBER": "instant", "BENCHMARK_UNPACED": "1", "LOG_LEVEL": "INFO"}
        with bot(command, telegram, None, **options):
            users = [telegram.do("add_user") for _ in range(50)]
            telegram.send_voice(users[0], notes[0], SECONDS)
            wait_for_answers(telegram, 1)
            started_s = time.monotonic()
            for number, note in enumerate(notes[1:]):
                telegram.send_voice(users[number % 50], note, SECONDS)
            wait_for_answers(telegram, len(notes))
            sent = telegram.do("requests_to", method="sendMessage")
            took_s = float(max(call["responded_at"] for call in sent)) - started_s
    finally:
        telegram.close()
    return (len(notes) - 1) / took_s


def wait_for_answers(telegram: Telegram, count: int) -> None:
    end_s = time.monotonic() + 60
    while len(telegram.do("requests_to", method="sendMessage")) < count:
        if time.monotonic() > end_s:
            raise TimeoutError("replies are missing")
        time.sleep(0.2)
    time.sleep(0.1)


async def measure(notes: list[bytes]) -> tuple[list[Throughput], list[Throughput]]:
    """Return the throughput of decoding alone and of the pipeline, in turns."""
    media = Media()
    await media.warm_up()
    alone = [await decode_alone(media, notes[:10])]
    pipeline: list[Throughput] = []
    started_s = time.monotonic()
    while len(pipeline) < ROUNDS and (not pipeline or time.monotonic() < started_s + MEASURE_S):
        pipeline.append(await run_pipeline(media, notes))
        alone.append(await decode_alone(media, notes))
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


async def main_async(notes: list[bytes]) -> None:
    alone, pipeline = await measure(notes)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        whole = await asyncio.to_thread(run_telegram, notes, report)
        late_s = json.loads(report.read_text())["loaded_late_s"]
    decoding = median([figure.notes_per_s for figure in alone])
    share = median([r.notes_per_s / a.notes_per_s for r, a in zip(pipeline, alone, strict=True)])
    rows: list[tuple[object, ...]] = [
        ("", "messages/s", "of decoding", "CPU ms", "CPU ms, workers")
    ]
    for name, figures in (("decoding alone", alone), ("pipeline in this process", pipeline)):
        rows.append(
            (
                name,
                f"{median([p.notes_per_s for p in figures]):.1f}",
                "100 %" if figures is alone else f"{share:.0%}",
                ms(median([p.own_s for p in figures])),
                ms(median([p.children_s for p in figures])),
            )
        )
    rows.append(("program with local Telegram", f"{whole:.1f}", f"{whole / decoding:.0%}", "", ""))
    show(f"{len(notes)} voice messages of {SECONDS} s, {os.cpu_count()} processors", rows)
    total_s = [p.own_s + p.children_s for p in pipeline]
    by_cpu = median([a.own_s + a.children_s for a in alone]) / median(total_s)
    rows = [("", "measured", "target"), ("pipeline / decoding", f"{share:.0%}", "≥ 50 %")]
    rows.append(("the same by CPU time", f"{by_cpu:.0%}", "≥ 50 %"))
    late_ms = ms(quantile(late_s, 0.99))
    rows.append(("event loop lag of the program, p99", f"{late_ms} ms", "< 50 ms"))
    show("Targets", rows)


def silence_logs() -> None:
    """Discard log lines, but format them as in the program."""
    set_up_logs("INFO", format="json")
    for handler in logging.root.handlers:
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(Path(os.devnull).open("w"))  # noqa: SIM115 for the whole process


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true", help="print a profile only")
    options = parser.parse_args()
    silence_logs()
    notes = voice_notes(SOUNDS, SECONDS)
    asyncio.run(profile(notes) if options.profile else main_async(notes))


if __name__ == "__main__":
    main()
