"""Deletions of which no event came: before the session, or while it was lost."""

from __future__ import annotations

import structlog

from bots.discord_bot.client.gateway import REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import UNKNOWN_MESSAGE, describe, error_code_of, read_error
from core.errors import JobCancelled
from core.inbox import Inbox
from core.models import Message

log = structlog.get_logger(__name__)


async def cancel_deleted(client: DiscordClient, inbox: Inbox, message: Message) -> None:
    """Cancel the jobs of a message that is gone, or of one about a recording that is gone.

    Raises JobCancelled if the message's own job is among them, PlatformError when a retry may help.
    """
    places = [(message.thread_id or message.chat.chat_id, message.message_id)]
    if (quoted := message.reply_to) and quoted.attachment:
        places.append((quoted.attachment.file_id.partition("/")[0], quoted.message_id))
    for channel_id, message_id in places:
        if not (message_id.isdecimal() and channel_id.isdecimal()):
            continue  # an interaction, or a chat that the bot is not in
        if message_id in client.seen or await _exists(client, channel_id, message_id):
            continue
        cancelled = await inbox.forget(message.chat, message_id)
        if any(job.message.message_id == message.message_id for job in cancelled):
            raise JobCancelled
    client.seen.add(message.message_id)


async def _exists(client: DiscordClient, channel_id: str, message_id: str) -> bool:
    """Return whether a message still stands, True where Discord does not say."""
    await client.wait_open()
    try:
        await client.http.get_message(int(channel_id), int(message_id))
    except REQUEST_ERRORS as error:
        ours = read_error(error)
        if ours.is_retryable:
            raise ours from None
        log.debug("discord_message_not_found", detail=describe(error))
        return error_code_of(error) != UNKNOWN_MESSAGE
    return True
