"""Accounts: a person has one per platform, and several once they are linked."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, or_, select
from sqlalchemy.sql.elements import ColumnElement

from core.store.database.queries import insert_new
from core.store.database.tables import people

#: Links change the settings of several accounts: few are made, one after the other.
TURNS_OF_PEOPLE = "people"
_OWN = people.alias("own")
#: Built once: every message waits for it.
SPEECH = select(people.c.speech).where(
    people.c.platform == bindparam("of_platform"), people.c.person_id == bindparam("of_person")
)


def is_person(platform: str, person_id: str) -> ColumnElement[bool]:
    """Return the condition for every account of the person who has this one."""
    is_own = (_OWN.c.platform == platform) & (_OWN.c.person_id == person_id)
    identity = select(_OWN.c.identity).where(is_own).scalar_subquery()
    return or_(is_account(platform, person_id), people.c.identity == identity)


def is_account(platform: str, person_id: str) -> ColumnElement[bool]:
    """Return the condition for one account."""
    return (people.c.platform == platform) & (people.c.person_id == person_id)


def account_row(connection: Connection, platform: str, person_id: str) -> Any:
    """Return the row of an account, inserted if it is new."""
    values = {"platform": platform, "person_id": person_id, "address": person_id}
    connection.execute(insert_new(people), values)
    return connection.execute(select(people).where(is_account(platform, person_id))).one()


def accounts_of(connection: Connection, platform: str, person_id: str) -> set[tuple[str, str]]:
    """Return platform and id of every account of a person, this one included."""
    query = select(people.c.platform, people.c.address).where(is_person(platform, person_id))
    found = connection.execute(query)
    return {(platform, person_id), *((row.platform, row.address) for row in found)}
