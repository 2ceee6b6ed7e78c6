"""Texts for media files that are refused."""

from __future__ import annotations

from core.errors import TooLong
from core.locale import Plural, mark

EMPTY = mark("This file is empty.")
UNKNOWN = mark(
    "This file type is not supported. Please send a voice message, or an audio or video file."
)
NO_AUDIO = mark("There is no audio in this file.")
UNSUPPORTED_CODEC = mark(
    "The audio in this file is in a format that I cannot read. Please send it as MP3 or OGG."
)
PROTECTED = mark("This file is copy-protected, so I cannot read it.")
DAMAGED = mark("This file is damaged: I could not read any audio in it.")
UNREADABLE = mark("This file could not be processed: reading it failed or took too long.")
TOO_LARGE = mark("This file is too large: the limit is {limit} MB.")
SILENT = mark("This recording is silent.")

#: Texts that a worker may choose; its own are not trusted.
FROM_WORKER = frozenset({EMPTY, UNKNOWN, NO_AUDIO, UNSUPPORTED_CODEC, PROTECTED, DAMAGED, SILENT})


def refuse_length(max_s: float) -> TooLong:
    """Return the error for a recording of more than `max_s`."""
    if max_s < 3600:
        return TooLong(limit=Plural("{count} minute", "{count} minutes", round(max_s / 60)))
    return TooLong(limit=Plural("{count} hour", "{count} hours", round(max_s / 3600)))
