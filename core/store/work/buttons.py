"""Buttons: what a press asks for, and who may press.

A button is saved in the reply that shows it, and its token begins with the id of that reply's job.
The table has those whose reply was replaced while they may still be shown, and those of earlier
versions, whose tokens name no job.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select

from core.models import JOB_ID_CHARS, Button, Message, Reply
from core.permissions import Action, Standing, decide
from core.store.database.queries import insert_new
from core.store.database.tables import buttons, chats, jobs, messages

#: How long a button that opens a private chat can be pressed.
_PRIVATE_AGE = timedelta(hours=1)
#: The text of a button that makes a file of a transcript. Earlier versions called it "export".
_OLD_FILE = re.compile(r"(?:txt|srt|vtt)(?: |\Z)")
_REPLY = (
    select(
        jobs.c.chat_pk, jobs.c.created_at, jobs.c.reply, messages.c.content,
        chats.c.platform, chats.c.bot_id,
    )
    .join(messages, messages.c.message_pk == jobs.c.message_pk)
    .join(chats, chats.c.chat_pk == jobs.c.chat_pk)
    .where(jobs.c.job_id == bindparam("of_job"))
)  # fmt: skip
_KEPT = (
    select(
        buttons, chats.c.platform, chats.c.bot_id, jobs.c.created_at,
        (buttons.c.person_id == bindparam("of_person")).label("is_own"),
    )
    .join(chats, chats.c.chat_pk == buttons.c.chat_pk)
    .join(jobs, jobs.c.job_id == buttons.c.job_id)
    .where(buttons.c.token == bindparam("of_token"))
)  # fmt: skip


def resolve_press(connection: Connection, chat: Any, message: Message, now: datetime) -> Message:
    """Return the press of a button as what it asks for. One of another chat or person is stale."""
    token = message.button
    stale = replace(message, command="stale_button", text="")
    key = {"of_job": token[:JOB_ID_CHARS]}
    row: Any = connection.execute(_REPLY, key).one_or_none()
    for button in row.reply.buttons if row and row.reply else ():
        if button.token == token:
            person_id = row.content.sender_id if button.is_private else None
            asked = replace(message, command=_command_of(button), text=button.text)
            break
    else:
        key = {"of_token": token, "of_person": message.sender_id}
        row = connection.execute(_KEPT, key).one_or_none()
        if row is None:
            return stale
        person_id = row.person_id and (message.sender_id if row.is_own else "")
        asked = replace(message, command=row.command, text=row.content)
    return asked if _may_press(row, person_id, chat, message, now) else stale


def _command_of(button: Button) -> str:
    """Return the command of a button by its present name."""
    is_file = button.command == "export" and _OLD_FILE.match(button.text)
    return "text_file" if is_file else button.command


def _may_press(row: Any, person_id: str | None, chat: Any, message: Message, now: datetime) -> bool:
    if person_id is None:
        return bool(row.chat_pk == chat.chat_pk)
    is_own = person_id == message.sender_id
    is_theirs = message.is_private and decide(Action.PRESS_PRIVATE, Standing(is_own=is_own))
    is_here = (row.platform, row.bot_id) == (chat.platform, chat.bot_id)
    return bool(is_theirs and is_here and now - row.created_at < _PRIVATE_AGE)


def keep_buttons(connection: Connection, job_id: str) -> None:
    """Keep the buttons of a reply that is about to be replaced: they may still be shown."""
    row = connection.execute(_REPLY, {"of_job": job_id}).one()
    reply: Reply = row.reply or Reply()
    of_reply = {"chat_pk": row.chat_pk, "job_id": job_id}
    kept = [
        {
            **of_reply,
            "token": button.token,
            "command": _command_of(button),
            "content": button.text,
            "person_id": row.content.sender_id if button.is_private else None,
        }
        for button in reply.buttons
    ]
    if kept:
        connection.execute(insert_new(buttons), kept)
