"""Sound: what is read, cut, levelled and written. The only home of pydub and av.

Each name is loaded when it is first asked for. The program has neither of both while nobody speaks,
which is 25 MB: what people send is read in child processes, and these need nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.audio.media import Media, MediaLimits, Piece
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
    "Media": "core.audio.media",
    "MediaLimits": "core.audio.media",
    "OpusPackets": "core.audio.opus",
    "Piece": "core.audio.media",
    "SeamJoiner": "core.audio.voice_note",
    "VoiceNoteEncoder": "core.audio.voice_note",
    "VoiceSegment": "core.audio.segment",
    "shrink": "core.audio.shrinking",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
