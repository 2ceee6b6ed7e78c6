"""A voice note made ready to be heard: our road, pydub with ffmpeg, and a bare decoder.

    python benchmarks/decode.py

Ours is the whole of it: into the child, sniffing, limits, cutting, the speech gate, WAV, back.
Bare is PyAV in this process to plain samples, without any of that. Each figure is the best
of several runs: other programs on the machine only ever make it worse.
"""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from core.audio import Media
from core.interfaces import TranscriberLimits
from tests.support import sounds

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

#: Length and how often it is measured.
LENGTHS = {3: 11, 15: 9, 60: 5, 600: 2}


def by_pydub(note: bytes) -> None:
    AudioSegment.from_file(io.BytesIO(note)).export(io.BytesIO(), format="wav")


async def by_us(media: Media, note: bytes) -> None:
    async with aclosing(media.pieces(note, TranscriberLimits())) as pieces:
        async for _ in pieces:
            pass


def measure_ms(work: Callable[[], object], times: int) -> float:
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return min(took) * 1000


def main() -> None:
    loop = asyncio.new_event_loop()
    media = Media()
    loop.run_until_complete(media.warm_up())
    minute = sounds.file("ogg-opus", sounds.speech(60))
    print(f"OGG/Opus to 16 kHz WAV, best ms, {os.cpu_count()} processors")
    if not (has_ffmpeg := bool(shutil.which("ffmpeg"))):
        print("no ffmpeg here (apt install ffmpeg): pydub's own way is left out")
    print("length    ours    bare   bare/ours" + "   pydub   pydub/ours" * has_ffmpeg)
    for length_s, times in LENGTHS.items():
        # Ten minutes are ten links of a chain: encoding them would take longer than all else.
        short = length_s < 60
        note = (
            sounds.file("ogg-opus", sounds.speech(length_s)) if short else minute * (length_s // 60)
        )

        def ours(note: bytes = note) -> None:
            loop.run_until_complete(by_us(media, note))

        ours()
        ours_ms = measure_ms(ours, times)
        bare_ms = measure_ms(lambda note=note: sounds.decode(note), times)  # type: ignore[misc]
        row = f"{length_s:4} s {ours_ms:8.1f}{bare_ms:8.1f}{bare_ms / ours_ms:11.2f}x"
        if has_ffmpeg:
            pydub_ms = measure_ms(lambda note=note: by_pydub(note), times)  # type: ignore[misc]
            row += f"{pydub_ms:8.0f}{pydub_ms / ours_ms:12.1f}x"
        print(row)
    loop.run_until_complete(media.close())
    loop.close()


if __name__ == "__main__":
    main()
