"""What calls under way may still use of budgets: held, settled, and released when a process ends.

It is a part of the row of each account and day. Where there are several processes, what each of
them holds is counted once more, for the time when it has ended.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.elements import ColumnElement

from core.models import Amount
from core.store.database.dialects import Largest, Smallest
from core.store.database.process_tables import budget_holds
from core.store.database.schema import budget_uses

_USE = budget_uses.c
#: What is used, and what is held, in the order of `Amount`.
USED, HELD = Amount._fields, [f"held_{name}" for name in Amount._fields]

_IS_IT = (_USE.account == bindparam("of")) & (_USE.day == bindparam("on"))
_RELEASE = (
    update(budget_uses)
    .where(_IS_IT)
    .values({name: Largest(0, _USE[name] - bindparam(f"free_{name}")) for name in HELD})
)
#: What one process holds: nothing any more, if it was thought to have ended.
_OWN = budget_holds.c
_IS_OWN = (
    (_OWN.process == bindparam("of_process"))
    & (_OWN.account == bindparam("of"))
    & (_OWN.day == bindparam("on"))
)
_NEW_OWN = insert(budget_holds)
_HOLD_OWN = _NEW_OWN.on_conflict_do_update(
    index_elements=list(budget_holds.primary_key),
    set_={name: _OWN[name] + _NEW_OWN.excluded[name] for name in USED},
)


def _smaller(name: str) -> ColumnElement[int]:
    """Return what is released, at most what this process holds."""
    own = select(_OWN[name]).where(_IS_OWN).scalar_subquery()
    return Smallest(bindparam(f"free_held_{name}"), func.coalesce(own, 0))


_SETTLE_OWN = (
    update(budget_uses)
    .where(_IS_IT)
    .values(
        {name: _USE[name] + bindparam(f"paid_{name}") for name in USED}
        | {f"held_{name}": Largest(0, _USE[f"held_{name}"] - _smaller(name)) for name in USED}
    )
)
_FREE_OWN = (
    update(budget_holds)
    .where(_IS_OWN)
    .values({name: Largest(0, _OWN[name] - bindparam(f"free_held_{name}")) for name in USED})
)
_DROP_OWN = delete(budget_holds).where(_IS_OWN, *(_OWN[name] == 0 for name in USED))


def release_left(connection: Connection, living: Select[Any]) -> None:
    """Release what processes held that are not among `living`."""
    left = delete(budget_holds).where(_OWN.process.not_in(living)).returning(budget_holds)
    rows = sorted(connection.execute(left), key=lambda row: (row.account, row.day))
    keys = [{"of": row.account, "on": row.day} for row in rows]
    freed = [
        key | {f"free_held_{name}": row._mapping[name] for name in USED}
        for key, row in zip(keys, rows, strict=True)
    ]
    if freed:
        connection.execute(_RELEASE, freed)


def hold_own(
    connection: Connection, accounts: Collection[str], amount: Amount, day: str, process: str
) -> None:
    """Note that this process holds `amount`. accounts: by what their rows are found by."""
    own = {"process": process, "day": day, **amount._asdict()}
    connection.execute(_HOLD_OWN, [own | {"account": account} for account in accounts])


def settle_own(
    connection: Connection, accounts: Collection[str], values: Mapping[str, Any], process: str
) -> None:
    """Book what this process has paid, and hold less of what it holds.

    values: the day `on`, and what is `paid_` and what is `free_` of each.
    """
    if not accounts:
        return
    own = [{"of": account, "on": values["on"], "of_process": process} for account in accounts]
    free = {name: n for name, n in values.items() if name.startswith("free_")}
    connection.execute(_SETTLE_OWN, [{**values, **one} for one in own])
    connection.execute(_FREE_OWN, [free | one for one in own])
    connection.execute(_DROP_OWN, own)
