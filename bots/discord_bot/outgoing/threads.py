"""Long replies in threads: the first message stays in the channel, the rest goes to its thread.

A thread started from a message has that message's id, and a message has one at most: starting it
is safe to repeat.
"""

from __future__ import annotations

from typing import Literal

import discord
import structlog

from bots.common.chat import clean, is_blank
from bots.discord_bot.client.gateway import REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import describe, error_code_of, read_error
from bots.discord_bot.outgoing.parts import MAX_MESSAGES
from bots.discord_bot.outgoing.requests import unarchive
from bots.discord_bot.outgoing.routes import read_interaction_token
from core.models import Message, Reply

log = structlog.get_logger(__name__)

#: Most messages of a reply in a thread; a longer one becomes a file.
MAX_THREAD_MESSAGES = 10
_HAS_THREAD = 160004
#: Time without messages after which Discord archives a thread.
_ARCHIVE_MINUTES: Literal[1440] = 1440
_NAME_CHARS = 60


def count_messages(message: Message, long_answers: str) -> int:
    """Return the most messages of the reply to `message`.

    long_answers: messages, thread or file, as set by the operator.
    """
    if long_answers == "file":
        return 1
    is_thread = long_answers == "thread" and can_have_thread(message)
    return MAX_THREAD_MESSAGES if is_thread else MAX_MESSAGES


def can_have_thread(message: Message) -> bool:
    """Return whether the reply to a message is public in a channel that can have threads."""
    token = read_interaction_token(message.reply_token)
    is_secret = token is not None and (token.is_ephemeral or token.is_personal)
    is_thread = message.thread_id is not None or message.parent_id != ""
    is_channel = message.chat.chat_id.isdecimal() and not is_thread
    return is_channel and not message.is_private and not is_secret


def name_thread(reply: Reply) -> str:
    """Return a thread name: the first line of the reply, shortened."""
    texts = (reply.quote, reply.text) if reply.is_quote_first else (reply.text, reply.quote)
    lines = (" ".join(line.split()) for text in texts for line in clean(text).split("\n"))
    line = next((line for line in lines if not is_blank(line)), "…")
    return line if len(line) <= _NAME_CHARS else f"{line[: _NAME_CHARS - 1].rstrip()}…"


async def open_thread(client: DiscordClient, channel_id: str, message_id: str, name: str) -> str:
    """Return the thread of one of our messages, started if needed; "" where there can be none.

    Raises PlatformError where a retry may help.
    """
    try:
        await client.wait_open()
        await client.http.start_thread_with_message(
            int(channel_id), int(message_id), name=name, auto_archive_duration=_ARCHIVE_MINUTES
        )
    except REQUEST_ERRORS as error:
        if error_code_of(error) == _HAS_THREAD:
            await unarchive(client, message_id)
            return message_id
        ours = read_error(error)
        if ours.is_retryable or not isinstance(error, discord.HTTPException):
            raise ours from None
        log.warning("discord_no_thread", detail=describe(error))
        return ""
    return message_id
