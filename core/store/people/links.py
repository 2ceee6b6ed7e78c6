"""Links between a person's accounts: link codes, and settings that are merged.

Every linked account has a copy of the same settings, so reading them needs one row, and an account
keeps them when it is unlinked. A cloned voice belongs to the account that recorded it.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from enum import Enum, auto
from functools import partial
from hmac import compare_digest
from typing import Any

from sqlalchemy import Connection, delete, func, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from core.models import SpeechSettings
from core.privacy.periods import CODES_KEPT
from core.store.database.dialects import take_turns
from core.store.database.queries import Database, writes
from core.store.database.tables import link_codes, link_tries, people
from core.store.people.accounts import (
    TURNS_OF_PEOPLE,
    account_row,
    accounts_of,
    is_account,
    is_person,
)

MAX_TRIES = 5
#: Without characters that are mistaken for others.
_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
#: 30**8 codes: five attempts each by a million people succeed with a chance of 1 in 100,000.
_CODE_CHARS = 8


class LinkResult(Enum):
    """The result of using a code."""

    LINKED = auto()
    #: Wrong, used or expired: not distinguished on purpose.
    UNKNOWN = auto()
    #: Created by the account that uses it.
    OWN = auto()
    #: Both sides have an account on the same platform.
    SAME_PLATFORM = auto()
    TOO_MANY_TRIES = auto()


class Links:
    """Queries about linked accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @writes
    def create_code(self, connection: Connection, platform: str, person_id: str) -> str:
        """Return a new code for an account. It replaces an earlier one."""
        take_turns(connection, TURNS_OF_PEOPLE)
        code = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_CHARS))
        row = account_row(connection, platform, person_id)
        now = self._database.now()
        drop_codes(connection, now, row.person_pk)
        values = {"person_pk": row.person_pk, "until_at": now + CODES_KEPT, "code": code}
        connection.execute(link_codes.insert(), values)
        return code

    @writes
    def link(
        self, connection: Connection, platform: str, person_id: str, code: str, job_id: str
    ) -> LinkResult:
        """Link an account with the one that created `code`. The same job may repeat it.

        Where both have a setting, this account's holds; an opt-out of either holds for both.
        """
        take_turns(connection, TURNS_OF_PEOPLE)
        now = self._database.now()
        found = _find_code(connection, code, now)
        if found and found.job_id == job_id:
            return LinkResult.LINKED
        own = account_row(connection, platform, person_id)
        if not _may_try(connection, own.person_pk, now):
            return LinkResult.TOO_MANY_TRIES
        if found is None or found.job_id:
            return LinkResult.UNKNOWN
        outcome = _link(connection, own, found.person_pk)
        if outcome is LinkResult.LINKED:
            used = update(link_codes).where(link_codes.c.person_pk == found.person_pk)
            connection.execute(used.values(job_id=job_id))
        return outcome

    @writes
    def revoke_code(self, connection: Connection, code: str) -> None:
        """Delete a code that others may have seen."""
        now = self._database.now()
        if found := _find_code(connection, code, now):
            drop_codes(connection, now, found.person_pk)

    @writes
    def unlink(self, connection: Connection, platform: str, person_id: str) -> None:
        """Unlink an account from all others, and delete its code. Safe to repeat."""
        take_turns(connection, TURNS_OF_PEOPLE)
        own = account_row(connection, platform, person_id)
        drop_codes(connection, self._database.now(), own.person_pk)
        change = update(people).where(people.c.person_pk == own.person_pk)
        connection.execute(change.values(identity=None))

    async def accounts(self, platform: str, person_id: str) -> frozenset[tuple[str, str]]:
        """Return platform and id of every account of a person, this one included."""
        find = partial(accounts_of, platform=platform, person_id=person_id)
        return frozenset(await self._database.read(find))

    async def linked_platforms(self, platform: str, person_id: str) -> list[str]:
        """Return the platforms of the accounts that this one is linked with."""
        query = select(people.c.platform).where(
            is_person(platform, person_id), ~is_account(platform, person_id)
        )
        return sorted(row.platform for row in await self._database.rows(query))


def drop_codes(connection: Connection, now: datetime, person_pk: int | None = None) -> int:
    """Delete the codes that have expired at `now`, and those of a person. Return how many."""
    is_over = or_(link_codes.c.until_at <= now, link_codes.c.person_pk == person_pk)
    return connection.execute(delete(link_codes).where(is_over)).rowcount


def _find_code(connection: Connection, code: str, now: datetime) -> Any:
    """Return the row of a code that has not expired, None if there is none.

    Codes are few and encrypted, so all are decrypted.
    """
    typed = re.sub("[^A-Z0-9]", "", code.upper()).encode()
    query = select(link_codes).where(link_codes.c.until_at > now)
    rows = connection.execute(query).all()
    return next((row for row in rows if compare_digest(row.code.encode(), typed)), None)


def _may_try(connection: Connection, person_pk: int, now: datetime) -> bool:
    """Count an attempt. Return False, without counting it, after too many."""
    is_old = link_tries.c.tried_at <= now - CODES_KEPT
    connection.execute(delete(link_tries).where(is_old))
    tries = select(func.count()).where(link_tries.c.person_pk == person_pk)
    if int(connection.execute(tries).scalar() or 0) >= MAX_TRIES:
        return False
    values = {"person_pk": person_pk, "tried_at": now}
    connection.execute(link_tries.insert(), values)
    return True


def _link(connection: Connection, own: Any, other_pk: int) -> LinkResult:
    """Link the account `own` with another, and with all accounts that either is linked with."""
    query = select(people).where(people.c.person_pk == other_pk)
    other = connection.execute(query).one()
    if own.person_pk == other.person_pk:
        return LinkResult.OWN
    if own.identity and own.identity == other.identity:
        return LinkResult.LINKED
    is_either = or_(_is_same(own), _is_same(other))
    rows = connection.execute(select(people).where(is_either)).all()
    if len({row.platform for row in rows}) < len(rows):
        return LinkResult.SAME_PLATFORM
    mine, theirs = own.speech or SpeechSettings(), other.speech or SpeechSettings()
    values = {
        "identity": secrets.token_hex(8),
        "speech": SpeechSettings(
            mine.voice or theirs.voice,
            mine.style or theirs.style,
            mine.language or theirs.language,
            mine.clone_tries + theirs.clone_tries,
        ),
        "is_opted_out": any(row.is_opted_out for row in rows),
    }
    connection.execute(update(people).where(is_either).values(values))
    return LinkResult.LINKED


def _is_same(row: Any) -> ColumnElement[bool]:
    """Return the condition for every account of the person of a row."""
    return is_person(row.platform, row.person_id)
