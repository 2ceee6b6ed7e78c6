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

from sqlalchemy import Engine, QueuePool, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError

from core.errors import StoreError
from core.store.database.cipher import Cipher
from core.store.database.connections import INDEX_KEY, Result, Work
from core.store.database.encryption import set_cipher

#: Threads that write, and that read, in each process: as many connections.
WRITERS, READERS = 4, 4
#: How often a transaction is tried, and the pause before the second time; it doubles.
TRIES, PAUSE_S = 5, 0.02
#: "serialization_failure", "deadlock_detected", and what two transactions that add the same row, or
#: add to one that is being deleted, come to. Source: PostgreSQL's Appendix A and chapter 13.5.
_RETRIED = ("40001", "40P01", "23505", "23503")
#: A statement takes longer only if something is wrong; a peer that is gone is noticed in 15 s.
_OPTIONS = "-c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000"
_READ_ONLY = " -c default_transaction_read_only=on"
#: No transaction takes longer: it has few statements, and the pauses between them are short.
_LONGEST_S = 120.0
CONNECT: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "options": _OPTIONS,
    "application_name": "hearsay",
}


def make_engine(url: str, cipher: Cipher, *, is_read_only: bool = False, **options: Any) -> Engine:
    """Return an engine whose connections use `cipher`."""
    settings = {"options": _OPTIONS + _READ_ONLY} if is_read_only else {}
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        connect_args=CONNECT | settings,
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
        cursor.execute(
            "SELECT to_regclass('index_key') IS NOT NULL,"
            " current_setting('transaction_read_only')::boolean"
        )
        is_migrated, is_read_only = cursor.fetchone()
        select = "SELECT content FROM index_key"
        row = cursor.execute(select).fetchone() if is_migrated else None
        if is_migrated and row is None and not is_read_only:
            own = cipher.encrypt(cipher.index_key, INDEX_KEY)
            cursor.execute("INSERT INTO index_key VALUES (1, %s) ON CONFLICT DO NOTHING", (own,))
            row = cursor.execute(select).fetchone()
    connection.commit()
    if row:
        cipher.index_key = cipher.decrypt(row[0], INDEX_KEY)


#: How many other transactions began before a moment and are not over.
_OLDER = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND backend_type = 'client backend' AND usename = current_user"
    " AND pid <> pg_backend_pid() AND xact_start < :began_at"
)


class _KeyReplaced(StoreError):
    """The key was replaced during a transaction, which is tried again with the new one."""


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

    async def end_transactions(self) -> None:
        """Return once every transaction that has begun is over, in other processes as well.

        Raises StoreError if that takes longer than any transaction may.
        """
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._outlive)

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
            except _KeyReplaced:
                continue
            except DBAPIError as error:
                if not _may_try_again(error):
                    raise
            # In a thread, and so short that nobody's clock need know of it.
            time.sleep(PAUSE_S * 2**number)
        return self._try(work)

    def _outlive(self) -> None:
        with self.engine.connect() as connection:
            began_at = connection.exec_driver_sql("SELECT clock_timestamp()").scalar()
            until_s = time.monotonic() + _LONGEST_S
            while connection.execute(_OLDER, {"began_at": began_at}).scalar():
                connection.rollback()
                if time.monotonic() > until_s:
                    raise StoreError("another transaction does not end")
                time.sleep(PAUSE_S)

    def _try(self, work: Work[Result]) -> Result:
        with self.engine.connect() as connection, connection.begin() as transaction:
            self._cipher.refresh()
            key_id = self._cipher.key_id
            result = work(connection)
            self._cipher.refresh()
            if self._cipher.key_id != key_id:
                raise _KeyReplaced
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
        engine = make_engine(url, cipher, is_read_only=True, pool_size=READERS)
        self.engine = engine.execution_options(isolation_level="AUTOCOMMIT")
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
