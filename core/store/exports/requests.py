"""What a person has asked for, with the replies, and what others have quoted, for /export."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

from sqlalchemy import bindparam, select, type_coerce
from sqlalchemy.types import NullType

from core.models import File, Message, Reply
from core.privacy.export import ExportedReply, ExportedRequest
from core.store.database.encryption import Encrypted
from core.store.database.queries import Database
from core.store.database.tables import blobs, deliveries, jobs, messages
from core.store.exports.found import Found
from core.store.objects.files import ReplyFiles
from core.store.recordings import Recordings
from core.store.talk.forgotten import recordings_about
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
_REQUEST = (
    select(
        messages.c.message_pk, messages.c.content, messages.c.received_at,
        jobs.c.job_id, jobs.c.state, jobs.c.command, jobs.c.reply,
    )
    .outerjoin(jobs, jobs.c.message_pk == messages.c.message_pk)
    .where(messages.c.message_pk == bindparam("of_message"), messages.c.content.is_not(None))
)  # fmt: skip
_PARTS = (
    select(deliveries.c.platform_id)
    .where(deliveries.c.job_id == bindparam("of_job"))
    .order_by(deliveries.c.part)
)
_CONTENT = cast(Encrypted, messages.c.content.type)
#: The archives of earlier exports are no part of a new one.
_COMMAND = "export"


class Requests:
    """Queries about what people asked for."""

    def __init__(self, database: Database, recordings: Recordings, files: ReplyFiles) -> None:
        self._database = database
        self._recordings = recordings
        self._files = files
        self._results = Results(database)

    async def read(self, found: Found) -> None:
        """Add everything that the person has asked for, the newest first, and what was quoted."""
        before = _NEWEST
        while rows := await self._database.rows(_MESSAGES, {"before": before}):
            before = rows[-1].message_pk
            for message_pk in await asyncio.to_thread(self._pick, found, rows):
                # None once it has been purged.
                for row in await self._database.rows(_REQUEST, {"of_message": message_pk}):
                    await self._read_request(found, row)

    def _pick(self, found: Found, rows: Sequence[Any]) -> list[int]:
        """Return the keys of the messages that the person sent, or that have words of theirs."""
        picked = []
        names = {found.person_id, *(chat.chat_id for chat in found.chats)}
        needles = [name.encode() for name in names if name.isascii()]
        for row in rows:
            plain = _CONTENT.open(row.content, self._database.cipher)
            # Parsing takes longer than decrypting.
            if len(needles) < len(names) or any(needle in plain for needle in needles):
                message: Message = _CONTENT.read(plain)
                if found.concerns(message):
                    picked.append(row.message_pk)
        return picked

    async def _read_request(self, found: Found, row: Any) -> None:
        message: Message = row.content
        spoken = found.own.spoken(message)
        key = row.reply.heard_key if row.reply and spoken else ""
        transcript = await self._results.find(key) if key else None
        for one in found.own.quoted(message):
            found.add_quotation(message.chat, one, transcript if one is spoken else None)
        if found.own.is_sender(message):
            for subject in (message, *recordings_about(row)):
                found.people |= subject.author_ids
            found.chats |= {message.chat: None} if message.is_private else {}
            own_transcript = transcript if spoken is message else None
            reply = await self._build_reply(found, row) if row.reply else None
            recording = await self._add_recording(found, row)
            request = _build_request(found, row, recording)
            found.requests.append(replace(request, reply=reply, transcript=own_transcript))

    async def _build_reply(self, found: Found, row: Any) -> ExportedReply:
        rows = await self._database.rows(_PARTS, {"of_job": row.job_id})
        sent = tuple(part.platform_id for part in rows if part.platform_id)
        if not await found.own.owns_reply(row):
            return ExportedReply("", "", "", (), sent, is_own=False)
        reply: Reply = row.reply
        files: Iterable[File] = () if row.command == _COMMAND else reply.files
        paths = []
        for number, file in enumerate(files, 1):
            path = f"replies/{row.job_id}-{number}-{safe_name(file.name)}"
            if found.sound.fits(path, file.size_bytes):
                if (loaded := await self._files.load(file)) is None:
                    continue
                found.sound.add(path, loaded.data)
            paths.append(path)
        return ExportedReply(reply.text, reply.quote, reply.aloud, tuple(paths), sent)

    async def _add_recording(self, found: Found, row: Any) -> str:
        """Add the recording that came with a message, if it is kept, and return its path."""
        message: Message = row.content
        query = select(blobs.c.blob_id).where(blobs.c.message_pk == row.message_pk)
        blob_id = await self._database.scalar(query)
        if blob_id is None or not found.own.wrote(message):
            return ""
        recording = await self._recordings.open(blob_id)
        name = message.attachment.name if message.attachment else ""
        path = f"recordings/{row.message_pk}-{safe_name(name)}"
        if found.sound.fits(path, len(recording)):
            if not isinstance(recording, bytes):
                recording = b"".join([piece async for piece in recording.chunks()])
            found.sound.add(path, recording)
        return path


def _build_request(found: Found, row: Any, recording: str) -> ExportedRequest:
    """Return a request without its reply and transcript."""
    message: Message = row.content
    is_own = found.own.wrote(message)
    return ExportedRequest(
        chat_id=message.chat.chat_id,
        message_id=message.message_id,
        sent_at=message.sent_at,
        sender_name=message.sender_name,
        is_private=message.is_private,
        thread_id=message.thread_id,
        language=message.language,
        command=row.command or message.command,
        text=found.own.typed(message),
        forwarded_from=message.forwarded_from if is_own else "",
        attachment=message.attachment if is_own else None,
        reply_to=message.reply_to.message_id if message.reply_to else "",
        recording=recording,
        job_id=row.job_id,
        state=row.state or "",
        received_at=row.received_at,
        reply=None,
        transcript=None,
    )
