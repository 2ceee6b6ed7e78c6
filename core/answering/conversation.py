"""What a question is about: its recordings, its text, and what was asked and answered before."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.answering.prompt import MAX_EXCHANGES, Exchange
from core.models import Job, Message, QuotedMessage, RecordingReference
from core.safety import restore_links
from core.store import Store

#: Commands that are about the recording that they come with.
_HEARING = frozenset({"transcribe", "ask", "ask_about", "brief", "translate"})
#: Jobs among which the last recording of a chat is looked for.
_RECENT = 50
#: Answers that a dialogue may pass through: its exchanges, and what they began with.
_MAX_CHAIN = MAX_EXCHANGES + 2


@dataclass(frozen=True, slots=True)
class Topic:
    """All that a question may be about."""

    #: The question's own recording first.
    subjects: tuple[RecordingReference, ...] = ()
    text: str = ""
    #: The oldest first.
    exchanges: tuple[Exchange, ...] = ()
    #: True where all of `subjects` were asked about before, in this dialogue.
    is_followed: bool = False


def is_spoken(job: Job) -> bool:
    """Tell whether a job's recording is the question itself and not what it is about."""
    message = job.message
    is_bare = message.attachment is not None and not message.text and not message.command
    return job.command == "ask" and is_bare


def quote(message: Message, subject: RecordingReference) -> Message:
    """Return `message` as if it answered the one with the recording, so that it can be fetched."""
    if subject.message_id == message.message_id:
        return replace(message, reply_to=None)
    quoted = QuotedMessage(subject.message_id, "", subject.attachment, subject.sender_id)
    return replace(message, attachment=None, reply_to=quoted)


async def find_topic(store: Store, job: Job) -> Topic:
    """Return what the job's question is about."""
    own, quoted = _own(job), job.message.reply_to
    if quoted and quoted.job_id:
        return await _follow(store, own, quoted)
    if quoted:
        return Topic((*own, *_quoted(quoted)), quoted.text)
    if own or not job.message.command:
        return Topic(own)
    return Topic(await _find_last(store, job))


async def _follow(
    store: Store, own: tuple[RecordingReference, ...], quoted: QuotedMessage
) -> Topic:
    """Return what a dialogue is about, from the answer that is quoted back to its start."""
    chain: list[Job] = []
    text = restore_links(quoted.text)
    at: QuotedMessage | None = quoted
    while at and at.job_id and len(chain) < _MAX_CHAIN:
        job = await store.jobs.find(at.job_id)
        if job is None:
            break
        chain.append(job)
        at = job.message.reply_to
        text = at.text if at and not at.job_id else ""
    earlier = next(filter(None, map(find_subjects, chain)), ())
    if chain and not earlier and chain[-1].command != "ask" and chain[-1].reply:
        text = restore_links(chain[-1].reply.text or chain[-1].reply.quote)
    exchanges = tuple(filter(None, map(_exchange, reversed(chain))))
    return Topic((*own, *earlier), text, exchanges, is_followed=bool(exchanges) and not own)


def _own(job: Job) -> tuple[RecordingReference, ...]:
    message = job.message
    if message.attachment is None or is_spoken(job):
        return ()
    return (RecordingReference(message.message_id, message.attachment, message.sender_id),)


def _quoted(quoted: QuotedMessage | None) -> tuple[RecordingReference, ...]:
    if quoted is None or quoted.attachment is None or quoted.job_id:
        return ()
    return (RecordingReference(quoted.message_id, quoted.attachment, quoted.sender_id),)


def find_subjects(job: Job) -> tuple[RecordingReference, ...]:
    """Return the recordings that an answered job was about."""
    if job.reply and job.reply.about:
        return job.reply.about
    if job.command not in _HEARING:
        return ()
    key = job.reply.heard_key if job.reply else ""
    # A job hears one recording: its own, or else the quoted one.
    return tuple(replace(subject, heard=key) for subject in _brought(job)[:1])


def _brought(job: Job) -> tuple[RecordingReference, ...]:
    """Return the recordings that came with a job's message."""
    return (*_own(job), *_quoted(job.message.reply_to))


def _exchange(job: Job) -> Exchange | None:
    if job.command != "ask" or job.reply is None or not job.reply.aloud:
        return None
    asked = job.reply.quote if job.reply.is_quote_first else job.message.text
    return Exchange(asked, restore_links(job.reply.aloud))


async def _find_last(store: Store, job: Job) -> tuple[RecordingReference, ...]:
    """Return the newest recording before the job, in its topic, that may be asked about."""
    message = job.message
    heard = [
        other
        for other in await store.jobs.history(message.chat, _RECENT)
        if other.job_id != job.job_id
        and other.created_at <= job.created_at
        and other.message.thread_id == message.thread_id
        and other.command in _HEARING
        and _brought(other)
    ]
    kept = await store.memory.last_recording(message.chat, message.thread_id)
    if kept and kept.attachment and kept.sent_at <= message.sent_at:
        is_newer = not heard or kept.sent_at > heard[0].message.sent_at
        if is_newer:
            return (RecordingReference(kept.message_id, kept.attachment, kept.sender_id),)
    return find_subjects(heard[0]) if heard else ()
