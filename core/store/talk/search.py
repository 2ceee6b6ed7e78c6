"""Many sealed rows of talk read at once: called in a thread, so that nothing else waits for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from sqlalchemy import type_coerce
from sqlalchemy.types import NullType

from core import glossary
from core.models import Correction, RememberedMessage
from core.store.database.encryption import Cipher, Sealed
from core.store.database.tables import remembered
from core.text.scripts import LETTER, UNSPACED

#: Stands before the ids that messages had before their chat got a new id: ids begin anew there.
MOVED = "old:"
#: What a row must have to be read here; the sealed columns come as they lie.
COLUMNS = (
    remembered.c.remembered_pk,
    remembered.c.message_id,
    type_coerce(remembered.c.content, NullType()).label("content"),
    type_coerce(remembered.c.transcript, NullType()).label("transcript"),
)
_CONTENT = cast(Sealed, remembered.c.content.type)
_TRANSCRIPT = cast(Sealed, remembered.c.transcript.type)

#: Unspaced scripts are searched by run, unlike `core.text.scripts.WORD`.
_WORD = re.compile(rf"[{UNSPACED}]+|{LETTER}+")


def read_rows(rows: Sequence[Any], cipher: Cipher) -> list[RememberedMessage]:
    """Return the messages of `rows`, each with what its recording says."""
    return [_read(name, *_open(cipher, sealed, heard)) for _, name, sealed, heard in rows]


def find_rows(
    rows: Sequence[Any], search: Search, cipher: Cipher, limit: int
) -> list[RememberedMessage]:
    """Return the first `limit` messages of `rows` that hold what is searched."""
    found: list[RememberedMessage] = []
    for _, message_id, sealed, sealed_heard in rows:
        content, heard = _open(cipher, sealed, sealed_heard)
        # Most messages are passed over as bytes: to read one takes longer than to decrypt it.
        if not search.may_be_in(content, heard):
            continue
        message = _read(message_id, content, heard)
        if search.is_in(message):
            found.append(message)
            if len(found) == limit:
                break
    return found


class Search:
    """Words that a message must hold, all of them: whole or as the beginnings of words.

    Case makes no difference; Chinese and Japanese are found anywhere.
    """

    def __init__(self, words: str, corrections: tuple[Correction, ...] = ()) -> None:
        """corrections: what is heard wrongly in this chat; transcripts are searched as shown."""
        self._corrections = corrections
        self.words = tuple(dict.fromkeys(_WORD.findall(words.casefold())))
        self._patterns = [build_pattern(word) for word in self.words]
        self._forms = [(word, *_heard_forms(word, corrections)) for word in self.words]
        self._plain_forms = [[form.encode() for form in forms] for forms in self._forms]

    def may_be_in(self, content: bytes, heard: bytes) -> bool:
        """Tell whether a message with these bytes, JSON still, may hold the words."""
        whole = content + heard if heard else content
        if whole.isascii():
            return _holds(whole.lower(), self._plain_forms)
        return _holds(whole.decode().casefold(), self._forms)

    def is_in(self, message: RememberedMessage) -> bool:
        """Tell whether a message holds the words."""
        heard = message.transcript.text if message.transcript else ""
        whole = f"{message.text}\n{glossary.apply(heard, self._corrections)}".casefold()
        return bool(self.words) and all(pattern.search(whole) for pattern in self._patterns)


def _holds(whole: Any, words: Sequence[Sequence[Any]]) -> bool:
    """Tell whether `whole` holds a form of each word. Loops: it is called for each message."""
    for forms in words:
        for form in forms:
            if form in whole:
                break
        else:
            return False
    return True


def build_pattern(word: str) -> re.Pattern[str]:
    """Return what finds a word of a search in a text, at its place."""
    begin = "" if re.match(f"[{UNSPACED}]", word) else f"(?<!{LETTER})"
    return re.compile(begin + re.escape(word), re.IGNORECASE)


def _heard_forms(word: str, corrections: tuple[Correction, ...]) -> list[str]:
    return [c.heard.casefold().split()[0] for c in corrections if word in c.meant.casefold()]


def _open(cipher: Cipher, content: bytes, heard: bytes | None) -> tuple[bytes, bytes]:
    plain = cipher.decrypt(content, _CONTENT.place)
    return plain, b"" if heard is None else cipher.decrypt(heard, _TRANSCRIPT.place)


def _read(message_id: str, content: bytes, heard: bytes) -> RememberedMessage:
    message: RememberedMessage = _CONTENT.read(content)
    if heard:
        message = replace(message, transcript=_TRANSCRIPT.read(heard))
    if message_id.startswith(MOVED):
        quoted = message.reply_to and f"{MOVED}{message.reply_to}"
        message = replace(message, message_id=message_id, reply_to=quoted)
    return message
