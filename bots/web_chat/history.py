"""The past of a chat, as far as the page goes back."""

from __future__ import annotations

from core.inbox import Inbox
from core.models import Chat, Job

#: Jobs that the page shows.
HISTORY_LIMIT = 100


async def find_job(inbox: Inbox, chat: Chat, message_id: str) -> Job | None:
    """Return the job of a message of this chat, None if it is unknown or too long ago."""
    for job in await inbox.recent(chat, HISTORY_LIMIT):
        if job.message.message_id == message_id:
            return job
    return None
