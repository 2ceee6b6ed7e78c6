"""Transcription time of an hour of speech against the engine's own time, and memory.

    python -m benchmarks.long

60 min of speech with pauses (OGG/Opus) are sent to `hearsay run` as a voice message on a local
Telegram. The local MiMo takes a tenth of each piece's length, with eight concurrent requests; the
account's limits per minute are lifted on both sides (they would quadruple the time). The engine's
own time is the sum of its response times, divided by eight.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.support.processes import Mimo, Telegram, bot, show, wait_for
from tests.support.audio_samples import encode, speech

LENGTH_S, FACTOR, CONCURRENCY = 3600, 0.1, 8
LIMIT_S = 180.0
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

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.idle = self.peak = self.own = self.children = 0.0

    def start(self) -> None:
        self.idle = sum(self.read())
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()

    def read(self) -> tuple[float, float]:
        """Return the proportional set size of the process and of its children, in MB."""
        own = self._process.memory_full_info().pss / 2**20
        children = 0.0
        for child in self._process.children(recursive=True):
            try:
                children += child.memory_full_info().pss / 2**20
            except psutil.NoSuchProcess:
                continue
        return own, children

    def _run(self) -> None:
        while not self._is_over.wait(0.1):
            own, children = self.read()
            self.own, self.children = max(self.own, own), max(self.children, children)
            self.peak = max(self.peak, own + children)


def transcribe(telegram: Telegram, mimo: Mimo, pid: int, data: bytes) -> tuple[Memory, float]:
    """Send the recording; return memory and the time from the update to the reply."""
    user = telegram.do("add_user")
    memory = Memory(pid)
    before_s = time.monotonic()
    memory.start()
    telegram.send_voice(user, data, LENGTH_S)
    wait_for(lambda: telegram.do("replies", chat=user), LIMIT_S, step_s=0.05)
    memory.stop()
    shown_s = min(p["responded_at"] for p in telegram.polls() if p["responded_at"] > before_s)
    sends = telegram.do("requests_to", method="sendMessage", chat=user)
    sends += telegram.do("requests_to", method="sendDocument", chat=user)
    return memory, min(send["received_at"] for send in sends) - shown_s


def warm_up(telegram: Telegram) -> None:
    """Send a short voice message, which starts the worker processes."""
    options = {"application": "voip"}
    note = encode(speech(3), "ogg", "libopus", options=options)
    user = telegram.do("add_user")
    telegram.send_voice(user, note, 3)
    wait_for(lambda: telegram.do("replies", chat=user))
    time.sleep(1.0)


def show_time(took_s: float, calls: list[dict[str, Any]]) -> None:
    audio_s = sum(call["duration_s"] for call in calls)
    bound_s = audio_s * FACTOR / CONCURRENCY
    served_s = sum(call["ended_at_s"] - call["started_at_s"] for call in calls) / CONCURRENCY
    first_s = min(call["started_at_s"] for call in calls)
    last_s = max(call["ended_at_s"] for call in calls)
    rows: list[tuple[object, ...]] = [("", "seconds", "ratio", "target")]
    rows.append(("engine's response times / 8", f"{served_s:.1f}", "1.00", ""))
    ratio = took_s / served_s
    rows.append(("from the update to the reply", f"{took_s:.1f}", f"{ratio:.2f}", f"≤ {TARGET}"))
    requests_ratio = f"{(last_s - first_s) / served_s:.2f}"
    rows.append(("first request to last response", f"{last_s - first_s:.1f}", requests_ratio, ""))
    rows.append(("audio × 0.1 / 8, no overhead", f"{bound_s:.1f}", f"{bound_s / served_s:.2f}", ""))
    longest_s = max(call["duration_s"] for call in calls)
    show(f"{audio_s / 60:.1f} min of audio, {len(calls)} pieces, longest {longest_s:.0f} s", rows)


def show_memory(memory: Memory) -> None:
    rows: list[tuple[object, ...]] = [("", "MB", "target")]
    rows.append(("idle, all processes", f"{memory.idle:.0f}", ""))
    rows.append(("peak of the main process", f"{memory.own:.0f}", ""))
    rows.append(("peak of the worker processes", f"{memory.children:.0f}", ""))
    rows.append(("peak of all processes", f"{memory.peak:.0f}", ""))
    rows.append(("peak above idle", f"{memory.peak - memory.idle:.0f}", f"≤ {TARGET_MB}"))
    show("Memory of the program (proportional set size)", rows)


def main() -> None:
    data = recording()
    print(f"{len(data) / 1e6:.1f} MB of OGG/Opus; limits per minute lifted on both sides")
    telegram, mimo = Telegram(), Mimo("--realtime-factor", str(FACTOR))
    try:
        with tempfile.TemporaryDirectory() as folder:
            command = ["-m", "benchmarks.support.watched_bot", f"{folder}/report.json"]
            with bot(command, telegram, mimo, BENCHMARK_UNLIMITED="1") as process:
                warm_up(telegram)
                known = len(mimo.requests())
                memory, took_s = transcribe(telegram, mimo, process.pid, data)
                calls = mimo.requests()[known:]
    finally:
        telegram.close()
        mimo.close()
    show_time(took_s, calls)
    show_memory(memory)


if __name__ == "__main__":
    main()
