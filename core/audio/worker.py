"""Worker process that decodes people's media: no files, no network, bounded memory and time.

A request's "operation": "pieces" yields one frame per piece, "convert" one for the whole file,
"prepare" empty frames while it works and then one for the whole file, "excerpt" one for a range.
"""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import av

from core.audio.codec import Decoder
from core.audio.cutter import Cut, CutLimits, Cutter
from core.audio.prepare import prepare
from core.audio.refusals import NO_AUDIO
from core.audio.segment import VoiceSegment
from core.audio.speech_detection import find_pauses, has_speech
from core.errors import BadAudio, UserError
from core.worker_process import Frame, WorkerRefused, serve
from core.worker_process.sandbox import enter, limit_cpu

#: Of a worker's life; each request has its own limit. Half of it is enough for any file.
_LIFE_CPU_S = 1800.0
_EXCERPT_RATE_HZ = 24_000
_FADE_MS = 20


def _work(header: dict[str, Any], data: bytes) -> Iterator[Frame]:
    limit_cpu(header["cpu_s"])
    try:
        yield from _OPERATIONS[header["operation"]](header, data)
    except UserError as error:
        raise WorkerRefused(type(error).__name__, error.user_text) from None
    finally:
        gc.collect()  # resamplers hold memory until the cycle collector has run


def _cut(header: dict[str, Any], data: bytes) -> Iterator[Frame]:
    decoder = Decoder(data, max_s=header["max_s"])
    limits = CutLimits(**header["cut"])
    length_s = decoder.claimed_s or header["hint_s"]
    cutter = Cutter(limits, length_s=length_s)
    for block in decoder.blocks():
        for cut in cutter.feed(block):
            yield _build_frame(cut, header["format"], length_s)
    for cut in cutter.close():
        info, encoded = _build_frame(cut, header["format"], length_s)
        yield info | {"is_last": True}, encoded


def _build_frame(cut: Cut, format: str, length_s: float | None) -> Frame:
    segment = VoiceSegment.from_pcm(cut.pcm)
    header = {
        "start_s": cut.start_s,
        "duration_s": segment.frame_count() / segment.frame_rate,
        "has_speech": has_speech(cut.pcm),
        "is_forced": cut.is_forced,
        "pauses": find_pauses(cut.pcm),
        "recording_s": length_s,
    }
    return header, _export(segment, format)


def _convert(header: dict[str, Any], data: bytes) -> Iterator[Frame]:
    rate_hz = header["rate_hz"]
    pcm = b"".join(Decoder(data, max_s=header["max_s"], rate_hz=rate_hz).blocks())
    if header["span_s"]:
        first, last = (int(at_s * rate_hz) * 2 for at_s in header["span_s"])
        pcm = pcm[max(0, first) : last]
    segment = VoiceSegment.from_pcm(pcm, rate_hz)
    duration_s = segment.frame_count() / segment.frame_rate
    yield {"duration_s": duration_s}, _export(segment, header["format"])


def _excerpt(header: dict[str, Any], data: bytes) -> Iterator[Frame]:
    """Yield the audio from start_s to end_s as OGG/Opus; the rest is not kept, or not decoded.

    Raises BadAudio (also if the recording ends before start_s), TooLong.
    """
    first, last = (int(header[name] * _EXCERPT_RATE_HZ) * 2 for name in ("start_s", "end_s"))
    at, kept = 0, bytearray()
    for block in Decoder(data, max_s=header["max_s"], rate_hz=_EXCERPT_RATE_HZ).blocks():
        kept += block[max(0, first - at) : max(0, last - at)]
        at += len(block)
        if at >= last:
            break
    if not kept:
        raise BadAudio(NO_AUDIO)
    segment = VoiceSegment.from_pcm(bytes(kept), _EXCERPT_RATE_HZ)
    segment = segment.fade_in(_FADE_MS).fade_out(_FADE_MS)
    info = {"duration_s": segment.duration_seconds, "waveform": segment.waveform().hex()}
    yield info, _export(segment, "ogg")


_OPERATIONS = {"pieces": _cut, "convert": _convert, "prepare": prepare, "excerpt": _excerpt}


def _export(segment: VoiceSegment, format: str) -> bytes:
    out = io.BytesIO()
    segment.export(out, format=format)
    return out.getvalue()


def main() -> None:
    """Load every codec while files can still be opened, then serve. argv: memory limit in bytes."""
    av.logging.set_level(None)
    silence = VoiceSegment.silent(200, 16_000)
    for format in ("ogg", "mp3", "flac"):
        VoiceSegment.from_file(_export(silence, format))
    gc.freeze()
    serve(_work, partial(enter, memory_bytes=int(sys.argv[1]), cpu_s=_LIFE_CPU_S))
