"""The child that reads people's sound: no files, no network, bounded memory and time.

Jobs: {"do": "pieces", …} yields one frame per piece, {"do": "convert", …} one for the whole,
{"do": "prepare", …} empty frames while it works and then one for the whole, {"do": "excerpt", …}
one for some seconds of it.
"""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Iterator
from typing import Any

import av

from core.audio.codec import Decoder
from core.audio.cutter import Cut, CutLimits, Cutter
from core.audio.excerpt import cut_excerpt
from core.audio.pauses import find_pauses
from core.audio.segment import VoiceSegment
from core.audio.speech import has_speech
from core.audio.whole import prepare
from core.errors import UserError
from core.worker_process import Frame, WorkerRefused, serve

try:
    import resource
except ImportError:  # Windows: there the caps on samples and the parent's clock remain
    resource = None  # type: ignore[assignment]


def _work(header: dict[str, Any], data: bytes) -> Iterator[Frame]:
    _limit_cpu(header["cpu_s"])
    try:
        yield from _JOBS[header["do"]](header, data)
    except UserError as error:
        raise WorkerRefused(type(error).__name__, error.user_text) from None
    finally:
        gc.collect()  # resamplers hold memory until the cycle collector has run


def _cut(header: dict[str, Any], data: bytes) -> Iterator[Frame]:
    decoder = Decoder(data, max_s=header["max_s"])
    limits = CutLimits(**header["cut"])
    cutter = Cutter(limits, length_s=decoder.claimed_s or header["hint_s"])
    for block in decoder.blocks():
        for cut in cutter.feed(block):
            yield _build_frame(cut, header["format"])
    for cut in cutter.close():
        yield _build_frame(cut, header["format"])


def _build_frame(cut: Cut, format: str) -> Frame:
    segment = VoiceSegment.from_pcm(cut.pcm)
    header = {
        "start_s": cut.start_s,
        "duration_s": segment.frame_count() / segment.frame_rate,
        "has_speech": has_speech(cut.pcm),
        "is_forced": cut.is_forced,
        "pauses": find_pauses(cut.pcm),
    }
    return header, _export(segment, format)


def _convert(header: dict[str, Any], data: bytes) -> Iterator[Frame]:
    blocks = Decoder(data, max_s=header["max_s"], rate_hz=header["rate_hz"]).blocks()
    segment = VoiceSegment.from_pcm(b"".join(blocks), header["rate_hz"])
    duration_s = segment.frame_count() / segment.frame_rate
    yield {"duration_s": duration_s}, _export(segment, header["format"])


_JOBS = {"pieces": _cut, "convert": _convert, "prepare": prepare, "excerpt": cut_excerpt}


def _export(segment: VoiceSegment, format: str) -> bytes:
    out = io.BytesIO()
    segment.export(out, format=format)
    return out.getvalue()


def _limit_cpu(seconds: float) -> None:
    """Let the system end this process when one job takes longer: no check of ours runs inside C."""
    if resource:
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(used.ru_utime + used.ru_stime + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _lock_up(memory_bytes: int) -> None:
    """Give up memory beyond the limit, and for good the right to open files and sockets."""
    if resource:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
            resource.setrlimit(limit, (0, 0))


def main() -> None:
    """Load every codec while files can still be opened, then serve. argv: memory in bytes."""
    av.logging.set_level(None)
    silence = VoiceSegment.silent(200, 16_000)
    for format in ("ogg", "mp3", "flac"):
        VoiceSegment.from_file(_export(silence, format))
    _lock_up(int(sys.argv[1]))
    gc.freeze()
    serve(_work)


if __name__ == "__main__":
    main()
