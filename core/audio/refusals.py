"""What people are told when their file cannot be heard."""

from __future__ import annotations

from core.locale import mark

EMPTY = mark("This file is empty.")
UNKNOWN = mark(
    "I do not know this kind of file. Please send a voice note, or an audio or video file."
)
NO_SOUND = mark("There is no sound in this file.")
ODD = mark("I cannot read the way the sound is stored in this file. Please send it as MP3 or OGG.")
PROTECTED = mark("This file is protected against copying, so I cannot hear it.")
DAMAGED = mark("This file is damaged: I could not read any sound in it.")
GAVE_UP = mark("I had to give up on this file: reading it failed or took too long.")
TOO_LARGE = mark("This file is too large for me: the limit is {megabytes} MB.")
SILENT = mark("There is only silence in this recording.")

#: What a child may say; it is not trusted with a text of its own.
ALL = frozenset({EMPTY, UNKNOWN, NO_SOUND, ODD, PROTECTED, DAMAGED, SILENT})
