"""What all processes have used of limits: messages that a platform takes, requests of API keys.

Only on PostgreSQL, whose clock decides. Who asks about one bot takes turns; what is lost at a crash
of the database is a second of the counts.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text

from core.store.database.encryption import digest
from core.store.database.queries import Database, writes
from core.store.database.tables import chats

_LOCK = text(
    "SELECT set_config('synchronous_commit', 'off', true),"
    " pg_advisory_xact_lock(hashtextextended('use ' || :owner, 0))"
)
#: Counted by quarters of a second, and until the end of the last one: what arrives a little later
#: than the next one is not one too many.
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


class Uses:
    """Queries about what all processes have used."""

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
        connection.execute(_LOCK, {"owner": owner})
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
    used = connection.execute(_USED, {"key": key, "period_s": period_s}).all()
    excess = sum(int(row.amount) for row in used) - count
    for row in used:
        if excess < 0:
            break
        excess -= int(row.amount)
        if excess < 0:
            return max(float(row.free_s), 0.01)
    return 0.0
