"""Consent to voice cloning: a spoken sentence with a one-time code."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from core.locale import mark
from core.models import Audio, ExpectedRecording, SavedVoice
from core.text.scripts import split_words

#: How long the recording is awaited.
CONSENT_FOR = timedelta(minutes=15)
#: Share of the sentence's words that must be recognised; engines mishear some.
CONSENT_SHARE = 0.75

CONSENT = mark(
    "I am the speaker of this recording. I agree that a computer voice is made from it, "
    "which only I may use. My code is {code}."
)
#: Common words, recognised by any engine; an old recording does not contain the code.
CODE_WORDS = (
    mark("apple"),
    mark("river"),
    mark("garden"),
    mark("window"),
    mark("green"),
    mark("winter"),
    mark("horse"),
    mark("coffee"),
)


def make_code() -> list[str]:
    """Return the words of a new code, to be translated."""
    return secrets.SystemRandom().sample(CODE_WORDS, 3)


def expect_consent(sentence: str, code: str, now: datetime) -> ExpectedRecording:
    """Return the expectation that the next recording says `sentence`, which contains `code`."""
    return ExpectedRecording("consent", sentence, code, now + CONSENT_FOR)


def is_consent(expects: ExpectedRecording, transcript: str) -> bool:
    """Return True if `transcript` has the whole code and enough words of the sentence."""
    words = set(split_words(transcript))
    wanted = split_words(expects.text)
    share = sum(word in words for word in wanted) / len(wanted)
    return share >= CONSENT_SHARE and all(word in words for word in split_words(expects.code))


def make_clone(sample: Audio, now: datetime) -> SavedVoice:
    """Return a person's own voice from the recording of their consent."""
    voice_id = secrets.token_hex(5)
    return SavedVoice(voice_id, "me", sample, is_clone=True, consented_at=now)
