"""Turns what the page sent into a Message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from fastapi import HTTPException
from starlette.datastructures import UploadFile

from bots.common.chat import clean
from bots.common.uploads import Upload
from bots.web_chat.queries import find_job
from bots.web_chat.session import person_of
from bots.web_chat.wire import MESSAGE_ID, read_command
from core.errors import UserError
from core.inbox import Inbox
from core.interfaces import Recording
from core.locale import count_characters, mark
from core.models import Attachment, Chat, Message, QuotedMessage
from core.text.file_names import safe_name

BAD_ID = mark("This message has an invalid id.")
NOTHING = mark("Send a recording, a file or some text.")
EMPTY_FILE = mark("This file is empty.")
LONG_TEXT = mark("This text is too long: the limit is {limit}.")
TEXT_CHARS = 20_000
#: The same for an edited transcript: some three hours of speech.
EDITED_CHARS = 150_000
_MIME = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,80}\Z")

Fields = Mapping[str, UploadFile | str]


def check_id(message_id: str) -> str:
    """Return the id that the page gave the message. Raises HTTPException 400."""
    if not MESSAGE_ID.match(message_id):
        raise HTTPException(400, BAD_ID)
    return message_id


async def read_upload(
    fields: Fields, message_id: str
) -> tuple[Attachment | None, Recording | None]:
    """Return the uploaded file and its content, or neither. Raises HTTPException 400."""
    upload = fields.get("file")
    if not isinstance(upload, Upload):
        return None, None
    recording = await upload.spool.finish()
    if not recording:
        raise HTTPException(400, EMPTY_FILE)
    bare = (upload.content_type or "").split(";")[0].strip().lower()
    mime = bare if _MIME.match(bare) else ""
    attachment = Attachment(
        file_id=message_id,
        kind=_read_kind(read_text(fields, "kind"), mime),
        name=safe_name(upload.filename or ""),
        mime=mime,
        size_bytes=len(recording),
        duration_s=_read_duration(read_text(fields, "duration_s")),
    )
    return attachment, recording


async def read_message(
    fields: Fields, attachment: Attachment | None, chat: Chat, inbox: Inbox, now: datetime
) -> Message:
    """Return what the person sent. Raises HTTPException 400, UserError."""
    typed = read_text(fields, "text")
    command, text = read_command(typed)
    limit = EDITED_CHARS if command == "fix" else TEXT_CHARS
    if len(text) > limit:
        raise UserError(LONG_TEXT, limit=count_characters(limit))
    if not typed.strip() and attachment is None:
        raise HTTPException(400, NOTHING)
    return Message(
        chat=chat,
        message_id=check_id(read_text(fields, "id")),
        sent_at=now,
        sender_id=person_of(chat).chat_id,
        text=text,
        command=command,
        attachment=attachment,
        reply_to=await _find_quoted(read_text(fields, "reply_to"), chat, inbox),
    )


def read_text(fields: Fields, name: str) -> str:
    """Return a text field, empty if it is missing or a file."""
    value = fields.get(name, "")
    return clean(value) if isinstance(value, str) else ""


async def _find_quoted(message_id: str, chat: Chat, inbox: Inbox) -> QuotedMessage | None:
    """Return the quoted message: on the page a message and its reply are one entry."""
    job = await find_job(inbox, chat, message_id) if message_id else None
    if job is None:
        return None
    answer = (job.reply.text or job.reply.quote) if job.reply else ""
    text = answer or job.message.text
    return QuotedMessage(message_id, text, job.message.attachment, job.message.sender_id)


def _read_kind(claimed: str, mime: str) -> Literal["voice", "audio", "video", "document"]:
    if claimed == "voice":
        return "voice"
    if mime.startswith("audio/"):
        return "audio"
    return "video" if mime.startswith("video/") else "document"


def _read_duration(claimed: str) -> float | None:
    is_number = re.fullmatch(r"\d{1,6}(\.\d{1,6})?", claimed)
    return float(claimed) if is_number else None
