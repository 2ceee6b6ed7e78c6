"""Growth of processing time with the length of text and audio against linear growth.

    python -m benchmarks.scaling

Each figure is the best of three, in CPU time of this process. 1.0 × is linear: ten times the
length takes ten times as long. Text crafted for slow processing, as strangers may send it, must
not be much worse. The last table compares a voice message encoded while its samples arrive with
one encoded at the end."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from benchmarks.support.processes import show
from core.audio.voice_note import VoiceNoteEncoder
from core.engines.offline.answerer import extract
from core.models import Passage, Question
from core.safety import defuse, fence
from core.synthesis.speakable import make_speakable
from tests.support.audio_samples import speech
from tests.support.paths import ROOT
from tests.test_safety import HOSTILE

RATE_HZ = 24_000


def measure_s(work: Callable[[], object]) -> float:
    took_s = []
    for _ in range(3):
        began_s = time.process_time()
        work()
        took_s.append(time.process_time() - began_s)
    return min(took_s)


def find_growth(work: Callable[[int], object], short: int, long: int) -> tuple[float, float]:
    """Return the seconds for `long`, and their ratio to linear growth from `short`."""
    short_s, long_s = measure_s(lambda: work(short)), measure_s(lambda: work(long))
    return long_s, long_s / max(short_s, 1e-6) / (long / short)


def defuse_all(unit: str, length: int) -> None:
    text = (unit * length)[:length]
    defuse(text)
    defuse(text, text)
    fence(text)


def ask(task: str, count: int) -> None:
    draw, words = random.Random(2), (ROOT / "LICENSE").read_text().split()
    passages = tuple(Passage(f"#{n}", " ".join(draw.choices(words, k=12))) for n in range(count))
    question = Question((), task=task, words="Who may grant a patent?", passages=passages)  # type: ignore[arg-type]
    extract(question)


async def encode(pcm: bytes, step: int) -> float:
    """Return the seconds from the last samples to the end of the encoding."""
    encoder = VoiceNoteEncoder(RATE_HZ)
    began_s = time.perf_counter()
    for at in range(0, len(pcm), step):
        began_s = time.perf_counter()
        await encoder.feed(pcm[at : at + step])
    await encoder.finish()
    return time.perf_counter() - began_s


async def compare_note() -> tuple[float, float]:
    pcm = speech(15, RATE_HZ)
    while_arriving = [await encode(pcm, 4800) for _ in range(3)]
    at_the_end = [await encode(pcm, len(pcm)) for _ in range(3)]
    return min(while_arriving), min(at_the_end)


def main() -> None:
    rows: list[tuple[object, ...]] = [("", "seconds", "ratio to linear")]
    for unit in HOSTILE:
        took_s, times = find_growth(lambda n, unit=unit: defuse_all(unit, n), 10_000, 100_000)  # type: ignore[misc]
        rows.append((f"defuse 100,000 characters: {unit!a}", f"{took_s:.3f}", f"{times:.1f} ×"))
        took_s, times = find_growth(
            lambda n, unit=unit: make_speakable((unit * n)[:n], keeps_tags=True),  # type: ignore[misc]
            400,
            4000,
        )
        rows.append(
            (f"make 4,000 characters speakable: {unit!a}", f"{took_s:.3f}", f"{times:.1f} ×")
        )
    for task in ("answer", "summarize"):
        took_s, times = find_growth(lambda n, task=task: ask(task, n), 2000, 10_000)  # type: ignore[misc]
        rows.append((f"{task} from 10,000 passages", f"{took_s:.3f}", f"{times:.1f} ×"))
    show("Growth of processing time", rows)
    left_s, whole_s = asyncio.run(compare_note())
    show(
        "Encoding a voice message of 15 s, time after its last sample",
        [
            ("", "ms", "ratio"),
            ("encoded while it arrives", f"{left_s * 1000:.1f}", f"{left_s / whole_s:.3f}"),
            ("encoded at the end", f"{whole_s * 1000:.1f}", "1"),
        ],
    )


if __name__ == "__main__":
    main()
