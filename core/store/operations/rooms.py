"""Calls to engines over all processes: how many are under way, and what the last minute has used.

Only on PostgreSQL. What was used is counted as `uses.py` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, text
from sqlalchemy.dialects.sqlite import insert

from core.interfaces.rooms import CallAsk, RateAsk, Verdict
from core.store.database.encryption import digest
from core.store.database.process_tables import engine_pauses, engine_slots
from core.store.database.queries import Database, reads, writes
from core.store.events import ROOM, notify
from core.store.operations.uses import find_free_s, list_used, lock_uses

#: How long use counts.
WINDOW_S = 60
#: How often somebody looks for room that is announced only while the database can be reached.
_LOOK_S = 1.0

_SLOT = engine_slots.c
_NEW_SLOT = insert(engine_slots)
_SET_SLOT = _NEW_SLOT.on_conflict_do_update(
    index_elements=list(engine_slots.primary_key),
    set_={"calls": _NEW_SLOT.excluded.calls},
)
_DROP_SLOT = delete(engine_slots).where(
    _SLOT.account == bindparam("of_account"),
    _SLOT.process == bindparam("of_process"),
    _SLOT.person == bindparam("of_person"),
)
_TOTAL = select(func.coalesce(func.sum(_SLOT.calls), 0)).where(
    _SLOT.account == bindparam("of_account")
)
_LOOK = text(
    "SELECT coalesce(sum(calls), 0) AS total,"
    " coalesce(sum(calls) FILTER (WHERE person = :person), 0) AS own,"
    " coalesce((SELECT extract(epoch FROM until_at - clock_timestamp()) FROM engine_pauses"
    " WHERE account = :account), 0) AS pause_s,"
    " (SELECT probe_s FROM engine_pauses WHERE account = :account) AS probe_s,"
    " (SELECT json_object_agg(key, amount) FROM (SELECT key, sum(amount) AS amount FROM rate_uses"
    " WHERE key = ANY(:keys) AND at > extract(epoch FROM clock_timestamp()) * 4 - 4 * :window_s"
    " GROUP BY key) AS of_key) AS used FROM engine_slots WHERE account = :account"
)
_ENTER = text(
    "WITH uses AS (INSERT INTO rate_uses (key, at, amount)"
    " SELECT key, ceil(extract(epoch FROM clock_timestamp()) * 4), amount"
    " FROM unnest(CAST(:keys AS text[]), CAST(:amounts AS bigint[])) AS one (key, amount)"
    " ON CONFLICT (key, at) DO UPDATE SET amount = rate_uses.amount + excluded.amount)"
    " INSERT INTO engine_slots (account, process, person, calls)"
    " VALUES (:account, :process, :person, :calls)"
    " ON CONFLICT (account, process, person) DO UPDATE SET calls = excluded.calls"
)
_PAUSE = text(
    "INSERT INTO engine_pauses (account, until_at, probe_s)"
    " VALUES (:account, clock_timestamp() + make_interval(secs => :wait_s), :probe_s)"
    " ON CONFLICT (account) DO UPDATE SET until_at = excluded.until_at, probe_s = excluded.probe_s"
)


class Rooms:
    """Queries about the calls of all processes; a `core.interfaces.Rooms`."""

    def __init__(self, database: Database) -> None:
        self._database, self.window_s = database, WINDOW_S

    @writes
    def enter(self, connection: Connection, ask: CallAsk, under_way: Mapping[str, int]) -> Verdict:
        """Let a call through if there is room for it, and count it then; all or nothing.

        under_way: how many calls of this process are under way, of each person for whom that has
        changed.
        """
        lock_uses(connection, f"room {ask.account}")
        self._count(connection, ask.account, ask.concurrency, under_way)
        person = digest(connection, _SLOT.person, ask.person)
        names = _list_keys(ask, person)
        key = {"account": ask.account, "person": person}
        window = {"keys": list(names.values()), "window_s": self.window_s}
        row = connection.execute(_LOOK, key | window).one()
        if row.pause_s > 0:
            return Verdict(float(row.pause_s), pause_s=float(row.pause_s))
        if row.total >= ask.concurrency:
            return Verdict(_LOOK_S)
        if ask.person and row.own >= ask.most_of_one:
            return Verdict(_LOOK_S, is_held=True)
        uses = self._find_uses(connection, ask, names, row.used or {})
        if isinstance(uses, Verdict):
            return uses
        taken = {"keys": list(uses), "amounts": list(uses.values())}
        own = {"process": self._database.process, "calls": ask.own_calls + 1}
        connection.execute(_ENTER, key | own | taken)
        probe_s = ask.probe_s or row.probe_s or 0.0
        if probe_s:
            connection.execute(_PAUSE, key | {"wait_s": probe_s, "probe_s": probe_s})
        return Verdict(pause_s=probe_s)

    @writes
    def count(
        self,
        connection: Connection,
        account: str,
        concurrency: int,
        under_way: Mapping[str, int],
    ) -> None:
        """Count calls that have ended."""
        lock_uses(connection, f"room {account}")
        self._count(connection, account, concurrency, under_way)

    @writes
    def pause(
        self, connection: Connection, account: str, wait_s: float, probe_s: float = 0.0
    ) -> None:
        """Let all processes wait for so long, 0 to end a pause.

        probe_s: if the engine is down, how long they wait for the first call after that.
        """
        lock_uses(connection, f"room {account}")
        if wait_s > 0:
            connection.execute(_PAUSE, {"account": account, "wait_s": wait_s, "probe_s": probe_s})
            return
        connection.execute(delete(engine_pauses).where(engine_pauses.c.account == account))
        notify(connection, ROOM, account)

    @reads
    def list_used(
        self, connection: Connection, account: str, limit: str
    ) -> list[tuple[float, int]]:
        """Return in how many seconds how many units of a limit are free again, the next first."""
        return list_used(connection, _key(account, limit), self.window_s)

    def _count(
        self,
        connection: Connection,
        account: str,
        concurrency: int,
        under_way: Mapping[str, int],
    ) -> None:
        """Save how many calls are under way, and announce that there is room again."""
        if not under_way:
            return
        key: dict[str, Any] = {"of_account": account}
        before = connection.execute(_TOTAL, key).scalar() or 0
        self._set_slots(connection, account, under_way)
        if before >= concurrency and (connection.execute(_TOTAL, key).scalar() or 0) < concurrency:
            notify(connection, ROOM, account)

    def _set_slots(
        self, connection: Connection, account: str, under_way: Mapping[str, int]
    ) -> None:
        own = {"account": account, "process": self._database.process}
        rows = [own | {"person": one, "calls": n} for one, n in under_way.items() if n > 0]
        if rows:
            connection.execute(_SET_SLOT, rows)
        of_own = {f"of_{name}": value for name, value in own.items()}
        ended = [of_own | {"of_person": one} for one, n in under_way.items() if n <= 0]
        if ended:
            connection.execute(_DROP_SLOT, ended)

    def _find_uses(
        self,
        connection: Connection,
        ask: CallAsk,
        keys: Mapping[tuple[str, bool], str],
        used: Mapping[str, int],
    ) -> dict[str, int] | Verdict:
        """Return what the call uses of each limit, by key, or why it has to wait."""
        uses = dict[str, int]()
        for one in ask.rates:
            key, own = keys[one.name, False], keys.get((one.name, True))
            is_light = own is not None and used.get(own, 0) + one.cost <= one.light_most
            most = _most(one, is_light=is_light or own is None)
            if (total := used.get(key, 0) + one.cost) > most:
                used_s = list_used(connection, key, self.window_s)
                wait_s = max(0.02, find_free_s(used_s, total - most))
                return Verdict(wait_s, is_held=total <= one.per_minute)
            uses |= {name: one.cost for name in (key, own) if name and (name == key or is_light)}
        return uses


def _most(rate: RateAsk, *, is_light: bool) -> int:
    """Return how much of a limit may be used, this call's cost included."""
    return rate.per_minute if is_light else max(rate.cost, rate.per_minute - rate.reserve)


def _list_keys(ask: CallAsk, person: str) -> dict[tuple[str, bool], str]:
    """Return the key of each limit, and those of what the person takes of the reserve."""
    keys = {(one.name, False): _key(ask.account, one.name) for one in ask.rates}
    own = {(one.name, True): f"{_key(ask.account, one.name)}|{person}" for one in ask.rates}
    return keys | own if person else keys


def _key(account: str, limit: str) -> str:
    return f"{account}|{limit}"
