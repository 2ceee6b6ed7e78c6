"""Sound: what is read, cut, levelled and written. The only home of pydub and av.

Importing this loads neither, which is 25 MB: what people send is read in child processes. What
works on sound that we made ourselves is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from core.audio.media import Media, MediaLimits, Piece

if TYPE_CHECKING:
    from core.audio.opus import OpusPackets
    from core.audio.segment import VoiceSegment
    from core.audio.shrinking import shrink
    from core.audio.voice_note import SeamJoiner, VoiceNoteEncoder

__all__ = [
    "Media",
    "MediaLimits",
    "OpusPackets",
    "Piece",
    "SeamJoiner",
    "VoiceNoteEncoder",
    "VoiceSegment",
    "shrink",
]

_LATER = {
    "OpusPackets": "core.audio.opus",
    "SeamJoiner": "core.audio.voice_note",
    "VoiceNoteEncoder": "core.audio.voice_note",
    "VoiceSegment": "core.audio.segment",
    "shrink": "core.audio.shrinking",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
