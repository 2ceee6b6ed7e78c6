"""Keys of accounts: what their rows are found by, also those of a group that got a new id.

They say nothing of who it is. That stays so when the person's data are deleted: who has used a
budget up could begin anew.
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

from sqlalchemy import Connection, Table, bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from core.models import Account, Chat
from core.store.database.cipher import Cipher
from core.store.database.dialects import take_turns
from core.store.database.process_tables import budget_holds
from core.store.database.schema import budget_uses, budgets

#: No call takes longer: what is held since then was held by a process that ended.
HELD_FOR = timedelta(days=1)

#: Kinds of accounts whose names are ids.
OF_PEOPLE = ("person", "chat")

#: The kind of a row that stands for a group that moved: the day, and the key of its new account.
#: Calls that were under way then are booked on that one, whichever process makes them.
MOVED = "moved"

_NEW_BUDGET = insert(budgets)
_NOTE_MOVED = _NEW_BUDGET.on_conflict_do_update(
    index_elements=[budgets.c.account],
    set_={name: _NEW_BUDGET.excluded[name] for name in ("kind", "limits")},
)
_FOLLOW = select(budgets.c.limits).where(
    budgets.c.account == bindparam("of"), budgets.c.kind == MOVED
)


def make_key(connection: Connection, account: Account) -> str:
    """Return what the rows of an account are found by. Its name may be a digest already."""
    if account.kind not in OF_PEOPLE:
        return f"{account.kind}|{account.name}"
    cipher: Cipher = connection.dialect.hearsay_cipher  # type: ignore[attr-defined]
    return f"{account.kind}|{cipher.digest(b'account', account.name)}"


def find_key(connection: Connection, account: Account) -> str:
    """Return what the rows of an account are found by: those of a group that moved by its new key.

    Until the transaction ends, the group does not move.
    """
    key = make_key(connection, account)
    if account.kind == "chat":
        take_turns(connection, key)
        while moved := connection.execute(_FOLLOW, {"of": key}).scalar():
            _, _, key = moved.partition(" ")
            take_turns(connection, key)
    return key


def move_budget(connection: Connection, old: Chat, new: Chat, day: date) -> None:
    """Move the budget of a group that got a new id, with what it has used. Safe to repeat."""
    groups = map(Account.of_group, (old, new))
    before, after = (make_key(connection, group) for group in groups)
    if before == after:
        return
    take_turns(connection, before, after)
    # It may have moved the other way before.
    back = delete(budgets).where(budgets.c.account == after, budgets.c.kind == MOVED)
    connection.execute(back)
    moved = dict[Table, int]()
    for column in (budget_uses.c.account, budgets.c.account):
        known = select(column).where(column == after)
        if connection.execute(known).first() is None:
            change = update(column.table).where(column == before)
            moved[column.table] = connection.execute(change.values(account=after)).rowcount
    if moved.get(budget_uses):
        held = update(budget_holds).where(budget_holds.c.account == before)
        connection.execute(held.values(account=after))
        row = {"account": before, "kind": MOVED, "limits": f"{day.isoformat()} {after}"}
        connection.execute(_NOTE_MOVED, row)


def drop_moved(connection: Connection, day: date) -> int:
    """Delete what stands for groups that moved so long ago that no call is under way."""
    is_over = budgets.c.limits < (day - HELD_FOR).isoformat()
    return connection.execute(delete(budgets).where(budgets.c.kind == MOVED, is_over)).rowcount


def name_account(stored: str) -> str:
    """Return what an account is called: of people and groups a short id, the same each time."""
    kind, _, name = stored.partition("|")
    return f"#{hashlib.sha256(stored.encode()).hexdigest()[:6]}" if kind in OF_PEOPLE else name
