"""How long the event loop stands still while sound is worked on, against the same loop at rest.

    python -m benchmarks.loop_lag

What is counted is the longest time between two turns of the loop, in seconds that this process
was at work: while other programs have the processor every loop stands still."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from benchmarks.processes import show
from core.audio import Media
from core.audio.voice_note import VoiceNoteEncoder
from core.engines.offline.answerer import OfflineAnswerer
from core.engines.offline.transcriber import OfflineTranscriber
from core.interfaces import TranscriberLimits
from core.models import Audio, Passage, Question
from tests.emulators.mimo.tones import make_wav
from tests.support import sounds
from tests.support.paths import ROOT

Work = Callable[[], Awaitable[object]]


async def watch(work: Work) -> float:
    """Return the longest standstill during `work`, in seconds."""
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


async def pass_through_a_child(media: Media) -> None:
    """Twenty megabytes there, and as WAV back."""
    await media.convert(make_wav(bytes(20_000_000)), "wav")


async def read_notes(media: Media) -> None:
    note = sounds.file("ogg-opus", sounds.speech(15))

    async def read() -> None:
        async for _ in media.pieces(note, TranscriberLimits()):
            pass

    await asyncio.gather(*(read() for _ in range(8)))


async def hear_two(offline: OfflineTranscriber) -> None:
    pcm = sounds.decode(sounds.recording("austen-0870.wav"))
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
    await encoder.feed(sounds.speech(30, 24_000))
    await encoder.finish()


async def run() -> None:
    media, offline = Media(), OfflineTranscriber()
    await media.warm_up()
    await offline.warm_up()
    works: dict[str, Work] = {
        "at rest": lambda: asyncio.sleep(2),
        "20 MB through a child": lambda: pass_through_a_child(media),
        "8 voice notes are read": lambda: read_notes(media),
        "2 recordings are heard offline": lambda: hear_two(offline),
        "an answer from 10,000 passages": answer_from_many,
        "a voice note is encoded": encode_a_note,
    }
    found_s = {name: await watch(work) for name, work in works.items()}
    await media.close()
    await offline.close()
    rows: list[tuple[object, ...]] = [("", "longest standstill, ms", "against at rest")]
    for name, worst_s in found_s.items():
        times = worst_s / max(found_s["at rest"], 1e-6)
        rows.append((name, f"{worst_s * 1000:.1f}", f"{times:.0f} ×"))
    show("How long the event loop stands still", rows)


def main() -> None:
    asyncio.run(run())


if __name__ == "__main__":
    main()
