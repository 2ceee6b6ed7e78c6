"""What the past costs: the same questions to a database of a hundred jobs and to one of a million.

    python -m benchmarks growth

Both databases have a hundred jobs of the last day, half of them in one chat; the older ones of the
second are spread over four weeks and a hundred chats. Its rows are copies of one job's. Measured is
the processor time of this process.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.support.processes import median
from benchmarks.support.rows import Figures, Row
from core.models import Chat, JobState, Message
from core.privacy.periods import REQUESTS_KEPT
from core.store import Store, make_cipher, migrate
from core.store.database.connections import Work
from core.store.operations.statistics import Statistics

FEW, MANY = 100, 1_000_000
CHATS = 100
#: How often each question is asked, and for how long at most.
RUNS, ASKED_S = 60, 4.0
CHAT = Chat("telegram", "1", "1")
ENDED = (JobState.DONE, JobState.REFUSED, JobState.CANCELLED)
NOT_ENDED = (JobState.WAITING, JobState.RUNNING, JobState.DEAD)
#: The newest jobs are those of the last day, as many as there are few; the oldest one is younger
#: than what is purged.
DAY_S, OLDEST_S = 90_000.0, 27 * 86_400.0
#: The copies `i`, with the chat of each, and its age in seconds.
SERIES = f"""
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count),
aged AS (SELECT i, :count - i AS back, :count - i < {FEW} AS is_new FROM n),
s AS (SELECT i,
  CASE WHEN is_new AND i % 2 THEN 1 ELSE 1 + i % {CHATS} END AS chat,
  CASE WHEN is_new THEN back * {DAY_S // FEW}
    ELSE {DAY_S} + back * ({OLDEST_S - DAY_S} / :count) END AS age FROM aged)
"""
AT = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' || age || ' seconds')"
#: Table -> its columns that differ from the copied row's.
COPIED = {
    "chats": {"chat_pk": "1 + i", "chat_id": "1 + i"},
    "messages": {"message_pk": "1 + i", "message_id": "i", "chat_pk": "chat", "received_at": AT},
    "jobs": {
        **{"seq": "1 + i", "message_pk": "1 + i", "job_id": "printf('%010x', i)"},
        **{"chat_pk": "chat", "created_at": AT, "run_at": AT, "finished_at": AT},
    },
    # As digests of keys look, which stand for themselves.
    "transcripts": {"key": "printf('#%042x', i)", "created_at": AT},
}


@contextmanager
def open_filled(count: int) -> Iterator[Store]:
    """Make a database with so many jobs, and open it."""
    with tempfile.TemporaryDirectory(prefix="hearsay-benchmark-") as home:
        url = f"sqlite:///{home}/hearsay.db"
        with asyncio.Runner() as runner:
            runner.run(migrate(url))
            store = Store(url, make_cipher(None, Path(home)))
            message = Message(CHAT, "first", datetime.now(UTC), command="help")
            runner.run(store.intake.add(message, lambda message, settings: message.command))
            with closing(sqlite3.connect(Path(home) / "hearsay.db")) as connection:
                fill(connection, count)
            yield store
            runner.run(store.close())


def fill(connection: sqlite3.Connection, count: int) -> None:
    connection.executescript(
        "PRAGMA synchronous=OFF; UPDATE jobs SET state = 'done', finished_at = created_at; "
        "INSERT INTO transcripts (key, created_at, content) "
        "SELECT '#first', received_at, content FROM messages"
    )
    for table, changed in COPIED.items():
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        values = ", ".join(changed.get(name, f"t.{name}") for name in names)
        many = CHATS - 1 if table == "chats" else count - 1
        insert = f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM s, {table} AS t"
        connection.execute(insert.replace("INSERT", f"{SERIES} INSERT", 1), {"count": many})
        connection.commit()
    # Else the first to write would pay for it.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    os.sync()


ASKED: dict[str, Callable[[Store, datetime], Awaitable[object]]] = {
    "jobs.recent(50)": lambda store, now: store.jobs.recent(ENDED),
    "jobs.recent(50), not ended,": lambda store, now: store.jobs.recent(NOT_ENDED),
    "the operator's traces": lambda store, now: store.statistics.job_summaries(ENDED, 50),
    "the operator's hours": lambda store, now: Statistics(store._database).hours(now),
    "a chat's history": lambda store, now: store.jobs.history(CHAT),
    "the hourly purge": lambda store, now: store.retention.purge(now),
}
HELD = "longest turn of the writer in a purge"


@cache
def measure() -> dict[str, Figures]:
    """Return the milliseconds of each question with many jobs and with few, asked in turns."""
    took: dict[str, tuple[list[float], list[float]]] = {}
    with open_filled(MANY) as large, open_filled(FEW) as small:
        for name, ask in ASKED.items():
            took[name] = ([], [])
            end_s = time.monotonic() + ASKED_S
            while len(took[name][0]) < RUNS and time.monotonic() < end_s:
                for store, times in zip((large, small), took[name], strict=True):
                    times.append(asyncio.run(measure_one(ask, store)))
        held = Figures(measure_held(large), measure_plain_delete(large))
    figures = {name: Figures(*map(median, times)) for name, times in took.items()}
    return {**figures, HELD: held}


async def measure_one(ask: Callable[[Store, datetime], Awaitable[object]], store: Store) -> float:
    now, began_s = datetime.now(UTC), time.process_time()
    await ask(store, now)
    return 1000 * (time.process_time() - began_s)


def measure_held(store: Store) -> float:
    """Return the longest turn of the writer, in milliseconds, while an hour's jobs are purged."""
    writer: Any = store._database._writer
    commit, turns_ms = writer._commit, [0.0]

    def measured(works: Sequence[Work[Any]]) -> Any:
        began_s = time.thread_time()
        result = commit(works)
        turns_ms.append(1000 * (time.thread_time() - began_s))
        return result

    writer._commit = measured
    expired_at = datetime.now(UTC) - timedelta(seconds=OLDEST_S) + REQUESTS_KEPT
    gc.freeze()  # as the program does
    asyncio.run(store.retention.purge(expired_at + timedelta(hours=1)))
    return max(turns_ms)


def measure_plain_delete(store: Store) -> float:
    """Return the milliseconds in which sqlite3 deletes a hundred transcripts."""
    oldest = "SELECT key FROM transcripts LIMIT 100"
    with closing(sqlite3.connect(str(store._database._writer.engine.url.database))) as connection:
        began_s = time.thread_time()
        connection.execute(f"DELETE FROM transcripts WHERE key IN ({oldest})")
        connection.commit()
        return 1000 * (time.thread_time() - began_s)


def read(name: str) -> Callable[[], Figures]:
    return lambda: measure()[name]


ROWS = (
    *(
        Row(f"{name} of {MANY:,}", "ms", f"{FEW} jobs", 1.2, read(name), is_ratio=True)
        for name in ASKED
    ),
    Row(HELD, "ms", "plain sqlite3", 20, read(HELD)),
)
