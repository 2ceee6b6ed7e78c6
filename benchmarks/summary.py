"""How long 10,000 remembered messages take to become the questions of a summary.

    python -m benchmarks.summary

The talk is that of `tests.support.group_week`, sealed in a database on disk. Prepared means: read
and decrypted, put in order, written as lines, cut into parts, each part's question handed to the
engine, which answers at once. The other side is reading the same rows alone, and reading and
decrypting them; the memory is what the process grows by at most."""

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
from typing import Any, NamedTuple, cast

from sqlalchemy import LargeBinary, select, type_coerce

from benchmarks.processes import ms, show
from core.answering.pipeline import AnsweringPipeline
from core.audio import Media
from core.interfaces import AnswererLimits
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
    """Time on the wall, and of the processor: other programs cost only the first."""

    wall_s: float
    cpu_s: float


def now() -> Took:
    return Took(time.perf_counter(), time.process_time())


@dataclass
class AtOnce:
    """An engine that answers at once and notes when it was asked."""

    name: str = "at once"
    model: str = "at-once"
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
    """Keep the talk, in a process of its own so that its memory is not counted."""
    asyncio.run(_fill(home))


async def _fill(home: Path) -> None:
    await migrate(f"sqlite:///{home / 'hearsay.db'}")
    store = open_store(home)
    week = make_week(END_AT, CHAT, count=MESSAGES + 1000)
    kept = list(week.kept.values())[-MESSAGES:]
    async with store._database.write() as connection:
        row = await chat_row(connection, CHAT)
        for message in kept:
            await remember(connection, row.chat_pk, message)
    for message in kept:
        if message.attachment:
            heard = tell(week.notes[message.attachment.file_id])
            await store.memory.save_transcript(CHAT, message.message_id, heard)
    await store.close()


def open_store(home: Path) -> Store:
    return Store(f"sqlite:///{home / 'hearsay.db'}", make_cipher(None, home))


def make_job(number: int) -> Job:
    # Another day each time: the same questions would have their answers already.
    asked_at = END_AT + timedelta(days=1 + number)
    message = Message(CHAT, str(number), asked_at, "11", "Anna", is_private=False, language="en")
    return Job(str(number), message, "summary", JobState.RUNNING, 1, asked_at, asked_at)


async def read_alone(store: Store) -> int:
    """Fetch the sealed rows and leave them sealed."""
    query = select(
        type_coerce(remembered.c.content, LargeBinary),
        type_coerce(remembered.c.transcript, LargeBinary),
    )
    async with store._database.read() as connection:
        return len((await connection.execute(query)).all())


async def prepare(store: Store, media: Media, number: int) -> tuple[Took, int]:
    """Return what it took until the last part was asked for, and how many parts there are."""
    engine = AtOnce()
    answering = AnsweringPipeline(media, engine, store.results)
    summarizing = SummaryPipeline(store, cast(Any, None), answering, cast(Any, None))
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


def write_row(name: str, took: list[Took], beside_s: float) -> tuple[object, ...]:
    wall_s, cpu_s = (statistics.median(values) for values in zip(*took, strict=True))
    return name, ms(wall_s), ms(max(t.wall_s for t in took)), ms(cpu_s), f"{cpu_s / beside_s:.1f}"


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
    beside_s = statistics.median(took.cpu_s for took in alone)
    rows = [
        ("", "median ms", "worst ms", "processor ms", "ratio"),
        write_row("rows read, still sealed", alone, beside_s),
        write_row("read and decrypted", selected, beside_s),
        write_row("prepared, all of it", prepared, beside_s),
    ]
    show(f"{MESSAGES} messages become the {parts} questions of a summary", rows)
    print(f"  targets: prepared ≤ {TARGET_S * 1000:.0f} ms; grown by ≤ {TARGET_MB} MB")
    print(f"  grown by {grown_mb:.0f} MB at most")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        filling = multiprocessing.get_context("spawn").Process(target=fill, args=(home,))
        filling.start()
        filling.join()
        asyncio.run(measure(home))


if __name__ == "__main__":
    main()
