"""How the time of work on text and sound grows with its length, against growth in step with it.

    python -m benchmarks.scaling

Each figure is the best of three, in seconds that this process was at work. 1.0 × is in step: ten
times the length takes ten times as long. Text that was made to be read slowly, as strangers may
send it, must not do much worse. The last table is the voice note that is encoded while its
samples come, against one that is encoded when all are there."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from benchmarks.processes import show
from core.audio.voice_note import VoiceNoteEncoder
from core.engines.offline.answerer import extract
from core.models import Passage, Question
from core.safety import defuse, fence
from core.synthesis.speakable import make_speakable
from tests.support.paths import ROOT
from tests.support.sounds import speech
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
    """Return the seconds that `long` takes, and how many times more than in step with `short`."""
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
    """Return the seconds that are left to work when the last sample has come."""
    encoder = VoiceNoteEncoder(RATE_HZ)
    began_s = time.perf_counter()
    for at in range(0, len(pcm), step):
        began_s = time.perf_counter()
        await encoder.feed(pcm[at : at + step])
    await encoder.finish()
    return time.perf_counter() - began_s


async def compare_note() -> tuple[float, float]:
    pcm = speech(15, RATE_HZ)
    while_it_came = [await encode(pcm, 4800) for _ in range(3)]
    at_the_end = [await encode(pcm, len(pcm)) for _ in range(3)]
    return min(while_it_came), min(at_the_end)


def main() -> None:
    rows: list[tuple[object, ...]] = [("", "seconds", "against in step")]
    for unit in HOSTILE:
        took_s, times = find_growth(lambda n, unit=unit: defuse_all(unit, n), 10_000, 100_000)  # type: ignore[misc]
        rows.append((f"100,000 letters defused: {unit!a}", f"{took_s:.3f}", f"{times:.1f} ×"))
        took_s, times = find_growth(
            lambda n, unit=unit: make_speakable((unit * n)[:n], keeps_tags=True),  # type: ignore[misc]
            400,
            4000,
        )
        rows.append((f"4,000 letters made speakable: {unit!a}", f"{took_s:.3f}", f"{times:.1f} ×"))
    for task in ("answer", "summarize"):
        took_s, times = find_growth(lambda n, task=task: ask(task, n), 2000, 10_000)  # type: ignore[misc]
        rows.append((f"{task} from 10,000 passages", f"{took_s:.3f}", f"{times:.1f} ×"))
    show("How work grows with its length", rows)
    left_s, whole_s = asyncio.run(compare_note())
    show(
        "A voice note of 15 s, after its last sample",
        [
            ("", "ms", "of the other"),
            ("encoded while it came", f"{left_s * 1000:.1f}", f"{left_s / whole_s:.3f}"),
            ("encoded at the end", f"{whole_s * 1000:.1f}", "1"),
        ],
    )


if __name__ == "__main__":
    main()
