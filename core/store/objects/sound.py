"""Recordings, synthesized speech and samples of voices, kept outside the database."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from functools import partial

import structlog
from sqlalchemy import Connection, bindparam, delete, select

from core.errors import StoreError
from core.interfaces import Recording
from core.models import Audio, Chat, SavedVoice, Settlement, Usage
from core.store.database.objects import RECORDING, SOUND, VOICE, SoundGone, disown, link
from core.store.database.queries import Database
from core.store.database.schema import objects
from core.store.database.tables import blobs, sounds
from core.store.objects.index import ObjectIndex
from core.store.people.voices import Voices, hash_of, hash_sample
from core.store.recordings import Recordings, StoredRecording
from core.store.work.results import Payment, Results

log = structlog.get_logger()

_SOUND = (
    select(sounds.c.key, sounds.c.content, objects.c.object_key)
    .outerjoin(objects, (objects.c.kind == SOUND) & (objects.c.owner == sounds.c.key))
    .where(sounds.c.key == bindparam("of"))
)


class OutsideRecordings(Recordings):
    """Each piece is an object. Recordings from before stay in their rows until they expire."""

    def __init__(self, database: Database, index: ObjectIndex) -> None:
        super().__init__(database)
        self._index = index
        #: Those that this process had, and that never came with a message.
        self._mine: set[str] = set()

    def _leave(self, *blob_ids: str) -> None:
        super()._leave(*blob_ids)
        self._mine.update(blob_ids)

    def drop(self, connection: Connection, message_pks: Collection[int]) -> int:
        """Take the recordings of messages from them, and return how many there were."""
        theirs = select(blobs.c.blob_id).where(blobs.c.message_pk.in_(message_pks))
        disown(connection, RECORDING, objects.c.owner.in_(theirs))
        return super().drop(connection, message_pks)

    async def find(self, chat: Chat, message_id: str) -> Recording | None:
        """Return the recording that came with a message, None if it is no longer kept."""
        with suppress(SoundGone):
            return await super().find(chat, message_id)
        return None

    async def open(self, blob_id: str) -> Recording:
        """Return a recording. Raises StoreError, SoundGone."""
        pieces = await self._index.find(RECORDING, blob_id)
        if not pieces:
            return await super().open(blob_id)
        if len(pieces) == 1:
            return await self._index.get(pieces[0].object_key)
        return StoredRecording(self, blob_id, sum(piece.size_bytes for piece in pieces))

    async def add_piece(self, blob_id: str, number: int, piece: bytes) -> None:
        """Store a piece. The first one makes room: what was left here is deleted."""
        if not number and self._mine:
            await self.sweep()
        stored = await self._index.put(piece)
        await self._database.write(lambda one: link(one, stored, RECORDING, blob_id, number))

    async def read_piece(self, blob_id: str, number: int) -> bytes:
        """Return a piece. Raises StoreError, SoundGone."""
        for piece in await self._index.find(RECORDING, blob_id):
            if piece.number == number:
                return await self._index.get(piece.object_key)
        return await super().read_piece(blob_id, number)

    async def sweep(self, *, is_thorough: bool = False) -> int:
        """Delete all sound that belongs to nothing any more, and return the number of pieces.

        is_thorough: also what a crash has left. What cannot be deleted because the storage is out
        of reach is nobody's already: the next sweep does it.
        """
        count = await super().sweep()
        mine = set(self._mine)
        try:
            count += await self._index.collect(mine, [*self._live])
            self._mine -= mine.difference(self._live.keys())
            if is_thorough:
                count += await self._index.sweep()
        except StoreError as error:
            log.warning("sound_not_deleted_yet", error=str(error))
        return count


class OutsideResults(Results):
    """Synthesized speech is an object; its row stays."""

    def __init__(self, database: Database, index: ObjectIndex) -> None:
        super().__init__(database)
        self._index = index

    async def find_audio(self, key: str) -> bytes | None:
        """Return the synthesized audio saved under `key`. Raises StoreError."""
        for row in await self._database.rows(_SOUND, {"of": key}):
            try:
                known = row.object_key is not None
                data: bytes = await self._index.get(row.object_key) if known else row.content
            except SoundGone:
                await self._database.write(partial(_drop_sound, row.key))
                return None  # it is made again
            await self._note_use(key)
            return data
        return None

    async def save_audio(
        self,
        key: str,
        data: bytes,
        cost: Usage,
        sample: Audio | None,
        settlement: Settlement | None = None,
    ) -> None:
        """Save synthesized audio, and its cost in the commit that refers to it."""
        made_with = hash_sample(sample) if sample else None
        values = {"key": key, "content": b"", "sample": made_with}
        stored = await self._index.put(data)
        await self._save(sounds, values, Payment(cost, settlement, stored))


def _drop_sound(key: str, connection: Connection) -> None:
    disown(connection, SOUND, objects.c.owner == key)
    connection.execute(delete(sounds).where(sounds.c.key == key))


class OutsideVoices(Voices):
    """The sample of a saved voice is an object."""

    def __init__(self, database: Database, index: ObjectIndex) -> None:
        super().__init__(database)
        self._index = index

    async def keep(self, chat: Chat, person_id: str, voice: SavedVoice) -> None:
        """Save a voice: a cloned one for this person only, a designed one for the chat."""
        stored = await self._index.put(voice.sample.data)
        found = hash_sample(voice.sample)
        kept = _strip(replace(voice, object_key=stored.key, sample_hash=found))

        def save(connection: Connection) -> None:
            if self.add_row(connection, chat, person_id, kept):
                link(connection, stored, VOICE, voice.voice_id)

        await self._database.write(save)

    async def load(self, voice: SavedVoice) -> SavedVoice:
        """Return a voice with its sample. Raises StoreError, SoundGone."""
        if voice.sample.data or not voice.object_key:
            return voice
        data = await self._index.get(voice.object_key)
        return replace(voice, sample=replace(voice.sample, data=data))

    async def rename(self, voice: SavedVoice) -> None:
        """Save a voice under its new name."""
        for one in await self._index.find(VOICE, voice.voice_id):
            voice = replace(voice, object_key=one.object_key, sample_hash=hash_of(voice))
        await super().rename(_strip(voice))

    async def forget(self, voice: SavedVoice) -> None:
        """Delete a saved voice with its sample and all audio that was made with it."""
        await super().forget(voice)
        try:
            await self._index.collect()
        except StoreError as error:
            log.warning("sound_not_deleted_yet", error=str(error))


def _strip(voice: SavedVoice) -> SavedVoice:
    """Return a voice as its row has it."""
    return replace(voice, sample=replace(voice.sample, data=b"")) if voice.object_key else voice
