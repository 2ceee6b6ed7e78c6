"""Events that every process on a database gets to know: NOTIFY on PostgreSQL, a call on SQLite.

An event is a hint to look again, and may be lost while a connection is: whoever needs to know looks
at the database itself now and then. What people said is in none of them, unless encrypted.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import Connection, func, select

from core.store.database.dialects import POSTGRESQL
from core.store.database.queries import Database, writes

#: PostgreSQL's name of the channel, and how long a message may be. Source: its page on NOTIFY.
CHANNEL, MAX_BYTES = "hearsay", 7999
#: Pause before the connection is opened again.
_PAUSE_S = 1.0

Receive = Callable[[Any], object]
log = structlog.get_logger()


class Events:
    """Publishes events, and calls those who have subscribed to them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._receivers = defaultdict[str, list[Receive]](list)
        #: Called when events may have been lost.
        self.on_gap: Callable[[], object] = lambda: None
        self._is_lost = False

    def subscribe(self, kind: str, receive: Receive) -> None:
        """Let `receive` be called with what each event of a kind says."""
        self._receivers[kind].append(receive)

    async def publish(self, kind: str, value: Any) -> None:
        """Tell every process, this one too. value: JSON of at most 7 kB. Raises StoreError."""
        if self._database.is_shared:
            await self._publish(kind, value)
        else:
            self._receive(kind, value)

    @writes
    def _publish(self, connection: Connection, kind: str, value: Any) -> None:
        notify(connection, kind, value)

    async def run(self) -> None:
        """Receive events until cancelled."""
        if not self._database.is_shared:
            return
        while True:
            try:
                await self._listen()
            except OSError as error:
                if not self._is_lost:
                    log.warning("events are not received", error=type(error).__name__)
                self._is_lost = True
            await self._database.clock.sleep(_PAUSE_S)

    async def _listen(self) -> None:
        from psycopg import AsyncConnection, OperationalError

        try:
            async with await AsyncConnection.connect(
                self._database.conninfo, autocommit=True
            ) as connection:
                await connection.execute(f"LISTEN {CHANNEL}".encode())
                if self._is_lost:
                    log.info("events are received again")
                self._is_lost = False
                self.on_gap()
                async for notification in connection.notifies():
                    kind, value = json.loads(notification.payload)
                    self._receive(kind, value)
        except OperationalError as error:
            raise ConnectionError from error

    def _receive(self, kind: str, value: Any) -> None:
        for receive in self._receivers[kind]:
            receive(value)


def notify(connection: Connection, kind: str, value: Any) -> None:
    """Tell every process once the transaction of `connection` is committed; not on SQLite."""
    if connection.dialect.name == POSTGRESQL:
        text = json.dumps([kind, value], separators=(",", ":"))
        assert len(text.encode()) <= MAX_BYTES
        connection.execute(select(func.pg_notify(CHANNEL, text)))
