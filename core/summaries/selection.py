"""Selection of the messages that a summary covers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from core.models import Chat, Job, RememberedMessage, TalkRange
from core.store import Store
from core.summaries.ranges import DEFAULT_PERIOD, SummaryRequest

#: How many jobs of a chat are searched for recordings.
_RECENT = 100


async def select_messages(
    store: Store, job: Job, request: SummaryRequest, chat: Chat
) -> list[RememberedMessage]:
    """Return the messages in the requested range, without commands and people who opted out.

    In a private chat without remembered messages: the recordings that were transcribed there.
    """
    span = request.span
    if request.is_unread:
        span = replace(span, since_at=await _find_unread_start(store, job, request, chat))
    messages = await store.memory.select(chat, span)
    if not messages and job.message.is_private and chat == job.message.chat:
        messages = await select_recordings(store, job, span)
    authors = frozenset[str]().union(*(message.author_ids for message in messages))
    opted_out = await store.memory.opted_out(chat.platform, authors)
    return [
        message
        for message in messages
        if not (message.author_ids & opted_out or message.text.startswith("/"))
    ]


async def select_recordings(store: Store, job: Job, span: TalkRange) -> list[RememberedMessage]:
    """Return the transcribed recordings of the job's chat, oldest first."""
    recent = await store.jobs.history(job.message.chat, _RECENT)
    found = [await _load(store, one) for one in reversed(recent) if _is_in_range(one, span)]
    messages = [message for message in found if message is not None]
    return messages[-span.count :] if span.count else messages


async def find_recording(store: Store, chat: Chat, message_id: str) -> RememberedMessage | None:
    """Return a recording that a summary names, None if it is no longer known."""
    if found := await store.memory.message(chat, message_id):
        return found
    job = await store.jobs.of_message(chat, message_id)
    return await _load(store, job) if job else None


def period_end(job: Job) -> datetime:
    """Return the end of the period that a job's summary covers."""
    return max(job.created_at, job.message.sent_at)


async def _find_unread_start(
    store: Store, job: Job, request: SummaryRequest, chat: Chat
) -> datetime:
    read_at = await store.memory.read_at(chat, job.message.sender_id)
    # Equal where an earlier attempt of this job has stored it.
    if read_at is None or read_at == request.span.until_at:
        return period_end(job) - DEFAULT_PERIOD
    return read_at + timedelta(microseconds=1)


def _is_in_range(job: Job, span: TalkRange) -> bool:
    message, sent_at = job.message, job.message.sent_at
    is_transcribed = bool(message.attachment and job.reply and job.reply.heard_key)
    is_since = span.since_at is None or sent_at >= span.since_at
    return is_transcribed and is_since and (span.until_at is None or sent_at <= span.until_at)


async def _load(store: Store, job: Job) -> RememberedMessage | None:
    message, attachment = job.message, job.message.attachment
    transcript = await store.results.find(job.reply.heard_key) if job.reply else None
    if transcript is None:
        return None
    # Without names of senders, the names of files tell recordings apart.
    file_name = attachment.name if attachment and attachment.kind != "voice" else ""
    return RememberedMessage(
        message_id=message.message_id,
        sent_at=message.sent_at,
        sender_id=message.sender_id,
        sender_name=message.sender_name or file_name,
        thread_id=message.thread_id,
        attachment=attachment,
        transcript=transcript,
        origin_id=message.origin_id,
        is_forwarded=message.is_forwarded,
    )
