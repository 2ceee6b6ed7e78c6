"""Everything that is kept of one person, for /export. Content is decrypted in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from sqlalchemy import Column, bindparam, select, type_coerce, union_all
from sqlalchemy.types import NullType

from core.models import Chat, File, Message, Reply, SpeechSettings
from core.privacy.archive import ExportSound
from core.privacy.export import (
    ChatMoment,
    Export,
    ExportedChat,
    ExportedReply,
    ExportedRequest,
    ExportedTalk,
    ExportedTranscript,
    ExportedVoice,
)
from core.store.database.encryption import Encrypted
from core.store.database.queries import Database, is_chat, is_chat_of, read_settings
from core.store.database.tables import (
    blobs,
    chats,
    deliveries,
    jobs,
    link_codes,
    link_tries,
    messages,
    newcomers,
    people,
    readers,
    remembered,
    schedules,
    voices,
)
from core.store.operations.contributions import Contributions
from core.store.people.accounts import is_account
from core.store.people.links import Links
from core.store.recordings import Recordings
from core.store.talk.search import COLUMNS, read_rows
from core.store.work.results import Results
from core.text.file_names import safe_name

#: Messages that are decrypted at once, in a thread.
_BATCH = 100
#: Who sent a message stands in its content alone: all are looked through, the newest first.
_MESSAGES = (
    select(messages.c.message_pk, type_coerce(messages.c.content, NullType()).label("content"))
    .where(messages.c.message_pk < bindparam("before"), messages.c.content.is_not(None))
    .order_by(messages.c.message_pk.desc())
    .limit(_BATCH)
)
_NEWEST = 1 << 62
#: The key of no row. None would find what belongs to a chat instead of a person.
_NOBODY = -1
_REQUEST = (
    select(messages.c.received_at, jobs.c.job_id, jobs.c.state, jobs.c.command, jobs.c.reply)
    .outerjoin(jobs, jobs.c.message_pk == messages.c.message_pk)
    .where(messages.c.message_pk == bindparam("of_message"))
)
_PARTS = (
    select(deliveries.c.platform_id)
    .where(deliveries.c.job_id == bindparam("of_job"))
    .order_by(deliveries.c.part)
)
_CONTENT = cast(Encrypted, messages.c.content.type)
#: The archives of earlier exports are no part of a new one.
_COMMAND = "export"


@dataclass(slots=True)
class _Found:
    """What was found so far of one person."""

    platform: str
    person_id: str
    sound: ExportSound
    chats: dict[Chat, None] = field(default_factory=dict)
    voices: dict[str, ExportedVoice] = field(default_factory=dict)
    requests: list[ExportedRequest] = field(default_factory=list)
    transcripts: dict[tuple[str, str], ExportedTranscript] = field(default_factory=dict)

    def add_voices(self, rows: Iterable[Any]) -> None:
        """Add saved voices, given as id and voice."""
        for voice_id, voice in rows:
            if voice_id not in self.voices:
                path = f"voices/{voice_id}.{safe_name(voice.sample.mime.partition('/')[2])}"
                sample = self.sound.add(path, voice.sample.data)
                made = ExportedVoice(voice.name, voice.is_clone, voice.consented_at, sample)
                self.voices[voice_id] = made

    def is_own(self, message: Message) -> bool:
        return message.chat.platform == self.platform and message.sender_id == self.person_id

    def has_spoken(self, message: Message) -> bool:
        """Return whether the message is about a recording of this person."""
        quoted = message.reply_to
        is_quoted = quoted and quoted.attachment and quoted.sender_id == self.person_id
        return message.chat.platform == self.platform and bool(is_quoted)


class Exports:
    """Queries for the data export."""

    def __init__(self, database: Database, recordings: Recordings) -> None:
        self._database = database
        self._recordings = recordings
        self._results = Results(database)
        self._links = Links(database)
        self._contributions = Contributions(database)

    async def collect(self, private: Chat, person_id: str, sound: ExportSound) -> Export:
        """Return all that is kept of an account, whose chat with the bot is `private`.

        Of what others wrote only replies to this person are in it. Its sound goes into `sound`.
        """
        own_ids = await self._own_chats(private, person_id)
        found = _Found(private.platform, person_id, sound, own_ids)
        account = await self._account(found)
        person_pk = account.get("person_pk", _NOBODY)
        await self._voices(found, voices.c.person_pk == person_pk)
        found.add_voices(await self._contributions.voices(found.platform, person_id))
        await self._read_messages(found)
        own = [await self._chat(found, chat) for chat in found.chats]
        return Export(
            self._database.now(), found.platform, person_id,
            account.get("speech") or SpeechSettings(),
            account.get("is_opted_out", False),
            tuple(await self._links.linked_platforms(found.platform, person_id)),
            await self._link_moments(person_pk),
            chats=tuple(filter(None, own)),
            access=await self._contributions.access(found.platform, person_id),
            contributions=await self._contributions.find(found.platform, person_id),
            voices=tuple(found.voices.values()),
            requests=tuple(reversed(found.requests)),
            history=await self._history(found),
            transcripts=tuple(found.transcripts.values()),
            read_marks=await self._moments(found, readers.c.read_at),
            joined=await self._moments(found, newcomers.c.joined_at),
            left_out=tuple(sound.left_out),
        )  # fmt: skip

    async def _own_chats(self, private: Chat, person_id: str) -> dict[Chat, None]:
        """Return the private chats that are known by the id of the person."""
        is_own = is_chat_of(replace(private, chat_id=person_id))
        rows = await self._database.rows(select(chats.c.address).where(is_own))
        return dict.fromkeys([private, *(replace(private, chat_id=row.address) for row in rows)])

    async def _account(self, found: _Found) -> dict[str, Any]:
        query = select(people).where(is_account(found.platform, found.person_id))
        return next((row._asdict() for row in await self._database.rows(query)), {})

    async def _link_moments(self, person_pk: int) -> tuple[Any, ...]:
        moments = (
            select(table.c[name]).where(table.c.person_pk == person_pk)
            for table, name in ((link_codes, "until_at"), (link_tries, "tried_at"))
        )
        return tuple(row[0] for row in await self._database.rows(union_all(*moments)))

    async def _voices(self, found: _Found, is_theirs: Any) -> None:
        query = select(voices.c.voice_id, voices.c.content).where(is_theirs)
        found.add_voices(await self._database.rows(query))

    async def _chat(self, found: _Found, chat: Chat) -> ExportedChat | None:
        """Return a private chat of the person, and add the voices that were designed there."""
        rows = await self._database.rows(select(chats).where(is_chat(chat)))
        if not rows:
            return None
        [row] = rows
        await self._voices(found, voices.c.chat_pk == row.chat_pk)
        query = select(schedules.c.content).where(schedules.c.chat_pk == row.chat_pk)
        digests = [replace(one.content, chat=chat) for one in await self._database.rows(query)]
        return ExportedChat(chat.chat_id, read_settings(row), tuple(digests))

    async def _read_messages(self, found: _Found) -> None:
        before = _NEWEST
        while rows := await self._database.rows(_MESSAGES, {"before": before}):
            before = rows[-1].message_pk
            for message_pk, message in await asyncio.to_thread(self._pick, found, rows):
                # None once it has been purged.
                for row in await self._database.rows(_REQUEST, {"of_message": message_pk}):
                    await self._read_request(found, message_pk, message, row)

    def _pick(self, found: _Found, rows: Sequence[Any]) -> list[tuple[int, Message]]:
        """Return the messages that the person wrote, or that are about what they said."""
        picked, needle = [], found.person_id.encode()
        for row in rows:
            plain = _CONTENT.open(row.content, self._database.cipher)
            # Parsing takes longer than decrypting.
            if needle in plain or not found.person_id.isascii():
                message: Message = _CONTENT.read(plain)
                if found.is_own(message) or found.has_spoken(message):
                    picked.append((row.message_pk, message))
        return picked

    async def _read_request(
        self, found: _Found, message_pk: int, message: Message, row: Any
    ) -> None:
        is_own = found.is_own(message)
        has_spoken = found.has_spoken(message) or (is_own and message.attachment)
        key = row.reply.heard_key if row.reply and has_spoken else ""
        transcript = await self._results.find(key) if key else None
        if is_own:
            found.chats |= {message.chat: None} if message.is_private else {}
            request = await self._build_request(found, message_pk, message, row)
            found.requests.append(replace(request, transcript=transcript))
        elif transcript and message.reply_to:
            of = message.chat.chat_id, message.reply_to.message_id
            found.transcripts[of] = ExportedTranscript(*of, transcript)

    async def _build_request(
        self, found: _Found, message_pk: int, message: Message, row: Any
    ) -> ExportedRequest:
        reply = await self._build_reply(found, row) if row.reply else None
        return ExportedRequest(
            chat_id=message.chat.chat_id,
            message_id=message.message_id,
            sent_at=message.sent_at,
            sender_name=message.sender_name,
            is_private=message.is_private,
            thread_id=message.thread_id,
            language=message.language,
            command=row.command or message.command,
            text=message.text,
            forwarded_from=message.forwarded_from,
            attachment=message.attachment,
            reply_to=message.reply_to.message_id if message.reply_to else "",
            recording=await self._add_recording(found, message_pk, message),
            job_id=row.job_id,
            state=row.state or "",
            received_at=row.received_at,
            reply=reply,
            transcript=None,
        )

    async def _build_reply(self, found: _Found, row: Any) -> ExportedReply:
        reply: Reply = row.reply
        files: Iterable[File] = () if row.command == _COMMAND else reply.files
        paths = [
            found.sound.add(f"replies/{row.job_id}-{number}-{safe_name(file.name)}", file.data)
            for number, file in enumerate(files, 1)
        ]
        parts = await self._database.rows(_PARTS, {"of_job": row.job_id})
        sent = tuple(part.platform_id for part in parts if part.platform_id)
        return ExportedReply(reply.text, reply.quote, reply.aloud, tuple(paths), sent)

    async def _add_recording(self, found: _Found, message_pk: int, message: Message) -> str:
        """Add the recording that came with a message, if it is kept, and return its path."""
        query = select(blobs.c.blob_id).where(blobs.c.message_pk == message_pk)
        blob_id = await self._database.scalar(query)
        if blob_id is None:
            return ""
        recording = await self._recordings.open(blob_id)
        name = message.attachment.name if message.attachment else ""
        path = f"recordings/{message_pk}-{safe_name(name)}"
        if found.sound.fits(path, len(recording)):
            if not isinstance(recording, bytes):
                recording = b"".join([piece async for piece in recording.chunks()])
            found.sound.add(path, recording)
        return path

    async def _history(self, found: _Found) -> tuple[ExportedTalk, ...]:
        of_person = select(remembered.c.remembered_pk).where(
            remembered.c.sender_id == found.person_id
        )
        keys = [row.remembered_pk for row in await self._database.rows(of_person)]
        made: list[ExportedTalk] = []
        query = select(*COLUMNS, chats.c.address, chats.c.platform).join(
            chats, chats.c.chat_pk == remembered.c.chat_pk
        )
        for start in range(0, len(keys), _BATCH):
            is_one = remembered.c.remembered_pk.in_(keys[start : start + _BATCH])
            rows = await self._database.rows(query.where(is_one, remembered.c.content.is_not(None)))
            here = [row for row in rows if row.platform == found.platform]
            read = [row[: len(COLUMNS)] for row in here]
            talk = await asyncio.to_thread(read_rows, read, self._database.cipher)
            made += map(ExportedTalk, (row.address for row in here), talk)
        return tuple(sorted(made, key=lambda one: one.message.sent_at))

    async def _moments(self, found: _Found, column: Column[Any]) -> tuple[ChatMoment, ...]:
        """Return the moments of the person in a table of chats and people."""
        of = column.table.c
        query = (
            select(chats.c.address, column)
            .join(chats, chats.c.chat_pk == of.chat_pk)
            .where(of.person_id == found.person_id, chats.c.platform == found.platform)
        )
        return tuple(ChatMoment(*row) for row in await self._database.rows(query))
