"""What all processes have used of limits: of engines (`rooms.py`), of platforms, of API keys.

Only on PostgreSQL, whose clock decides. Transactions about one account or bot run one after the
other, and are not waited for on the disk: what is lost at a crash of the database is a second of
the counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf

from sqlalchemy import Connection, text

from core.store.database.encryption import digest
from core.store.database.queries import Database, writes
from core.store.database.tables import chats

#: Longer than any limit asks for.
_KEPT_S = 65

_LOCK = text(
    "SELECT set_config('synchronous_commit', 'off', true),"
    " pg_advisory_xact_lock(hashtextextended(:name, 0))"
)
#: Use is counted by quarters of a second. It ends with its quarter, so that what arrives on the
#: other side a little later than the next one is not one too many.
_USED = text(
    "SELECT at / 4.0 + :period_s - extract(epoch FROM clock_timestamp()) AS free_s, amount"
    " FROM rate_uses WHERE key = :key"
    " AND at > (extract(epoch FROM clock_timestamp()) - :period_s) * 4 ORDER BY at"
)
_COUNT = text(
    "INSERT INTO rate_uses (key, at, amount)"
    " SELECT key, ceil(extract(epoch FROM clock_timestamp()) * 4), 1"
    " FROM unnest(CAST(:keys AS text[])) AS one (key) ORDER BY key"
    " ON CONFLICT (key, at) DO UPDATE SET amount = rate_uses.amount + 1"
)
_FORGET = text(
    "DELETE FROM rate_uses WHERE at <= (extract(epoch FROM clock_timestamp()) - :kept_s) * 4"
)


class Uses:
    """Queries about messages that a platform takes, and requests of API keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @writes
    def take(
        self, connection: Connection, owner: str, windows: Mapping[str, tuple[int, float]]
    ) -> float:
        """Count one use and return 0, or return the seconds until there may be room for it.

        owner: whose limits they are, such as those of a bot. windows: at most (uses, seconds) of
        each limit, by its name, such as the id of a chat; at most a minute.
        """
        lock_uses(connection, f"use {owner}")
        keys = {
            f"use {digest(connection, chats.c.chat_id, f'{owner} {one}')}": one for one in windows
        }
        waits_s = [_find_wait_s(connection, key, *windows[one]) for key, one in keys.items()]
        if (wait_s := max(waits_s)) > 0:
            return wait_s
        connection.execute(_COUNT, {"keys": list(keys)})
        return 0.0


def _find_wait_s(connection: Connection, key: str, count: int, period_s: float) -> float:
    """Return how long it takes until one less than `count` is in the window."""
    used = list_used(connection, key, period_s)
    missing = sum(amount for _, amount in used) - count + 1
    return max(0.01, find_free_s(used, missing)) if missing > 0 else 0.0


def lock_uses(connection: Connection, name: str) -> None:
    """Let transactions about the same limits run one after the other, from here to their end."""
    connection.execute(_LOCK, {"name": name})


def list_used(connection: Connection, key: str, period_s: float) -> list[tuple[float, int]]:
    """Return in how many seconds how many units of a limit are free again, the next first."""
    rows = connection.execute(_USED, {"key": key, "period_s": period_s})
    return [(float(row.free_s), int(row.amount)) for row in rows]


def find_free_s(used: Iterable[tuple[float, int]], units: int) -> float:
    """Return in how many seconds so many units are free again, infinite if there are fewer."""
    for free_s, amount in used:
        units -= amount
        if units <= 0:
            return free_s
    return inf


def forget_uses(connection: Connection) -> None:
    """Delete what was used longer ago than anybody asks for."""
    connection.execute(_FORGET, {"kept_s": _KEPT_S})
