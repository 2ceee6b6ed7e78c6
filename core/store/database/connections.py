"""Connections to SQLite: WAL, `synchronous=FULL`, one writer, readers that cannot write.

A transaction is one call to the writer's thread, however many statements it has. Transactions that
wait for the writer together are committed together: each commit waits for the disk.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, make_url

from core.store.database.cipher import Cipher
from core.store.database.encryption import set_cipher

#: How long a writer waits for another process that holds SQLite's write lock.
BUSY_TIMEOUT_MS = 30_000
#: How long a checkpoint waits for those who read: nobody writes meanwhile.
_CHECKPOINT_MS = 200
#: What is deleted or replaced is overwritten with zeros.
WRITER = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
READER = ("query_only=ON",)
#: Threads that read.
READERS = 4
#: Transactions that are committed together at most.
MAX_GROUP = 32

#: The column of the key of digests, as `Encrypted` names it.
INDEX_KEY = b"index_key.content"

Result = TypeVar("Result")
#: The statements of a transaction, or of a look at the database.
Work = Callable[[Connection], Result]
#: What a transaction returned, or what it raised.
_Outcome = tuple[Any, BaseException | None]


def make_engine(url: str, cipher: Cipher, pragmas: Sequence[str], **options: Any) -> Engine:
    """Return an engine whose connections are set up with `pragmas`, and which uses `cipher`."""
    engine = create_engine(
        make_url(url).set(drivername="sqlite"),
        # No transaction begins by itself, and a connection is closed by another thread.
        connect_args={"isolation_level": None, "check_same_thread": False},
        poolclass=QueuePool,
        max_overflow=0,
        **options,
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, parameters: Any) -> sqlite3.Connection:
        connection = _connect(pragmas, *arguments, **parameters)
        try:
            load_index_key(connection, cipher)
        except BaseException:
            connection.close()
            raise
        return connection

    set_cipher(engine.dialect, cipher)
    return engine


def _connect(pragmas: Sequence[str], *arguments: Any, **parameters: Any) -> sqlite3.Connection:
    """Return a new connection, set up."""
    connection: sqlite3.Connection = sqlite3.connect(*arguments, **parameters)
    try:
        for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", *pragmas):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def load_index_key(connection: sqlite3.Connection, cipher: Cipher) -> None:
    """Let the cipher make the digests that this database has, or save the key of its own ones.

    Raises ConfigError if no key decrypts it.
    """
    try:
        row = connection.execute("SELECT content FROM index_key").fetchone()
    except sqlite3.OperationalError:
        return  # not migrated yet
    if row:
        cipher.index_key = cipher.decrypt(row[0], INDEX_KEY)
    elif not connection.execute("PRAGMA query_only").fetchone()[0]:
        own = cipher.encrypt(cipher.index_key, INDEX_KEY)
        connection.execute("INSERT OR IGNORE INTO index_key VALUES (1, ?)", (own,))


class Writer:
    """Runs transactions one after the other, in the order of the calls."""

    def __init__(self, url: str, cipher: Cipher) -> None:
        self._cipher = cipher
        self.engine = make_engine(url, cipher, WRITER, pool_size=1)
        self._thread = ThreadPoolExecutor(1, "hearsay-writer")
        self._waiting: deque[tuple[Work[Any], asyncio.Future[Any]]] = deque()
        self._is_busy = False

    async def run(self, work: Work[Result]) -> Result:
        """Return what `work` returns, once that is committed.

        If this is cancelled, a transaction that has begun is committed all the same.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        if not self._is_busy:
            self._start()
        try:
            return await future
        finally:
            del future  # an error would keep itself alive, with the cursor that it comes from

    async def end_transactions(self) -> None:
        """Return once every transaction that has begun is over."""
        await self.run(lambda connection: None)

    async def checkpoint(self) -> bool:
        """Move all commits from the WAL to the database, and empty the WAL.

        Return False if somebody who reads keeps it from that.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._checkpoint)

    def _checkpoint(self) -> bool:
        with self.engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={_CHECKPOINT_MS}")
            try:
                done = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        return bool(done[0] == 0)

    async def close(self) -> None:
        """Close the connection, after all that waits for it."""
        loop = asyncio.get_running_loop()
        while self._is_busy:
            await loop.run_in_executor(self._thread, int)
        self._thread.shutdown()
        self.engine.dispose()

    def _start(self) -> None:
        group: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        while self._waiting and len(group) < MAX_GROUP:
            work, future = self._waiting.popleft()
            if not future.done():  # it was not cancelled
                group.append((work, future))
        self._is_busy = bool(group)
        if group:
            works, futures = zip(*group, strict=True)
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._thread, self._commit, works)
            running.add_done_callback(partial(self._finish, futures))

    def _finish(
        self,
        futures: Sequence[asyncio.Future[Any]],
        running: asyncio.Future[Sequence[_Outcome]],
    ) -> None:
        for future, (result, error) in zip(futures, running.result(), strict=True):
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        self._start()

    def _commit(self, works: Sequence[Work[Any]]) -> Sequence[_Outcome]:
        """Run transactions and commit them together; those that raise write nothing."""
        try:
            with self.engine.begin() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                # Under the lock: whoever replaces the key knows that later ones use the new one.
                self._cipher.refresh()
                if len(works) == 1:
                    return [(works[0](connection), None)]
                return [_try(work, connection) for work in works]
        except BaseException as error:  # noqa: BLE001  # each caller raises it
            return [(None, error)] * len(works)


def _try(work: Work[Any], connection: Connection) -> _Outcome:
    connection.exec_driver_sql("SAVEPOINT one")
    try:
        result = work(connection)
    except BaseException as error:
        driver: Any = connection.connection.driver_connection
        if not driver.in_transaction:
            raise  # SQLite has rolled back the whole group, such as on a full disk
        connection.exec_driver_sql("ROLLBACK TO one")
        return None, error
    connection.exec_driver_sql("RELEASE one")
    return result, None


class Readers:
    """Runs queries in threads, each with a connection of its own that cannot write."""

    def __init__(self, url: str, cipher: Cipher) -> None:
        # They never have a transaction to roll back.
        self.engine = make_engine(
            url, cipher, READER, pool_size=READERS, skip_autocommit_rollback=True
        )
        self._threads = ThreadPoolExecutor(READERS, "hearsay-reader")

    async def run(self, work: Work[Result]) -> Result:
        """Return what `work` returns. Each of its statements sees the newest commit."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._read, work)

    async def close(self) -> None:
        """Close the connections, after what they run."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        self.engine.dispose()

    def _read(self, work: Work[Result]) -> Result:
        with self.engine.connect() as connection:
            return work(connection)
