"""Budgets: what each account has used on each day, and what calls under way may still use.

A row per account and day. The use of a month is that of its days, so nothing has to begin anew when
one ends, and a clock that is set back or forward finds the row of whatever day it says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Connection,
    Select,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from core.models import (
    Account,
    AccountKind,
    Amount,
    Budget,
    BudgetPeriod,
    Settlement,
    Standing,
    parse_budget,
    show_budget,
)
from core.store.audit import note_action
from core.store.budget_holds import HELD, USED, hold_own, settle_own
from core.store.budget_keys import HELD_FOR, MOVED, OF_PEOPLE, find_key, make_key, name_account
from core.store.database.dialects import Largest, take_turns
from core.store.database.queries import Database, reads, writes
from core.store.database.schema import budget_uses, budgets

#: Accounts in one query: SQLite takes 500.
_MOST_AT_ONCE = 100

#: What the log of operators calls a change of limits or of what was used.
_ACTION = "budget"

_USE = budget_uses.c


@cache
def _select_standings(count: int) -> CompoundSelect[Any]:
    """Return the query for the own limits of accounts, and for what they have used and hold.

    Their rows are found by the parameters `of0`, `of1`, …, whose number each result begins with.
    """
    return union_all(*map(_select_standing, range(count)))


def _select_standing(number: int) -> Select[Any]:
    """Return the query for one account.

    The sums stand as in `Amount`: used and held on the day `today`, then in its month.
    """
    of: BindParameter[str] = bindparam(f"of{number}")
    is_own = (budgets.c.account == of) & (budgets.c.kind != MOVED)
    own = select(budgets.c.limits).where(is_own).scalar_subquery()
    is_fresh = _USE.day >= bindparam("fresh")
    used, held = ([_USE[name] for name in names] for names in (USED, HELD))
    sums = [
        func.sum(case((is_in, column), else_=0))
        for period in (_USE.day == bindparam("today"), _USE.day >= bindparam("first"))
        for is_in, columns in ((period, used), (period & is_fresh, held))
        for column in columns
    ]
    is_month = _USE.day.between(bindparam("first"), bindparam("last"))
    query = select(literal_column(str(number)), own, *sums).select_from(budget_uses)
    return query.where(_USE.account == of, is_month)


_NEW = insert(budget_uses)
_HOLD = _NEW.on_conflict_do_update(
    index_elements=[_USE.account, _USE.day],
    set_={name: _USE[name] + _NEW.excluded[name] for name in HELD},
)
_IS_IT = (_USE.account == bindparam("of")) & (_USE.day == bindparam("on"))
_SETTLE = (
    update(budget_uses)
    .where(_IS_IT)
    .values(
        {name: _USE[name] + bindparam(f"paid_{name}") for name in USED}
        # Never less than nothing: at a start all that is held is released.
        | {name: Largest(0, _USE[name] - bindparam(f"free_{name}")) for name in HELD}
    )
)


def settle(connection: Connection, settlement: Settlement, process: str) -> None:
    """Book what was paid, and hold less from now on. process: `Database.process`."""
    values: dict[str, Any] = {"on": settlement.day.isoformat()}
    values |= {f"paid_{name}": n for name, n in zip(USED, settlement.paid, strict=True)}
    values |= {f"free_{name}": n for name, n in zip(HELD, settlement.released, strict=True)}
    keys = [find_key(connection, one) for one in settlement.accounts]
    if process:
        settle_own(connection, keys, values, process)
    else:
        connection.execute(_SETTLE, [values | {"of": key} for key in keys])


class BudgetLedger:
    """Queries about budgets; a `core.interfaces.BudgetLedger`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @writes
    def reserve(
        self, connection: Connection, accounts: Sequence[Account], amount: Amount, day: date
    ) -> list[Standing]:
        """Hold `amount` for each account if all have room for it, else for none.

        Returns how they stood before.
        """
        keys = {find_key(connection, one): one for one in accounts}
        # Else two of them could take the last of a budget.
        take_turns(connection, *keys)
        standings = _read(connection, keys, day)
        if not any(standing.find_lack(amount) for standing in standings):
            new = {"day": day.isoformat(), **dict.fromkeys(USED, 0)}
            new |= dict(zip(HELD, amount, strict=True))
            rows = [new | {"account": key, "kind": one.kind} for key, one in keys.items()]
            connection.execute(_HOLD, rows)
            if process := self._database.process:
                hold_own(connection, keys, amount, day.isoformat(), process)
        return standings

    @writes
    def release(self, connection: Connection, settlement: Settlement) -> None:
        """Book what was paid, and hold less from now on."""
        settle(connection, settlement, self._database.process)

    @writes
    def release_all(self, connection: Connection, day: date) -> int:
        """Release what the only process held that has ended. Return from how many rows."""
        is_held = or_(*(_USE[name] > 0 for name in HELD))
        is_recent = _USE.day >= (day - HELD_FOR).isoformat()
        change = update(budget_uses).where(is_recent, is_held).values(dict.fromkeys(HELD, 0))
        return connection.execute(change).rowcount

    @reads
    def standings(
        self, connection: Connection, accounts: Sequence[Account], day: date
    ) -> list[Standing]:
        """Return how accounts stand on a day and in its month."""
        found = list[Standing]()
        for at in range(0, len(accounts), _MOST_AT_ONCE):
            some = {make_key(connection, one): one for one in accounts[at : at + _MOST_AT_ONCE]}
            found += _read(connection, some, day)
        return found

    @reads
    def top(
        self, connection: Connection, kind: AccountKind, budget: Budget, day: date, count: int
    ) -> list[Standing]:
        """Return who has used most on a day, under short ids that say nothing of who they are.

        budget: the limits of those who have not been given their own.
        """
        query = select(_USE.account, *(_USE[name] for name in USED))
        is_it = (_USE.day == day.isoformat()) & (_USE.kind == kind)
        rows = sorted(
            connection.execute(query.where(is_it)), key=lambda row: tuple(row[1:]), reverse=True
        )
        found = {
            row.account: Account(kind, name_account(row.account), budget) for row in rows[:count]
        }
        return _read(connection, found, day)

    @writes
    def set_budget(
        self, connection: Connection, account: Account, budget: Budget | None,
        operator: str, logged: str,
    ) -> None:  # fmt: skip
        """Give an account limits of its own, None to take them away again. Safe to repeat.

        operator, logged: who does it, and what the log of operators says of it.
        """
        note_action(connection, self._database.now(), operator, _ACTION, logged)
        key = find_key(connection, account)
        connection.execute(delete(budgets).where(budgets.c.account == key))
        if budget is not None:
            own = {"account": key, "kind": account.kind, "limits": show_budget(budget)}
            connection.execute(budgets.insert(), own)

    @writes
    def reset(
        self, connection: Connection, account: Account, day: date, operator: str, logged: str
    ) -> None:
        """Let an account begin anew in the month of a day. What is held stays held.

        operator, logged: as above.
        """
        note_action(connection, self._database.now(), operator, _ACTION, logged)
        month = f"{day:%Y-%m}"
        is_month = _USE.day.between(f"{month}-01", f"{month}-31")
        change = update(budget_uses).where(_USE.account == find_key(connection, account), is_month)
        connection.execute(change.values(dict.fromkeys(USED, 0)))

    async def own(self) -> list[tuple[AccountKind, str, Budget]]:
        """Return the limits that were given to somebody: kind, name or short id, limits."""
        query = select(budgets.c.kind, budgets.c.account, budgets.c.limits)
        query = query.where(budgets.c.kind != MOVED).order_by(budgets.c.account)
        rows = await self._database.rows(query)
        return [(row.kind, name_account(row.account), parse_budget(row.limits)) for row in rows]

    async def find(self, short_id: str, day: date) -> tuple[AccountKind, str] | None:
        """Return kind and name of who has used something on a day, or has limits of their own.

        The name is a digest, which stands for the id.
        """
        of_day = select(_USE.kind, _USE.account).where(_USE.day == day.isoformat())
        known = union_all(of_day, select(budgets.c.kind, budgets.c.account))
        for row in await self._database.rows(known):
            if row.kind in OF_PEOPLE and name_account(row.account) == short_id:
                return row.kind, row.account.partition("|")[2]
        return None

    @reads
    def short_id(self, connection: Connection, account: Account) -> str:
        """Return what stands for an account in lists."""
        return name_account(make_key(connection, account))


def _read(connection: Connection, accounts: Mapping[str, Account], day: date) -> list[Standing]:
    """Return how accounts stand. accounts: by what their rows are found by."""
    if not accounts:
        return []
    month, fresh = f"{day:%Y-%m}", (day - HELD_FOR).isoformat()
    key = {f"of{number}": account for number, account in enumerate(accounts)}
    key |= {"today": day.isoformat(), "fresh": fresh}
    key |= {"first": f"{month}-01", "last": f"{month}-31"}
    rows = sorted(connection.execute(_select_standings(len(accounts)), key), key=itemgetter(0))
    standings, size = [], len(USED)
    for (stored, account), (_, own, *sums) in zip(accounts.items(), rows, strict=True):
        starts = range(0, len(sums), size)
        amounts = [Amount(*(n or 0 for n in sums[at : at + size])) for at in starts]
        used, held = (dict(zip(BudgetPeriod, amounts[at::2], strict=True)) for at in (0, 1))
        limits = account.budget if own is None else parse_budget(own)
        standings.append(Standing(account, limits, used, held, stored))
    return standings
