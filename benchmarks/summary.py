"""Preparation time of a summary of 10,000 messages against reading the same rows alone.

    python -m benchmarks.summary

The messages are those of `tests.support.group_week`, encrypted in a database on disk. Preparation
is reading, decrypting, sorting, formatting as lines, splitting into parts and the requests to an
engine that takes no time. For comparison, reading the rows alone, and reading and decrypting
them. Memory is the peak increase of the process."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, LargeBinary, select, type_coerce

from benchmarks.support.processes import ms, show
from core.answering.pipeline import AnsweringPipeline
from core.audio import Media
from core.interfaces import AnswererLimits
from core.limits.budgets import Budgets
from core.models import Answer, Chat, Job, JobState, Message, Question, TalkRange
from core.store import Store, make_cipher, migrate
from core.store.database.queries import chat_row
from core.store.database.tables import remembered
from core.store.talk.memory import remember
from core.summaries.pipeline import SummaryPipeline
from core.summaries.ranges import RangeContext, parse_request
from tests.support.group_week import make_week, tell

MESSAGES, ROUNDS = 10_000, 5
TARGET_S, TARGET_MB = 1.0, 100
CHAT = Chat("test", "1", "-100500")
END_AT = datetime(2026, 3, 8, 20, tzinfo=UTC)


class Took(NamedTuple):
    """Wall-clock and processor seconds; other programs affect only the former."""

    wall_s: float
    cpu_s: float


def now() -> Took:
    return Took(time.perf_counter(), time.process_time())


@dataclass
class InstantAnswerer:
    """An answerer that takes no time and records when it was called."""

    name: str = "instant"
    processor: str = ""
    model: str = "instant-1"
    limits: AnswererLimits = field(default_factory=lambda: AnswererLimits(concurrency=64))
    asked_at: list[Took] = field(default_factory=list)

    async def answer(
        self, question: Question, *, on_text: Callable[[str], None] | None = None
    ) -> Answer:
        self.asked_at.append(now())
        return Answer("- Something. [#1]")

    async def close(self) -> None:
        pass


def fill(home: Path) -> None:
    """Save the messages; run in another process, so that its memory does not count."""
    asyncio.run(_fill(home))


async def _fill(home: Path) -> None:
    await migrate(f"sqlite:///{home / 'hearsay.db'}")
    store = open_store(home)
    week = make_week(END_AT, CHAT, count=MESSAGES + 1000)
    kept = list(week.kept.values())[-MESSAGES:]

    def fill(connection: Connection) -> None:
        row = chat_row(connection, CHAT)
        for message in kept:
            remember(connection, row.chat_pk, message)

    await store._database.write(fill)
    for message in kept:
        if message.attachment:
            transcript = tell(week.notes[message.attachment.file_id])
            await store.memory.save_transcript(CHAT, message.message_id, transcript)
    await store.close()


def open_store(home: Path) -> Store:
    return Store(f"sqlite:///{home / 'hearsay.db'}", make_cipher(None, home))


def make_job(number: int) -> Job:
    # Another day each time, because answers to the same questions are saved.
    asked_at = END_AT + timedelta(days=1 + number)
    message = Message(CHAT, str(number), asked_at, "11", "Anna", is_private=False, language="en")
    return Job(str(number), message, "summary", JobState.RUNNING, 1, asked_at, asked_at)


async def read_alone(store: Store) -> int:
    """Fetch the rows without decrypting them."""
    query = select(
        type_coerce(remembered.c.content, LargeBinary),
        type_coerce(remembered.c.transcript, LargeBinary),
    )
    return len(await store._database.rows(query))


async def prepare(store: Store, media: Media, number: int) -> tuple[Took, int]:
    """Return the time until the request for the last part, and the number of parts."""
    engine = InstantAnswerer()
    answering = AnsweringPipeline(media, engine, store.results, Budgets(store.budgets))
    unused: Any = None
    summarizing = SummaryPipeline(store, unused, answering, unused, unused)
    job = make_job(number)
    request = parse_request("everything", RangeContext(job.created_at))
    begun = now()
    await summarizing.summarize_talk(job, request)
    # The last question joins the parts.
    parts = engine.asked_at[:-1]
    return Took(parts[-1].wall_s - begun.wall_s, parts[-1].cpu_s - begun.cpu_s), len(parts)


async def timed(work: Callable[[], Any]) -> list[Took]:
    took = []
    for _ in range(ROUNDS):
        begun = now()
        await work()
        ended = now()
        took.append(Took(ended.wall_s - begun.wall_s, ended.cpu_s - begun.cpu_s))
    return took


def write_row(name: str, took: list[Took], read_s: float) -> tuple[object, ...]:
    wall_s, cpu_s = (statistics.median(values) for values in zip(*took, strict=True))
    return name, ms(wall_s), ms(max(t.wall_s for t in took)), ms(cpu_s), f"{cpu_s / read_s:.1f}"


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def measure(home: Path) -> None:
    store, media = open_store(home), Media(workers=1)
    await store.memory.select(CHAT, TalkRange(count=1))
    before_mb = peak_mb()
    prepared, parts = [], 0
    for number in range(ROUNDS):
        took, parts = await prepare(store, media, number)
        prepared.append(took)
    grown_mb = peak_mb() - before_mb
    alone = await timed(lambda: read_alone(store))
    selected = await timed(lambda: store.memory.select(CHAT, TalkRange()))
    await store.close()
    await media.close()
    read_s = statistics.median(took.cpu_s for took in alone)
    rows = [
        ("", "median ms", "worst ms", "CPU ms", "CPU ratio"),
        write_row("read rows", alone, read_s),
        write_row("read and decrypt", selected, read_s),
        write_row("prepare the summary", prepared, read_s),
    ]
    show(f"Preparing a summary of {MESSAGES} messages in {parts} parts", rows)
    print(f"  targets: preparation ≤ {TARGET_S * 1000:.0f} ms; memory added ≤ {TARGET_MB} MB")
    print(f"  memory added: {grown_mb:.0f} MB")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        filling = multiprocessing.get_context("spawn").Process(target=fill, args=(home,))
        filling.start()
        filling.join()
        asyncio.run(measure(home))


if __name__ == "__main__":
    main()
