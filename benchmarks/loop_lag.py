"""Longest block of the event loop by single operations on audio and text against an idle loop.

    python -m benchmarks.loop_lag

Measured is the longest time between two iterations of the loop, in CPU time of this process, which
other programs do not affect."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from benchmarks.support.processes import show
from core.audio import Media
from core.audio.voice_note import VoiceNoteEncoder
from core.engines.offline.answerer import OfflineAnswerer
from core.engines.offline.transcriber import OfflineTranscriber
from core.interfaces import TranscriberLimits
from core.models import Audio, Passage, Question
from tests.emulators.mimo.tones import make_wav
from tests.support import audio_samples
from tests.support.paths import ROOT

Work = Callable[[], Awaitable[object]]


async def watch(work: Work) -> float:
    """Return the longest block of the loop during `work`, in CPU seconds."""
    worst_s = 0.0

    async def tick() -> None:
        nonlocal worst_s
        while True:
            before_s = time.process_time()
            await asyncio.sleep(0.001)
            worst_s = max(worst_s, time.process_time() - before_s)

    ticking = asyncio.create_task(tick())
    try:
        await work()
    finally:
        ticking.cancel()
    return worst_s


async def pass_through_worker(media: Media) -> None:
    """Convert 20 MB in a worker process."""
    await media.convert(make_wav(bytes(20_000_000)), "wav")


async def read_notes(media: Media) -> None:
    note = audio_samples.file("ogg-opus", audio_samples.speech(15))

    async def read() -> None:
        async for _ in media.pieces(note, TranscriberLimits()):
            pass

    await asyncio.gather(*(read() for _ in range(8)))


async def transcribe_two(offline: OfflineTranscriber) -> None:
    pcm = audio_samples.decode(audio_samples.recording("austen-0870.wav"))
    audio = Audio(make_wav(pcm), "audio/wav", len(pcm) / 32_000)
    await asyncio.gather(offline.transcribe(audio), offline.transcribe(audio))


async def answer_from_many() -> None:
    draw, words = random.Random(2), (ROOT / "LICENSE").read_text().split()
    passages = tuple(Passage(f"#{n}", " ".join(draw.choices(words, k=12))) for n in range(10_000))
    await OfflineAnswerer().answer(
        Question((), task="answer", words="Who may grant?", passages=passages)
    )


async def encode_a_note() -> None:
    encoder = VoiceNoteEncoder(24_000)
    await encoder.feed(audio_samples.speech(30, 24_000))
    await encoder.finish()


async def run() -> None:
    media, offline = Media(), OfflineTranscriber()
    await media.warm_up()
    await offline.warm_up()
    works: dict[str, Work] = {
        "idle": lambda: asyncio.sleep(2),
        "convert 20 MB in a worker process": lambda: pass_through_worker(media),
        "decode 8 voice messages": lambda: read_notes(media),
        "transcribe 2 recordings offline": lambda: transcribe_two(offline),
        "answer from 10,000 passages": answer_from_many,
        "encode a voice message": encode_a_note,
    }
    found_s = {name: await watch(work) for name, work in works.items()}
    await media.close()
    await offline.close()
    rows: list[tuple[object, ...]] = [("", "longest block, ms", "ratio to idle")]
    for name, worst_s in found_s.items():
        times = worst_s / max(found_s["idle"], 1e-6)
        rows.append((name, f"{worst_s * 1000:.1f}", f"{times:.0f} ×"))
    show("Longest block of the event loop", rows)


def main() -> None:
    asyncio.run(run())


if __name__ == "__main__":
    main()
