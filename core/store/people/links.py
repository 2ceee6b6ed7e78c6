"""Links between a person's accounts: codes, and what happens to choices.

Every account of a person holds the same choices: reading looks at one row, and whoever parts
keeps what held. A voice of one's own stays the account's that recorded it: parted, it goes back.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from enum import Enum, auto
from hmac import compare_digest
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from core.models import SpeechSettings
from core.store.database.connection import Database
from core.store.database.queries import now
from core.store.database.tables import link_codes, link_tries, people
from core.store.people.accounts import account_row, is_account, is_person

#: How long a code can be used, and for how long tries of a person are counted.
CODE_AGE = timedelta(minutes=10)
MAX_TRIES = 5
#: No signs that are taken for others.
_SIGNS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
#: 30**8 codes: with five tries of each of a million people the chance is one in 100,000.
_CODE_CHARS = 8


class LinkResult(Enum):
    """What came of a code."""

    LINKED = auto()
    #: Wrong, used or too old: these are not told apart.
    UNKNOWN = auto()
    #: Made by the account that tries it.
    OWN = auto()
    #: Both sides have an account on the same platform.
    SAME_PLATFORM = auto()
    TOO_MANY_TRIES = auto()


class Links:
    """Every query about links."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def offer(self, platform: str, person_id: str) -> str:
        """Return a new code of an account; it takes the place of an earlier one."""
        code = "".join(secrets.choice(_SIGNS) for _ in range(_CODE_CHARS))
        async with self._database.write() as connection:
            row = await account_row(connection, platform, person_id)
            moment = now(connection)
            await drop_codes(connection, moment, row.person_pk)
            values = {"person_pk": row.person_pk, "until_at": moment + CODE_AGE, "code": code}
            await connection.execute(link_codes.insert(), values)
        return code

    async def join(self, platform: str, person_id: str, code: str, job_id: str) -> LinkResult:
        """Link an account with the one that made `code`. The same job may do so again.

        Where both sides had chosen, the choices of this account hold; an opt-out holds for both.
        """
        async with self._database.write() as connection:
            offer = await _find_offer(connection, code)
            if offer and offer.job_id == job_id:
                return LinkResult.LINKED
            own = await account_row(connection, platform, person_id)
            if not await _may_try(connection, own.person_pk):
                return LinkResult.TOO_MANY_TRIES
            if offer is None or offer.job_id:
                return LinkResult.UNKNOWN
            outcome = await _unite(connection, own, offer.person_pk)
            if outcome is LinkResult.LINKED:
                used = update(link_codes).where(link_codes.c.person_pk == offer.person_pk)
                await connection.execute(used.values(job_id=job_id))
            return outcome

    async def void(self, code: str) -> None:
        """Make a code void that others may have seen."""
        async with self._database.write() as connection:
            if offer := await _find_offer(connection, code):
                await drop_codes(connection, now(connection), offer.person_pk)

    async def part(self, platform: str, person_id: str) -> None:
        """Part an account from all others, and make its open code void. Safe to repeat."""
        async with self._database.write() as connection:
            own = await account_row(connection, platform, person_id)
            await drop_codes(connection, now(connection), own.person_pk)
            change = update(people).where(people.c.person_pk == own.person_pk)
            await connection.execute(change.values(identity=None))

    async def others(self, platform: str, person_id: str) -> list[str]:
        """Return the platforms of the accounts that this one is linked with."""
        query = select(people.c.platform).where(
            is_person(platform, person_id), ~is_account(platform, person_id)
        )
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(people.c.platform))
            return [row.platform for row in found]


async def drop_codes(
    connection: AsyncConnection, moment: datetime, person_pk: int | None = None
) -> int:
    """Delete the codes that are too old at `moment`, and those of a person. Return how many."""
    is_over = or_(link_codes.c.until_at <= moment, link_codes.c.person_pk == person_pk)
    return (await connection.execute(delete(link_codes).where(is_over))).rowcount


async def _find_offer(connection: AsyncConnection, code: str) -> Any:
    """Return the row of a code that is not too old, None if there is none.

    Codes are few and sealed, so all are opened.
    """
    typed = re.sub("[^A-Z0-9]", "", code.upper()).encode()
    query = select(link_codes).where(link_codes.c.until_at > now(connection))
    rows = (await connection.execute(query)).all()
    return next((row for row in rows if compare_digest(row.code.encode(), typed)), None)


async def _may_try(connection: AsyncConnection, person_pk: int) -> bool:
    """Count a try; False, and not counted, after too many."""
    is_old = link_tries.c.tried_at <= now(connection) - CODE_AGE
    await connection.execute(delete(link_tries).where(is_old))
    tries = select(func.count()).where(link_tries.c.person_pk == person_pk)
    if int((await connection.execute(tries)).scalar() or 0) >= MAX_TRIES:
        return False
    values = {"person_pk": person_pk, "tried_at": now(connection)}
    await connection.execute(link_tries.insert(), values)
    return True


async def _unite(connection: AsyncConnection, own: Any, other_pk: int) -> LinkResult:
    """Make one person of the account `own` and another, with all that each is linked with."""
    query = select(people).where(people.c.person_pk == other_pk)
    other = (await connection.execute(query)).one()
    if own.person_pk == other.person_pk:
        return LinkResult.OWN
    if own.identity and own.identity == other.identity:
        return LinkResult.LINKED
    is_either = or_(_is_same(own), _is_same(other))
    rows = (await connection.execute(select(people).where(is_either))).all()
    if len({row.platform for row in rows}) < len(rows):
        return LinkResult.SAME_PLATFORM
    mine, theirs = own.speech or SpeechSettings(), other.speech or SpeechSettings()
    values = {
        "identity": secrets.token_hex(8),
        "speech": SpeechSettings(mine.voice or theirs.voice, mine.style or theirs.style),
        "is_opted_out": any(row.is_opted_out for row in rows),
    }
    await connection.execute(update(people).where(is_either).values(values))
    return LinkResult.LINKED


def _is_same(row: Any) -> ColumnElement[bool]:
    """Return the condition for every account of the person of a row."""
    return is_person(row.platform, row.person_id)
