"""One paid call for each result over all processes: who makes it, and who waits for that."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from sqlalchemy import Connection, bindparam, delete, text
from sqlalchemy.dialects.sqlite import insert

from core.errors import StoreError
from core.stall import StallTimer
from core.store.database.process_tables import paid_calls
from core.store.database.queries import Database, writes
from core.store.events import ROOM, Events, notify

#: Events: a call is over, and calls go on. Their values are short names of what they are for.
OVER, MOVED = "paid call over", "paid calls moved"
#: How often a process that waits looks whether the other one has ended: events may be lost.
_LOOK_S = 2.0
#: Names in one event.
_MOST_NAMES = 200

#: The disk is not waited for: who makes a call is of no interest after a crash of the database.
_SOON = text("SELECT set_config('synchronous_commit', 'off', true)")
_NEW = insert(paid_calls)
_CLAIM = _NEW.on_conflict_do_update(
    index_elements=[paid_calls.c.key],
    set_={"process": _NEW.excluded.process},
    where=paid_calls.c.process == _NEW.excluded.process,
)
_IS_OWN = (paid_calls.c.key == bindparam("of")) & (paid_calls.c.process == bindparam("of_process"))
_DROP = delete(paid_calls).where(_IS_OWN)


class PaidCalls:
    """The calls that one process makes for all; only on PostgreSQL."""

    def __init__(self, database: Database, events: Events) -> None:
        self._database, self._events = database, events
        #: Timers of the calls of this process, by name.
        self._own: dict[str, StallTimer] = {}
        #: Keys of calls that are over, though the database does not know it.
        self._left: dict[str, str] = {}
        #: Timers of those that wait for another process, and what wakes them.
        self._waiting: dict[str, tuple[StallTimer, asyncio.Event]] = {}
        events.subscribe(OVER, self._wake)
        events.subscribe(ROOM, self._look)
        events.subscribe(MOVED, self._extend)

    @asynccontextmanager
    async def claim(self, key: str, timer: StallTimer) -> AsyncIterator[None]:
        """Run the body once no other process makes the result of `key`.

        It has to look first whether the result is there. timer: that of the call, which waits
        as long as the other one makes progress.
        """
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        while name in self._own:  # an earlier call is just ending
            await self._database.clock.sleep(0.02)
        self._own[name] = timer
        try:
            await self._wait(key, name, timer)
            yield
        finally:
            # To its end, whatever happens here: else others would wait until this process ends.
            await asyncio.shield(asyncio.ensure_future(self._end(key, name)))

    async def _end(self, key: str, name: str) -> None:
        try:
            await self._drop(key, name)
        except StoreError:
            self._left[name] = key
        finally:
            del self._own[name]

    async def tell_moved(self) -> None:
        """Tell the processes that wait which calls of this one make progress."""
        for name in self._left.keys() - self._own.keys():
            await self._drop(self._left[name], name)
            del self._left[name]
        moved = [name for name, timer in self._own.items() if timer.waited_s < _LOOK_S * 2]
        for at in range(0, len(moved), _MOST_NAMES):
            await self._events.publish(MOVED, moved[at : at + _MOST_NAMES])

    async def _wait(self, key: str, name: str, timer: StallTimer) -> None:
        over = asyncio.Event()
        self._waiting[name] = timer, over
        try:
            while not await self._claim(key):
                over.clear()
                await self._database.clock.wait_for(over, _LOOK_S)
        finally:
            del self._waiting[name]

    @writes
    def _claim(self, connection: Connection, key: str) -> bool:
        connection.execute(_SOON)
        own = {"key": key, "process": self._database.process}
        return bool(connection.execute(_CLAIM, own).rowcount)

    @writes
    def _drop(self, connection: Connection, key: str, name: str) -> None:
        connection.execute(_SOON)
        own = {"of": key, "of_process": self._database.process}
        if connection.execute(_DROP, own).rowcount:
            notify(connection, OVER, name)

    def _wake(self, name: str) -> None:
        if name in self._waiting:
            self._waiting[name][1].set()

    def _look(self, account: str | None) -> None:
        if account is None:  # a process has ended: its calls are over, too
            for name in self._waiting:
                self._wake(name)

    def _extend(self, names: Collection[str]) -> None:
        for name in self._waiting.keys() & set(names):
            self._waiting[name][0].extend()
