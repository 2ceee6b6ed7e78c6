"""An hour of speech: the time until its text against the speech service's own time, and memory.

    python -m benchmarks long

60 min of speech with pauses (OGG/Opus) are sent to `hearsay run` as a voice message on a local
Telegram. The speech service takes a tenth of each piece's length, with three requests at a time:
its fourth place is free for short notes.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import time
from functools import cache
from pathlib import Path

from benchmarks.support.processes import HEARSAY, wait_for
from benchmarks.support.rows import Figures, Row
from benchmarks.support.sides import Side, notes, run_service, run_side
from tests.support.audio_samples import encode, speech

LENGTH_S, FACTOR, CONCURRENCY = 3600, 0.1, 3
BYTES_PER_S = 32_000
LIMIT_S = 300.0
TARGET, TARGET_MB = 1.15, 150


def recording() -> bytes:
    """Return an hour of speech; it is made once and cached in the temporary folder."""
    options = {"application": "voip", "compression_level": "0", "b": "32000"}
    name = hashlib.sha256(f"{LENGTH_S} {options}".encode()).hexdigest()[:12]
    kept = Path(tempfile.gettempdir()) / f"hearsay-benchmark-{name}.ogg"
    if not kept.exists():
        kept.write_bytes(encode(speech(LENGTH_S), "ogg", "libopus", options=options))
    return kept.read_bytes()


class Memory:
    """Peak memory of a process and its children, sampled in a thread."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.idle_mb = self.peak_mb = side.memory_mb()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> float:
        """Return the growth in MB."""
        self._is_over.set()
        self._thread.join()
        return self.peak_mb - self.idle_mb

    def _run(self) -> None:
        while not self._is_over.wait(0.1):
            self.peak_mb = max(self.peak_mb, self._side.memory_mb())


def measure_hour(side: Side) -> tuple[float, float]:
    """Send the recording; return the seconds until its text, and the MB that it takes."""
    side.send(notes(1)[0])
    user, memory = side.telegram.do("add_user"), Memory(side)
    memory.start()
    began_s = time.monotonic()
    side.telegram.send_voice(user, recording(), LENGTH_S)
    wait_for(lambda: side.telegram.do("replies", chat=user), LIMIT_S, step_s=0.05)
    took_s = time.monotonic() - began_s
    return took_s, memory.stop()


@cache
def measure() -> tuple[Figures, Figures]:
    with run_service() as service:
        service.world.rules.realtime_factor = FACTOR
        with run_side(HEARSAY, service) as side:
            took_s, added_mb = measure_hour(side)
    return (
        Figures(took_s, LENGTH_S * FACTOR / CONCURRENCY),
        Figures(added_mb, LENGTH_S * BYTES_PER_S / 2**20),
    )


ROWS = (
    Row("an hour of speech", "s", "the service", TARGET, lambda: measure()[0], is_ratio=True),
    Row("memory added by it", "MB", "its samples", TARGET_MB, lambda: measure()[1]),
)
