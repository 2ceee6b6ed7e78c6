"""Decoding time of a voice message: our media pipeline against pydub with ffmpeg and PyAV alone.

    python -m benchmarks.decode

Ours includes everything: a worker process, format detection, limits, cutting, voice activity
detection and WAV. PyAV alone decodes to samples in this process. Each figure is the best of
several runs, because other programs can only slow it down.
"""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import time
import warnings
from collections.abc import Callable
from contextlib import aclosing

from core.audio import Media
from core.interfaces import TranscriberLimits
from tests.support.audio_samples import decode, file, speech

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

#: Length in seconds -> number of runs.
LENGTHS = {3: 11, 15: 9, 60: 5, 600: 2}


def decode_with_pydub(note: bytes) -> None:
    AudioSegment.from_file(io.BytesIO(note)).export(io.BytesIO(), format="wav")


async def decode_with_ours(media: Media, note: bytes) -> None:
    async with aclosing(media.pieces(note, TranscriberLimits())) as pieces:
        async for _ in pieces:
            pass


def measure_ms(work: Callable[[], object], times: int) -> float:
    took = []
    for _ in range(times):
        started_s = time.perf_counter()
        work()
        took.append(time.perf_counter() - started_s)
    return min(took) * 1000


def main() -> None:
    loop = asyncio.new_event_loop()
    media = Media()
    loop.run_until_complete(media.warm_up())
    minute = file("ogg-opus", speech(60))
    print(f"OGG/Opus to 16 kHz WAV, best time in ms, {os.cpu_count()} processors")
    if not (has_ffmpeg := bool(shutil.which("ffmpeg"))):
        print("ffmpeg is not installed (apt install ffmpeg): pydub is left out")
    print("length    ours    PyAV   PyAV/ours" + "   pydub   pydub/ours" * has_ffmpeg)
    for length_s, times in LENGTHS.items():
        # Long recordings are chained from one minute, because encoding would take long.
        is_short = length_s < 60
        note = file("ogg-opus", speech(length_s)) if is_short else minute * (length_s // 60)

        def ours(note: bytes = note) -> None:
            loop.run_until_complete(decode_with_ours(media, note))

        ours()
        ours_ms = measure_ms(ours, times)
        pyav_ms = measure_ms(lambda note=note: decode(note), times)  # type: ignore[misc]
        row = f"{length_s:4} s {ours_ms:8.1f}{pyav_ms:8.1f}{pyav_ms / ours_ms:11.2f}x"
        if has_ffmpeg:
            pydub_ms = measure_ms(lambda note=note: decode_with_pydub(note), times)  # type: ignore[misc]
            row += f"{pydub_ms:8.0f}{pydub_ms / ours_ms:12.1f}x"
        print(row)
    loop.run_until_complete(media.close())
    loop.close()


if __name__ == "__main__":
    main()
