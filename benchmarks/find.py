"""Search time of /find on encrypted messages against Fernet encryption and plain SQLite LIKE.

    python -m benchmarks.find

10,000 messages of `tests.support.group_week`, spread over 30 days, 60 of them voice messages with
transcripts, encrypted in a database on disk. Measured is `Memory.find` for at most ten hits: a
common word, which ends early, a word that occurs once, on the first day, and one that does not
occur. For comparison, the same scan over rows encrypted with Fernet, and SQLite's LIKE over an
unencrypted copy."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import Connection

from benchmarks.support.processes import ms, quantile, show
from core.models import Chat, Message, Transcript
from core.store import Store, migrate
from core.store.database.cipher import Cipher
from core.store.database.queries import chat_row
from core.store.talk.memory import remember
from tests.support.group_week import make_week, tell

MESSAGES, DAYS, HITS, ROUNDS = 10_000, 30, 10, 20
TARGET_S = 0.2
CHAT = Chat("test", "1", "-100500")
END_AT = datetime(2026, 3, 8, 20, tzinfo=UTC)
ONCE, NEVER = "Zwetschgenkuchen", "Xylophon"


class FernetCipher(Cipher):
    """A cipher with Fernet, as in earlier versions."""

    def __init__(self, keys: list[str]) -> None:
        super().__init__(keys)
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def encrypt(self, plain: bytes, column: bytes = b"") -> bytes:
        return self._fernet.encrypt(plain)


@dataclass
class Talk:
    """Thirty days of a group's messages."""

    messages: list[Message]
    transcripts: dict[str, Transcript]

    @property
    def common(self) -> str:
        """The word that occurs in most messages."""
        words = (set(re.findall(r"[a-z]{4,}", m.text.lower())) for m in self.messages)
        counts: Counter[str] = Counter(word for found in words for word in found)
        return max(counts, key=counts.__getitem__)


def make_talk() -> Talk:
    week = make_week(END_AT, CHAT, count=MESSAGES + 1000)
    kept = list(week.kept.values())[-MESSAGES:]
    stretch = timedelta(days=DAYS) / (END_AT - kept[0].sent_at)
    kept = [replace(m, sent_at=END_AT - (END_AT - m.sent_at) * stretch) for m in kept]
    kept[0] = replace(kept[0], text=f"{kept[0].text} {ONCE}", attachment=None)
    transcripts = {
        m.message_id: tell(week.notes[m.attachment.file_id]) for m in kept if m.attachment
    }
    return Talk(kept, transcripts)


async def open_filled(path: Path, cipher: Cipher, talk: Talk) -> Store:
    url = f"sqlite:///{path}"
    await migrate(url)
    store = Store(url, cipher)

    def fill(connection: Connection) -> None:
        row = chat_row(connection, CHAT)
        for message in talk.messages:
            remember(connection, row.chat_pk, message)

    await store._database.write(fill)
    for message_id, transcripts in talk.transcripts.items():
        await store.memory.save_transcript(CHAT, message_id, transcripts)
    return store


def fill_plain(path: Path, talk: Talk) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE plain (sent_at TEXT, message_id TEXT, said TEXT)")
    connection.execute("CREATE INDEX at ON plain (sent_at)")
    rows = []
    for message in talk.messages:
        transcripts = talk.transcripts.get(message.message_id)
        said = f"{message.text} {transcripts.text if transcripts else ''}"
        rows.append((message.sent_at.isoformat(), message.message_id, said))
    connection.executemany("INSERT INTO plain VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()


def count_plain(path: Path, word: str) -> int:
    query = "SELECT message_id, said FROM plain WHERE said LIKE ? ORDER BY sent_at DESC LIMIT ?"
    connection = sqlite3.connect(path)
    found = connection.execute(query, (f"%{word}%", HITS)).fetchall()
    connection.close()
    return len(found)


class Took(NamedTuple):
    """Wall-clock and processor seconds; other programs affect only the former."""

    wall_s: list[float]
    cpu_s: list[float]


async def measure(work: Callable[[], Awaitable[int]], expected: int) -> Took:
    took = Took([], [])
    for _ in range(ROUNDS):
        started_s, cpu_started_s = time.perf_counter(), time.process_time()
        found = await work()
        took.wall_s.append(time.perf_counter() - started_s)
        took.cpu_s.append(time.process_time() - cpu_started_s)
        assert found == expected, f"{found} hits instead of {expected}"
    return took


async def compare(word: str, expected: int, stores: tuple[Store, Store], plain: Path) -> list[str]:
    """Return the table row for a word."""

    def ask(store: Store) -> Callable[[], Awaitable[int]]:
        async def find() -> int:
            return len(await store.memory.find(CHAT, word, HITS))

        return find

    async def like() -> int:
        return await asyncio.to_thread(count_plain, plain, word)

    ours = await measure(ask(stores[0]), expected)
    fernet = await measure(ask(stores[1]), expected)
    unsealed = await measure(like, expected)
    row = [word, str(expected)]
    for took in (ours, fernet, unsealed):
        row += [ms(quantile(took.wall_s, share)) for share in (0.5, 0.95)]
        row.append(ms(quantile(took.cpu_s, 0.5)))
    return [*row, f"{quantile(fernet.cpu_s, 0.5) / quantile(ours.cpu_s, 0.5):.1f}"]


async def run(home: Path) -> float:
    talk = make_talk()
    key = Fernet.generate_key().decode()
    stores = (
        await open_filled(home / "ours.db", Cipher([key]), talk),
        await open_filled(home / "fernet.db", FernetCipher([key]), talk),
    )
    plain = home / "plain.db"
    fill_plain(plain, talk)
    common = talk.common
    # The bot does not hold a month of messages in memory either, which would slow down the GC.
    del talk
    gc.collect()
    sides = [name for side in ("ours", "Fernet", "LIKE") for name in (f"{side} p50", "p95", "cpu")]
    rows = [["word", "hits", *sides, "ratio"]]
    for word, expected in ((common, HITS), (ONCE, 1), (NEVER, 0)):
        rows.append(await compare(word, expected, stores, plain))
    for store in stores:
        await store.close()
    show(f"/find in {MESSAGES} messages of {DAYS} days, ms; ratio: CPU time of Fernet / ours", rows)
    return max(float(row[3]) for row in rows[1:]) / 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        worst_s = asyncio.run(run(Path(folder)))
    print(f"  target: p95 ≤ {ms(TARGET_S)} ms; load average: {os.getloadavg()[0]:.1f}")
    raise SystemExit(0 if worst_s <= TARGET_S else 1)


if __name__ == "__main__":
    main()
