"""What people own beside their messages: settings, voices, styles, corrections, digests, links."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, delete, select, tuple_, update

from core.models import ChatSettings, Correction
from core.store.database.dialects import take_turns
from core.store.database.queries import build_settings, read_settings
from core.store.database.tables import (
    chats,
    link_codes,
    link_tries,
    newcomers,
    people,
    readers,
    schedules,
    sounds,
    voices,
)
from core.store.people.accounts import TURNS_OF_PEOPLE
from core.store.people.voices import hash_of
from core.store.talk.forgotten import ForgottenCounts


def drop_belongings(
    connection: Connection,
    chat_pk: int,
    authors: Collection[str] | None,
    counts: ForgottenCounts,
) -> None:
    """Delete what people have made in a chat, such as voices, and how far they have read it.

    authors: their ids, "" where it is not known who made something. None = everybody.
    """

    def is_theirs(by: str) -> bool:
        return authors is None or by in authors

    for table in (readers, newcomers):
        is_one = table.c.chat_pk == chat_pk
        if authors is not None:
            is_one &= table.c.person_id.in_(authors)
        deleted = connection.execute(delete(table).where(is_one)).rowcount
        counts.positions += deleted if table is readers else 0
    found = connection.execute(select(schedules).where(schedules.c.chat_pk == chat_pk))
    for row in [row for row in found if is_theirs(row.content.by)]:
        is_it = schedules.c.schedule_id == row.schedule_id
        counts.digests += connection.execute(delete(schedules).where(is_it)).rowcount
    found = connection.execute(select(voices).where(voices.c.chat_pk == chat_pk))
    drop_voices(connection, [row for row in found if is_theirs(row.content.by)], counts)
    counts.corrections += _drop_corrections(connection, chat_pk, is_theirs)
    if _drop_style(connection, chat_pk, is_theirs):
        counts.reset.add(chat_pk)


def _drop_corrections(
    connection: Connection, chat_pk: int, is_theirs: Callable[[str], bool]
) -> int:
    """Delete the corrections that people have given, and return how many."""
    is_here = chats.c.chat_pk == chat_pk
    talk = connection.execute(select(chats.c.talk).where(is_here).with_for_update()).scalar()
    before: tuple[Correction, ...] = talk.glossary if talk else ()
    kept = tuple(one for one in before if not is_theirs(one.by))
    if talk and len(kept) < len(before):
        change = update(chats).where(is_here)
        connection.execute(change.values(talk=replace(talk, glossary=kept)))
    return len(before) - len(kept)


def _drop_style(connection: Connection, chat_pk: int, is_theirs: Callable[[str], bool]) -> bool:
    """Delete the speaking style of a chat. Return False if it has none, or somebody else's."""
    is_here = chats.c.chat_pk == chat_pk
    speech = connection.execute(select(chats.c.speech).where(is_here).with_for_update()).scalar()
    if not (speech and speech.style and is_theirs(speech.style_by)):
        return False
    change = update(chats).where(is_here)
    connection.execute(change.values(speech=replace(speech, style="", style_by="")))
    return True


def drop_voices(connection: Connection, rows: Sequence[Any], counts: ForgottenCounts) -> None:
    """Delete saved voices with their samples and all audio that was made with them."""
    for row in rows:
        is_it = voices.c.voice_id == row.voice_id
        counts.voices += connection.execute(delete(voices).where(is_it)).rowcount
        spoken = sounds.c.sample == hash_of(row.content)
        counts.sounds += connection.execute(delete(sounds).where(spoken)).rowcount


def reset_chat(connection: Connection, chat_pk: int, counts: ForgottenCounts) -> None:
    """Give a chat the settings of a new one. The channel of a private thread is no setting."""
    is_it = chats.c.chat_pk == chat_pk
    row = connection.execute(select(chats).where(is_it)).one()
    if read_settings(row) != ChatSettings() or row.no_voice_at is not None:
        counts.reset.add(chat_pk)
    empty = {"no_voice_at": None, "subject": None}
    change = update(chats).where(is_it)
    connection.execute(change.values(**build_settings(ChatSettings()), **empty))


def drop_accounts(
    connection: Connection, accounts: Collection[tuple[str, str]], counts: ForgottenCounts
) -> None:
    """Delete accounts, by platform and id, with their settings, links and voices.

    Of those who opted out only that is kept, so that it stays in force.
    """
    take_turns(connection, TURNS_OF_PEOPLE)
    is_one = tuple_(people.c.platform, people.c.person_id).in_(accounts)
    rows = connection.execute(select(people).where(is_one).with_for_update()).all()
    keys = [row.person_pk for row in rows]
    for table in (link_codes, link_tries):
        connection.execute(delete(table).where(table.c.person_pk.in_(keys)))
    found = connection.execute(select(voices).where(voices.c.person_pk.in_(keys))).all()
    drop_voices(connection, found, counts)
    counts.accounts += sum(bool(row.speech or row.identity) for row in rows)
    out = [row.person_pk for row in rows if row.is_opted_out]
    change = update(people).where(people.c.person_pk.in_(out))
    empty = dict.fromkeys(("speech", "identity", "session_hash", "next_session_hash"))
    connection.execute(change.values(empty))
    is_gone = people.c.person_pk.in_(keys) & people.c.person_pk.not_in(out)
    connection.execute(delete(people).where(is_gone))
