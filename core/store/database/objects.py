"""Which object belongs to which row; in transactions of the caller."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, or_, select, update
from sqlalchemy.sql.elements import SQLCoreOperations

from core.errors import ConfigError, StoreError, UserError
from core.locale import mark
from core.models import Reply
from core.store.database.cipher import Cipher
from core.store.database.schema import objects
from core.store.database.tables import blobs, jobs, sounds, voices

#: What an object belongs to: a recording by its id, speech by its key, a voice and a reply by the
#: id of the voice and of the job.
RECORDING, SOUND, VOICE, REPLY = "recording", "sound", "voice", "reply"
#: What belonged to something that was replaced or deleted.
NOBODY = ""

_IS_USED = {
    SOUND: exists().where(sounds.c.key == objects.c.owner),
    VOICE: exists().where(voices.c.voice_id == objects.c.owner),
    REPLY: exists().where(jobs.c.job_id == objects.c.owner, jobs.c.reply.is_not(None)),
}
#: A recording that never came with a message belongs to nobody else, but perhaps to a process.
IS_WITHOUT_MESSAGE = (objects.c.kind == RECORDING) & ~exists().where(
    blobs.c.blob_id == objects.c.owner
)
#: Its row was deleted, or refers to another one now.
IS_UNUSED: ColumnElement[bool] = or_(
    objects.c.kind == NOBODY,
    *(and_(objects.c.kind == kind, ~is_used) for kind, is_used in _IS_USED.items()),
)


class SoundGone(UserError):
    """What was stored outside the database is not there any more.

    is_damaged: it is there, but not as it was written.
    """

    user_text = mark("This recording is no longer stored. Please send it again.")

    def __init__(self, *, is_damaged: bool = False) -> None:
        super().__init__()
        self.is_damaged = is_damaged


#: Written so that SQLite uses an index.
_ANY = select(objects.c.object_key).where(objects.c.key_id >= "").limit(1)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that was written just now."""

    #: Random.
    key: str
    #: Of the key that has encrypted it, in hexadecimal digits.
    key_id: str
    #: Of its content.
    size_bytes: int
    written_at: datetime


def link(
    connection: Connection, stored: StoredObject, kind: str, owner: str, number: int = 0
) -> None:
    """Let an object belong to a row, instead of the one before.

    Raises StoreError if its key was replaced since it was written.
    """
    cipher: Cipher = connection.dialect.hearsay_cipher  # type: ignore[attr-defined]
    if stored.key_id != cipher.key_id.hex():
        raise StoreError("the key was replaced while sound was stored")
    disown(connection, kind, objects.c.owner == owner, objects.c.number == number)
    values: dict[str, object] = {
        "object_key": stored.key,
        "kind": kind,
        "owner": owner,
        "number": number,
    }
    values |= {"size_bytes": stored.size_bytes, "key_id": stored.key_id}
    values |= {"created_at": stored.written_at}
    connection.execute(objects.insert(), values)


def disown(connection: Connection, kind: str, *is_it: SQLCoreOperations[bool]) -> None:
    """Let objects belong to nobody, so that they are deleted next."""
    change = update(objects).where(objects.c.kind == kind, *is_it)
    connection.execute(change.values(kind=NOBODY, owner=objects.c.object_key))


def drop_files(connection: Connection, before: Reply | None, after: Reply | None = None) -> None:
    """Let the files of a reply that is replaced by another one belong to nobody."""
    kept = {file.object_key for file in after.files} if after else set[str]()
    gone = {file.object_key for file in before.files} - kept if before else set[str]()
    if gone:
        disown(connection, REPLY, objects.c.object_key.in_(gone))


def refuse_objects(connection: Connection) -> None:
    """Raise ConfigError if sound stands outside the database: nobody knows where."""
    if connection.execute(_ANY).first():
        raise ConfigError(
            "STORAGE_URL is not set, and this database has sound there. Set it as it was."
        )


def find_known(connection: Connection, keys: Collection[str]) -> set[str]:
    """Return those of `keys` that belong, or belonged, to a row."""
    query = select(objects.c.object_key).where(objects.c.object_key.in_(keys))
    return set(connection.execute(query).scalars())


def forget_unused(
    keys: Collection[str], is_unused: ColumnElement[bool], connection: Connection
) -> int:
    """Delete the rows of objects that were deleted, and return how many."""
    is_it = objects.c.object_key.in_(keys) & is_unused
    return connection.execute(delete(objects).where(is_it)).rowcount
