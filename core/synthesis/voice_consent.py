"""Consent to voice cloning: a sentence with a one-time code, said by the person now and here.

`spoken_sentence` compares the recording with it. A file put together from other recordings of
somebody does not have the code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from core.locale import Plural, mark
from core.models import Attachment, Audio, ExpectedRecording, Message, SavedVoice
from core.synthesis.spoken_sentence import MAX_S, TOO_LONG

#: How long the recording is awaited.
CONSENT_FOR = timedelta(minutes=5)
#: Recordings that are compared with a sentence, each with one of its own.
MAX_TRIES, TRIES_FOR = 5, timedelta(hours=1)

CONSENT = mark(
    "I am the speaker of this recording. I agree that a computer voice is made from it, "
    "which only I may use. My code is {code}."
)
RECORD = mark(
    "Record this sentence in your own voice, within five minutes, and send it as a voice message:"
)
TOO_MANY_TRIES = mark("That was tried {times} within an hour. Try again later: /voice clone")
FORWARDED = mark("A forwarded recording does not count. Record the sentence yourself, here.")
NOT_RECORDED = mark(
    "Only a voice message that you record here counts: no file, and no video. To cancel: "
    "/voice clone off"
)
LATE = mark("The time for this sentence is over. Start again: /voice clone")


def expect_consent(asked: Message, sentence: str, code: str, now: datetime) -> ExpectedRecording:
    """Return the expectation that the next recording says `sentence`, which contains `code`.

    asked: the message that asked for it. By the platform's clock, the recording is sent later.
    """
    return ExpectedRecording(
        "consent", sentence, code, now + CONSENT_FOR, asked.sent_at, asked.sender_id
    )


def find_fault(message: Message, expects: ExpectedRecording) -> str:
    """Return why a message cannot be the consent, whatever is said in it; "" if it may be."""
    attachment = message.attachment or Attachment("", "document")
    if message.forwarded_from:
        return FORWARDED
    if attachment.kind != "voice" or message.edit_id:
        return NOT_RECORDED
    if not (message.is_private and expects.is_for(message.sender_id, message.sent_at)):
        return LATE
    return TOO_LONG if (attachment.duration_s or 0.0) > MAX_S else ""


def count_most() -> Plural:
    """Return the text "5 times": how often it may be tried."""
    return Plural("{count} time", "{count} times", MAX_TRIES)


def count_tries(tries: Sequence[datetime], now: datetime) -> tuple[datetime, ...]:
    """Return the tries that still count."""
    return tuple(tried_at for tried_at in tries if tried_at > now - TRIES_FOR)


def id_of_clone(job_id: str) -> str:
    """Return the id of the voice that a job makes, so that it makes one however often it runs."""
    return hashlib.sha256(f"{job_id}|clone".encode()).hexdigest()[:10]


def make_clone(sample: Audio, now: datetime, job_id: str) -> SavedVoice:
    """Return a person's own voice from the recording of their consent."""
    return SavedVoice(id_of_clone(job_id), "me", sample, is_clone=True, consented_at=now)
