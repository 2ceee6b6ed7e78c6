"""Events that every process on a database gets to know: NOTIFY on PostgreSQL, a call on SQLite.

An event is a hint to look again, and may be lost while a connection is: whoever needs to know looks
at the database itself now and then. What people said is in none of them, unless sealed.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import Connection, func, select

from core.store.database.dialects import POSTGRESQL
from core.store.database.queries import Database, writes

#: PostgreSQL's name of the channel, and how long a message may be. Source: its page on NOTIFY.
CHANNEL, MAX_BYTES = "hearsay", 7999
#: The event that calls to an engine may be let through again: its account, None for any.
ROOM = "room"
#: An operator has done something: what is in memory of decisions and switches may be old.
RULES = "rules"
#: An event of this process alone: others may have been lost, as their connection is a new one.
GAP = "gap"
#: How long a sealed value may be, whatever its kind is called.
MAX_SEALED_BYTES = 7900
#: What sealed values are encrypted for: they cannot be taken for those of a column.
_PURPOSE = b"event"
_UTF8 = "utf-8", "surrogatepass"
#: Pause before the connection is opened again.
_PAUSE_S = 1.0

Receive = Callable[[Any], object]
log = structlog.get_logger()


class Events:
    """Publishes events, and calls those who have subscribed to them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_shared = database.is_shared
        self._receivers = defaultdict[str, list[Receive]](list)
        self._is_lost = False

    def subscribe(self, kind: str, receive: Receive) -> None:
        """Let `receive` be called with what each event of a kind says; with None for a GAP."""
        self._receivers[kind].append(receive)

    async def publish(self, kind: str, value: Any) -> None:
        """Tell every process, this one too. value: JSON of at most 7 kB. Raises StoreError."""
        if self.is_shared:
            await self._publish(kind, value)
        else:
            self._receive(kind, value)

    @writes
    def _publish(self, connection: Connection, kind: str, value: Any) -> None:
        notify(connection, kind, value)

    def seal(self, *fields: str, text: str = "") -> str:
        """Return words, and a text at their end, compressed and encrypted.

        The server must not read what people say. Of a text that is too long for one event the end
        is kept. fields: at most 1 kB in all.
        """
        kept = text
        while True:
            plain = zlib.compress(json.dumps([*fields, kept], ensure_ascii=False).encode(*_UTF8), 1)
            sealed = b64encode(self._database.cipher.encrypt(plain, _PURPOSE)).decode()
            if len(sealed) <= MAX_SEALED_BYTES:
                return sealed
            # How well the rest can be compressed is not known before.
            kept = kept[-int(len(kept) * 0.9 * MAX_SEALED_BYTES / len(sealed)) :]

    def unseal(self, sealed: str) -> list[str]:
        """Return what was sealed. Raises ConfigError if another key has encrypted it."""
        plain = self._database.cipher.decrypt(b64decode(sealed), _PURPOSE)
        found: list[str] = json.loads(zlib.decompress(plain).decode(*_UTF8))
        return found

    async def run(self) -> None:
        """Receive events until cancelled."""
        if not self.is_shared:
            await asyncio.Event().wait()
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
                self._receive(GAP, None)
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
