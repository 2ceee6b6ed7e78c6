"""L6: many long recordings at once, while the loop of each process stays free."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path

import psutil
import pytest

from tests.acceptance.watch import LIMIT_BYTES, measure_tree
from tests.chaos.load.systems import UNLIMITED, System, temporary_folder
from tests.chaos.report import add_table
from tests.support import audio_samples

pytestmark = [pytest.mark.chaos, pytest.mark.real_time, pytest.mark.long]

FILES, LENGTH_S = 10, 6600
#: A frame of an MP3 file, which may be repeated and left out, and its seconds.
BITS_PER_S, RATE_HZ, SAMPLES = 24_000, 16_000, 576
FRAME_BYTES = SAMPLES * BITS_PER_S // 8 // RATE_HZ
#: How long the loop's own thread may be busy without a pause, in milliseconds of processor time.
MAX_P99_MS, MAX_MS = 100.0, 1000.0


def make_recordings() -> list[bytes]:
    """Return recordings of almost two hours and 19 MB; each begins at another place."""
    options = {"b": str(BITS_PER_S)}
    spoken = audio_samples.speech(300.0)
    piece = audio_samples.encode(
        spoken, "mp3", "libmp3lame", rate=RATE_HZ, options=options, more={"write_xing": "0"}
    )
    piece = piece[piece.index(b"\xff\xf3") :]
    piece = piece[: len(piece) // FRAME_BYTES * FRAME_BYTES]
    whole = piece * round(LENGTH_S / 300)
    return [whole[number * 50 * FRAME_BYTES :] for number in range(FILES)]


class Peaks:
    """The most memory and temporary bytes of each process, with its workers."""

    def __init__(self, system: System) -> None:
        self._system = system
        self.memory: defaultdict[str, int] = defaultdict(int)
        self.temporary: defaultdict[str, int] = defaultdict(int)

    async def watch(self) -> None:
        """Measure until cancelled."""
        while True:
            await asyncio.to_thread(self._measure)
            await asyncio.sleep(0.5)  # between two samples

    def _measure(self) -> None:
        for one in self._system.processes:
            name = self._system.name(one)
            self.memory[name] = max(self.memory[name], measure_tree(one.pid))
            held = sum(map(size_of, temporary_folder(one).rglob("*")))
            self.temporary[name] = max(self.temporary[name], held)


def size_of(path: Path) -> int:
    """Return the size of a file, 0 if it is gone."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


async def test_long_files_at_once(system: System) -> None:
    telegram = system.telegram
    system.overrides |= UNLIMITED
    system.mimo.rules.latency_s = 0.2
    recordings = await asyncio.to_thread(make_recordings)
    await system.start()
    peaks = Peaks(system)
    watching = asyncio.create_task(peaks.watch())
    people = [telegram.add_user(f"Person {number}") for number in range(FILES)]
    for person, sound in zip(people, recordings, strict=True):
        telegram.send_audio(person, person, sound, duration=LENGTH_S)
    states = await system.settle(FILES, 1800)
    watching.cancel()
    rows = []
    for one in system.processes:
        name, loop = system.name(one), system.loop(one)
        sizes = (peaks.memory[name] / 2**20, peaks.temporary[name] / 2**20)
        late = (loop.late_p99_ms, loop.late_max_ms, loop.busy_p99_ms, loop.busy_max_ms)
        times = psutil.Process(one.pid).cpu_times()
        spent_s = times.user + times.system + times.children_user + times.children_system
        rows.append((name, *(f"{value:.0f}" for value in (*sizes, *late, spent_s))))
    size = f"{FILES} files of {len(recordings[0]) / 2**20:.0f} MB, {LENGTH_S} s each"
    head = (
        *("process", "MB with workers", "temporary MB", "late p99 ms", "max"),
        *("busy p99 ms", "max", "processor s"),
    )
    add_table(f"{system.title}: {size}, {len(system.mimo.billed)} calls", head, rows)
    texts = [answer.text[:200] for person in people for answer in telegram.replies(person)]
    assert states == {"done": FILES}, texts
    assert "Traceback" not in system.whole_log
    assert max(peaks.memory.values()) <= LIMIT_BYTES
    for one in system.processes:
        loop = system.loop(one)
        assert loop.busy_p99_ms <= MAX_P99_MS and loop.busy_max_ms <= MAX_MS
