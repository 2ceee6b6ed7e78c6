"""Audio: decoding, cutting, levelling and encoding. The only package that uses pydub and av.

Names are loaded on first use, which saves 25 MB until the program synthesizes speech: people's
media is decoded in worker processes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.audio.codec import encode as encode
    from core.audio.frames import Piece as Piece
    from core.audio.media import Media as Media
    from core.audio.media import MediaLimits as MediaLimits
    from core.audio.media import RecordingSpool as RecordingSpool
    from core.audio.media import limit_files as limit_files
    from core.audio.media import read_chunks as read_chunks
    from core.audio.outgoing import OpusPackets as OpusPackets
    from core.audio.outgoing import TempoChanger as TempoChanger
    from core.audio.outgoing import shrink as shrink
    from core.audio.segment import VoiceSegment as VoiceSegment
    from core.audio.voice_note import SeamJoiner as SeamJoiner
    from core.audio.voice_note import VoiceNoteEncoder as VoiceNoteEncoder

_NAMES = {
    "codec": ("encode",),
    "frames": ("Piece",),
    "media": ("Media", "MediaLimits", "RecordingSpool", "limit_files", "read_chunks"),
    "outgoing": ("OpusPackets", "TempoChanger", "shrink"),
    "segment": ("VoiceSegment",),
    "voice_note": ("SeamJoiner", "VoiceNoteEncoder"),
}


def __getattr__(name: str) -> object:
    for module, names in _NAMES.items():
        if name in names:
            return getattr(import_module(f"core.audio.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
