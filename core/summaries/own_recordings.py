"""What a person said to us alone, in a private chat where nothing was forwarded."""

from __future__ import annotations

from core.models import Attachment, Job, RememberedMessage, TalkRange
from core.store import Store

#: How far back the recordings of a chat are looked for.
_RECENT = 100


async def select_own(store: Store, job: Job, span: TalkRange) -> list[RememberedMessage]:
    """Return the recordings of the job's chat that were written down, in order of time."""
    recent = await store.jobs.history(job.message.chat, _RECENT)
    found = [await _read(store, one) for one in reversed(recent) if _is_meant(one, span)]
    kept = [message for message in found if message is not None]
    return kept[-span.count :] if span.count else kept


def _is_meant(job: Job, span: TalkRange) -> bool:
    message, sent_at = job.message, job.message.sent_at
    is_heard = bool(message.attachment and job.reply and job.reply.heard_key)
    is_since = span.since_at is None or sent_at >= span.since_at
    return is_heard and is_since and (span.until_at is None or sent_at <= span.until_at)


async def _read(store: Store, job: Job) -> RememberedMessage | None:
    message = job.message
    transcript = await store.results.find(job.reply.heard_key) if job.reply else None
    if transcript is None:
        return None
    return RememberedMessage(
        message_id=message.message_id,
        sent_at=message.sent_at,
        sender_id=message.sender_id,
        sender_name=message.sender_name or _name(message.attachment),
        thread_id=message.thread_id,
        attachment=message.attachment,
        transcript=transcript,
    )


def _name(attachment: Attachment | None) -> str:
    """Return what tells recordings apart where nobody is known by name."""
    return attachment.name if attachment and attachment.kind != "voice" else ""
