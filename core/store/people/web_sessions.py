"""Sessions of the web page: which person the key in a browser's cookie belongs to.

A browser's first key needs no row: the person's id is made from it. Once the session is renewed,
the person's row holds the hash of the key that counts, and all earlier keys have ended.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from sqlalchemy import Connection, or_, select, update

from core.models import PAGE, PAGE_BOT, Chat
from core.store.database.queries import Database, is_chat_of, writes
from core.store.database.tables import chats, people
from core.store.people.accounts import account_row, is_account


class WebSessions:
    """Queries about the keys of browsers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_person(self, key: str) -> str:
        """Return the id of the person whom a key belongs to, "" for a first one that has ended.

        A later one that has ended is, like one that was never given, that of a new person.
        """
        digest = _hash(key)
        rows = await self._database.rows(_select(digest))
        person_id = _read_person(rows, digest)
        if any(row.next_session_hash == digest for row in rows):
            await self._switch(digest)
        return person_id

    @writes
    def renew(self, connection: Connection, key: str, *, is_over: bool) -> str:
        """Return a new key for the person of `key`.

        The old one ends when the new one is used first, so that a response that gets lost locks
        nobody out; if is_over, it ends at once. The new key of somebody who has stored nothing, or
        whose key has ended, is that of a new person.
        """
        digest, new = _hash(key), secrets.token_urlsafe(32)
        person_id = _read_person(connection.execute(_select(digest)).all(), digest)
        if not person_id or not _has_data(connection, person_id):
            return new
        row = account_row(connection, PAGE, person_id)
        current, following = (_hash(new), None) if is_over else (digest, _hash(new))
        change = update(people).where(people.c.person_pk == row.person_pk)
        connection.execute(change.values(session_hash=current, next_session_hash=following))
        return new

    @writes
    def _switch(self, connection: Connection, digest: str) -> None:
        is_next = people.c.next_session_hash == digest
        change = update(people).where(is_next)
        connection.execute(change.values(session_hash=digest, next_session_hash=None))


def _select(digest: str) -> Any:
    is_key = (people.c.session_hash == digest) | (people.c.next_session_hash == digest)
    is_first = is_account(PAGE, _first_person(digest))
    return select(people).where(or_(is_key, is_first))


def _read_person(rows: Any, digest: str) -> str:
    for row in rows:
        if digest in (row.session_hash, row.next_session_hash):
            return str(row.address)
    # Only the row of the person whose first key this was can be left.
    is_first = not rows or rows[0].session_hash is None
    return _first_person(digest) if is_first else ""


def _has_data(connection: Connection, person_id: str) -> bool:
    is_theirs = is_chat_of(Chat(PAGE, PAGE_BOT, person_id))
    has_chat = connection.execute(select(chats.c.chat_pk).where(is_theirs).limit(1)).first()
    own = select(people.c.person_pk).where(is_account(PAGE, person_id))
    return bool(has_chat or connection.execute(own).first())


def _first_person(digest: str) -> str:
    return digest[:32]


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
