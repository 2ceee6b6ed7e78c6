"""The topic of a question: its recordings, its text, and the conversation before it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.answering.prompt import MAX_EXCHANGES, Exchange
from core.models import (
    Attachment,
    Job,
    Message,
    QuotedMessage,
    RecordingReference,
    RememberedMessage,
)
from core.safety import restore_links
from core.store import Store

#: Commands about the recording in their message, or in the one that it replies to.
_ABOUT_RECORDING = frozenset({"transcribe", "ask", "ask_about", "brief", "translate"})
#: Number of jobs among which the last recording of a chat is searched.
_RECENT_JOBS = 50
#: Replies followed back: the exchanges, and what the conversation began with.
_MAX_CHAIN = MAX_EXCHANGES + 2


@dataclass(frozen=True, slots=True)
class Topic:
    """What a question is about."""

    #: The question's own recording first.
    subjects: tuple[RecordingReference, ...] = ()
    text: str = ""
    #: The oldest first.
    exchanges: tuple[Exchange, ...] = ()
    #: True if all of `subjects` were asked about before, in this conversation.
    is_follow_up: bool = False


def is_spoken(job: Job) -> bool:
    """Return True if a job's recording is the question itself and not what it is about."""
    message = job.message
    is_bare = message.attachment is not None and not message.text and not message.command
    return job.command == "ask" and is_bare


def quote(message: Message, subject: RecordingReference) -> Message:
    """Return `message` as a reply to the one with the recording, so that it can be fetched."""
    if subject.message_id == message.message_id:
        return replace(message, reply_to=None)
    quoted = QuotedMessage(
        subject.message_id,
        "",
        subject.attachment,
        subject.sender_id,
        origin_id=subject.origin_id,
        is_forwarded=subject.is_forwarded,
    )
    return replace(message, attachment=None, reply_to=quoted)


async def find_topic(store: Store, job: Job) -> Topic:
    """Return the topic of the job's question."""
    own, quoted = _find_own(job), job.message.reply_to
    if quoted and quoted.job_id:
        return await _follow_back(store, own, quoted)
    if quoted:
        return Topic(_find_recordings(job), quoted.text)
    if own or not job.message.command:
        return Topic(own)
    return Topic(await _find_last(store, job))


async def _follow_back(
    store: Store, own: tuple[RecordingReference, ...], quoted: QuotedMessage
) -> Topic:
    """Return the topic of a conversation, from the quoted reply back to its start."""
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
    exchanges = tuple(filter(None, map(_build_exchange, reversed(chain))))
    return Topic((*own, *earlier), text, exchanges, is_follow_up=bool(exchanges) and not own)


def _find_own(job: Job) -> tuple[RecordingReference, ...]:
    message = job.message
    if message.attachment is None or is_spoken(job):
        return ()
    return (_refer(message, message.attachment),)


def _refer(
    message: Message | QuotedMessage | RememberedMessage, attachment: Attachment
) -> RecordingReference:
    authors = message.sender_id, "", message.origin_id, message.is_forwarded
    return RecordingReference(message.message_id, attachment, *authors)


def find_subjects(job: Job) -> tuple[RecordingReference, ...]:
    """Return the recordings that an answered job was about."""
    if job.reply and job.reply.about:
        return job.reply.about
    if job.command not in _ABOUT_RECORDING:
        return ()
    key = job.reply.heard_key if job.reply else ""
    # A job transcribes one recording: its own, or else the quoted one.
    return tuple(replace(subject, heard=key) for subject in _find_recordings(job)[:1])


def find_speaker(job: Job) -> str:
    """Return the id of who speaks in the recording that a job was about, "" if not known."""
    return next((subject.speaker_id for subject in find_subjects(job)), "")


def _find_recordings(job: Job) -> tuple[RecordingReference, ...]:
    """Return the recordings in a job's message and in the one it replies to."""
    own, quoted = _find_own(job), job.message.reply_to
    if quoted is None or quoted.attachment is None or quoted.job_id:
        return own
    return (*own, _refer(quoted, quoted.attachment))


def _build_exchange(job: Job) -> Exchange | None:
    if job.command != "ask" or job.reply is None or not job.reply.aloud:
        return None
    asked = job.reply.quote if job.reply.is_quote_first else job.message.text
    return Exchange(asked, restore_links(job.reply.aloud))


async def _find_last(store: Store, job: Job) -> tuple[RecordingReference, ...]:
    """Return the newest recording before the job, in its thread."""
    message = job.message
    earlier = [
        other
        for other in await store.jobs.history(message.chat, _RECENT_JOBS)
        if other.job_id != job.job_id
        and other.created_at <= job.created_at
        and other.message.thread_id == message.thread_id
        and other.command in _ABOUT_RECORDING
        and _find_recordings(other)
    ]
    stored = await store.memory.last_recording(message.chat, message.thread_id)
    if stored and stored.attachment and stored.sent_at <= message.sent_at:
        is_newer = not earlier or stored.sent_at > earlier[0].message.sent_at
        if is_newer:
            return (_refer(stored, stored.attachment),)
    return find_subjects(earlier[0]) if earlier else ()
