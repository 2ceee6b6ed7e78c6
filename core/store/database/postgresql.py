"""Connections to PostgreSQL: threads that write, and threads that read and cannot write.

Transactions run side by side, in this process and in others, each at READ COMMITTED: a statement
sees all that is committed when it begins. What may not change meanwhile is locked by its row, for
most of them that of the chat (`chat_row`). One that fails for want of its turn, or of a connection
before its commit, is tried again as a whole.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from core.errors import StoreError
from core.store.database.cipher import Cipher
from core.store.database.connections import INDEX_KEY, Result, Work
from core.store.database.encryption import set_cipher

#: Threads that write, and that read, in each process: as many connections.
WRITERS, READERS = 4, 4
#: How often a transaction is tried, and the pause before the second time; it doubles.
TRIES, PAUSE_S = 5, 0.02
#: "serialization_failure" and "deadlock_detected". Source: PostgreSQL's Appendix A.
_RETRIED = ("40001", "40P01")
#: A statement takes longer only if something is wrong; a peer that is gone is noticed in 15 s.
_OPTIONS = "-c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000"
CONNECT: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "options": _OPTIONS,
    "application_name": "hearsay",
}


def make_engine(url: str, cipher: Cipher, **options: Any) -> Engine:
    """Return an engine whose connections use `cipher`. Raises ConfigError if psycopg is missing."""
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        connect_args=CONNECT,
        poolclass=QueuePool,
        max_overflow=0,
        hide_parameters=True,
        # That of an INSERT as well, which skips rows that exist already.
        execution_options={"preserve_rowcount": True},
        **options,
    )

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _record: Any, arguments: Any, parameters: Any) -> Any:
        connection = dialect.loaded_dbapi.connect(*arguments, **parameters)
        try:
            load_index_key(connection, cipher)
        except BaseException:
            connection.close()
            raise
        return connection

    set_cipher(engine.dialect, cipher)
    return engine


def load_index_key(connection: Any, cipher: Cipher) -> None:
    """Let the cipher make the digests that this database has, or save the key of its own ones.

    Raises ConfigError if no key decrypts it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('index_key') IS NOT NULL")
        if not cursor.fetchone()[0]:
            connection.rollback()
            return  # not migrated yet
        own = cipher.encrypt(cipher.index_key, INDEX_KEY)
        cursor.execute("SELECT content FROM index_key")
        row = cursor.fetchone()
        if row is None:
            cursor.execute("INSERT INTO index_key VALUES (1, %s) ON CONFLICT DO NOTHING", (own,))
            cursor.execute("SELECT content FROM index_key")
            row = cursor.fetchone()
    connection.commit()
    cipher.index_key = cipher.decrypt(row[0], INDEX_KEY)


class PostgresWriter:
    """Runs transactions, several at a time."""

    def __init__(self, url: str, cipher: Cipher) -> None:
        self._cipher = cipher
        self.engine = make_engine(url, cipher, pool_size=WRITERS)
        self._threads = ThreadPoolExecutor(WRITERS, "hearsay-writer")

    async def run(self, work: Work[Result]) -> Result:
        """Return what `work` returns, once that is committed. It may be called several times.

        If this is cancelled, a transaction that has begun is committed all the same.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._commit, work)

    async def checkpoint(self) -> bool:
        """Return True: PostgreSQL overwrites its log by itself."""
        return True

    async def close(self) -> None:
        """Close the connections, after all that waits for them."""
        await asyncio.to_thread(self._threads.shutdown)
        self.engine.dispose()

    def _commit(self, work: Work[Result]) -> Result:
        for number in range(TRIES - 1):
            try:
                return self._try(work)
            except DBAPIError as error:
                if not _may_try_again(error):
                    raise
            # In a thread, and so short that nobody's clock need know of it.
            time.sleep(PAUSE_S * 2**number)
        return self._try(work)

    def _try(self, work: Work[Result]) -> Result:
        with self.engine.connect() as connection, connection.begin() as transaction:
            self._cipher.refresh()
            result = work(connection)
            try:
                transaction.commit()
            except DBAPIError as error:
                if error.connection_invalidated:
                    # Whoever asked for it has to look: to repeat it here could do it twice.
                    raise StoreError("the connection broke during a commit") from None
                raise
        return result


def _may_try_again(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or state in _RETRIED or _is_connecting(error)


def _is_connecting(error: DBAPIError) -> bool:
    """Return whether no connection could be made: PostgreSQL is just starting, say."""
    return isinstance(error, OperationalError) and error.statement is None


class PostgresReaders:
    """Runs queries in threads, each with a connection of its own that cannot write."""

    def __init__(self, url: str, cipher: Cipher) -> None:
        engine = make_engine(url, cipher, pool_size=READERS)
        self.engine = engine.execution_options(
            isolation_level="AUTOCOMMIT", postgresql_readonly=True
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
        try:
            with self.engine.connect() as connection:
                return work(connection)
        except DBAPIError as error:
            if not _may_try_again(error):
                raise
        with self.engine.connect() as connection:  # it changes nothing
            return work(connection)
