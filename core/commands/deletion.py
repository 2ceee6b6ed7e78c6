"""What becomes of jobs under way when their message, or a person's data, is deleted."""

from __future__ import annotations

from core.locale import mark, translate
from core.models import Job, Reply

DELETED = mark("The recording was deleted, so I did not reply to it.")


def pick_deleted(message_id: str, job: Job, job_id: str = "") -> Reply | None:
    """Return what ends a job after the deletion of a message, None if it is not about it.

    job_id: the job of that message, if known. A message has no id any more once its chat has moved.
    """
    message, quoted = job.message, job.message.reply_to
    # Ids from before the chat moved belong to other messages now.
    is_here = message.message_id != ""
    is_own = job.job_id == job_id or (is_here and message.message_id == message_id)
    is_quoted = is_here and quoted is not None and quoted.message_id == message_id
    return _end_deleted(job, is_own=is_own, is_quoted=is_quoted)


def pick_persons(person_id: str, job: Job) -> Reply | None:
    """Return what ends a job once a person's data is deleted, None if it is not about them."""
    quoted = job.message.reply_to
    is_quoted = quoted is not None and quoted.sender_id == person_id
    is_own = job.message.sender_id == person_id and job.command != "forget"
    return _end_deleted(job, is_own=is_own, is_quoted=is_quoted)


def _end_deleted(job: Job, *, is_own: bool, is_quoted: bool) -> Reply | None:
    if is_own:
        return Reply()
    quoted = job.message.reply_to
    if is_quoted and quoted and quoted.attachment and job.command != "forget":
        return Reply(translate(DELETED, job.message.language))
    return None
