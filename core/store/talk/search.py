"""Search in remembered talk. It decrypts many rows at once, so it is called in a thread."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from sqlalchemy import type_coerce
from sqlalchemy.types import NullType

from core.glossary import apply as glossary
from core.models import Correction, RememberedMessage
from core.store.database.cipher import Cipher
from core.store.database.encryption import Encrypted
from core.store.database.tables import remembered
from core.text.scripts import LETTER, UNSPACED

#: Prefix of ids from before their chat got a new id: message ids start over there.
MOVED = "old:"
#: The columns that are read here; encrypted ones are not decrypted by the database.
COLUMNS = (
    remembered.c.remembered_pk,
    remembered.c.message_id,
    type_coerce(remembered.c.content, NullType()).label("content"),
    type_coerce(remembered.c.transcript, NullType()).label("transcript"),
)
_CONTENT = cast(Encrypted, remembered.c.content.type)
_TRANSCRIPT = cast(Encrypted, remembered.c.transcript.type)

#: Unspaced scripts are searched by run, unlike `core.text.scripts.WORD`.
_WORD = re.compile(rf"[{UNSPACED}]+|{LETTER}+")


def read_rows(rows: Sequence[Any], cipher: Cipher) -> list[RememberedMessage]:
    """Return the messages of `rows`, each with its transcript."""
    return [
        _read(name, *_decrypt(cipher, content, transcript)) for _, name, content, transcript in rows
    ]


def find_rows(
    rows: Sequence[Any], search: Search, cipher: Cipher, limit: int
) -> list[RememberedMessage]:
    """Return the first `limit` messages of `rows` that match."""
    found: list[RememberedMessage] = []
    for _, message_id, *encrypted in rows:
        content, transcript = _decrypt(cipher, *encrypted)
        # Most messages are skipped as bytes: parsing one takes longer than decrypting it.
        if not search.may_match(content, transcript):
            continue
        message = _read(message_id, content, transcript)
        if search.matches(message):
            found.append(message)
            if len(found) == limit:
                break
    return found


class Search:
    """Words that a message must contain, all of them, whole or as beginnings of words.

    Case is ignored; Chinese and Japanese words match anywhere.
    """

    def __init__(self, words: str, corrections: tuple[Correction, ...] = ()) -> None:
        """corrections: the glossary of the chat: transcripts are searched as they are shown."""
        self._corrections = corrections
        self.words = tuple(dict.fromkeys(_WORD.findall(words.casefold())))
        self._patterns = [build_pattern(word) for word in self.words]
        self._forms = [(word, *_uncorrected_forms(word, corrections)) for word in self.words]
        self._plain_forms = [[form.encode() for form in forms] for forms in self._forms]

    def may_match(self, content: bytes, transcript: bytes) -> bool:
        """Return whether a message in this JSON may match."""
        whole = content + transcript
        if whole.isascii():
            return _contains(whole.lower(), self._plain_forms)
        return _contains(whole.decode().casefold(), self._forms)

    def matches(self, message: RememberedMessage) -> bool:
        """Return whether a message matches."""
        found = message.transcript
        corrections = glossary.select_for(self._corrections, message.speaker_id)
        if found and found.edited_from:
            corrections = ()
        transcript = glossary.apply(found.text, corrections) if found else ""
        return self.matches_text(f"{message.text}\n{transcript}")

    def matches_text(self, text: str) -> bool:
        """Return whether a text has all the words."""
        whole = text.casefold()
        return bool(self.words) and all(pattern.search(whole) for pattern in self._patterns)


def _contains(whole: Any, words: Sequence[Sequence[Any]]) -> bool:
    """Return whether `whole` contains a form of each word. Plain loops: every message needs it."""
    for forms in words:
        for form in forms:
            if form in whole:
                break
        else:
            return False
    return True


def build_pattern(word: str) -> re.Pattern[str]:
    """Return the pattern that finds a word of a search in a text."""
    begin = "" if re.match(f"[{UNSPACED}]", word) else f"(?<!{LETTER})"
    return re.compile(begin + re.escape(word), re.IGNORECASE)


def _uncorrected_forms(word: str, corrections: tuple[Correction, ...]) -> list[str]:
    return [c.heard.casefold().split()[0] for c in corrections if word in c.meant.casefold()]


def _decrypt(cipher: Cipher, content: bytes, transcript: bytes | None) -> tuple[bytes, bytes]:
    heard = b"" if transcript is None else _TRANSCRIPT.open(transcript, cipher)
    return _CONTENT.open(content, cipher), heard


def _read(message_id: str, content: bytes, transcript: bytes) -> RememberedMessage:
    message: RememberedMessage = _CONTENT.read(content)
    if transcript:
        message = replace(message, transcript=_TRANSCRIPT.read(transcript))
    if message_id.startswith(MOVED):
        quoted = message.reply_to and f"{MOVED}{message.reply_to}"
        message = replace(message, message_id=message_id, reply_to=quoted)
    return message
