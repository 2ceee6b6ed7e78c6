"""A few seconds of a recording, as a voice note. Runs in the child process."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from core.audio.codec import Decoder
from core.audio.refusals import NO_SOUND
from core.audio.segment import VoiceSegment
from core.errors import BadAudio
from core.worker_process import Frame

_RATE_HZ = 24_000
_FADE_MS = 20


def cut_excerpt(header: dict[str, Any], data: bytes) -> Iterator[Frame]:
    """Yield {"duration_s", "waveform"} and the sound from start_s to end_s, OGG/Opus.

    Only what is cut out is kept while the recording is read, and what follows is not read.
    Raises BadAudio (also where the recording ends before), TooLong.
    """
    first, last = (int(header[name] * _RATE_HZ) * 2 for name in ("start_s", "end_s"))
    at, kept = 0, bytearray()
    for block in Decoder(data, max_s=header["max_s"], rate_hz=_RATE_HZ).blocks():
        kept += block[max(0, first - at) : max(0, last - at)]
        at += len(block)
        if at >= last:
            break
    if not kept:
        raise BadAudio(NO_SOUND)
    segment = VoiceSegment.from_pcm(bytes(kept), _RATE_HZ).fade_in(_FADE_MS).fade_out(_FADE_MS)
    out = io.BytesIO()
    segment.export(out, format="ogg")
    found = {"duration_s": segment.duration_seconds, "waveform": segment.waveform().hex()}
    yield found, out.getvalue()
