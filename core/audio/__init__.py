"""Audio: decoding, cutting, levelling and encoding. The only package that uses pydub and av.

Names are loaded on first use, which saves 25 MB until the program synthesizes speech: people's
media is decoded in worker processes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.audio.media import Media, MediaLimits, Piece
    from core.audio.outgoing import OpusPackets, shrink
    from core.audio.segment import VoiceSegment
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

_MODULES = {
    "Media": "core.audio.media",
    "MediaLimits": "core.audio.media",
    "OpusPackets": "core.audio.outgoing",
    "Piece": "core.audio.media",
    "SeamJoiner": "core.audio.voice_note",
    "VoiceNoteEncoder": "core.audio.voice_note",
    "VoiceSegment": "core.audio.segment",
    "shrink": "core.audio.outgoing",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
