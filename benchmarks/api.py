"""Latency of our transcription endpoint against direct requests to the speech API.

    python -m benchmarks.api

A voice message of 15 s (OGG/Opus) is posted to /v1/audio/transcriptions of `hearsay run`, a
process that uses the local MiMo. For comparison, message by message in the same run, the same
MiMo gets the decoded audio directly. Decoding alone is PyAV in this process; the same recording
as WAV shows the overhead almost without decoding. Then 200 clients send requests at once, with a
local OpenAI server behind, which has no rate limits.
"""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import psutil

from benchmarks.support.processes import (
    ROOT,
    Mimo,
    free_port,
    median,
    ms,
    quantile,
    show,
    voice_notes,
)
from tests.emulators.mimo.tones import make_wav
from tests.emulators.openai import OpenAIServer
from tests.support.audio_samples import decode

#: Twice as many requests as recordings, within the account's limit per minute.
NOTES, WARM_UP, SECONDS = 20, 3, 15
AT_ONCE, AT_ONCE_S = 200, 5
MAX_ADDED_S = 0.015
MAX_GROWTH_MB = 100
KEY = "sk-benchmark-0123456789"
HEADERS = {"Authorization": f"Bearer {KEY}"}
MIMO_KEY = "sk-emulator-key"
OURS, OURS_WAV = "our endpoint, Opus", "our endpoint, WAV"
DIRECT, BARE = "MiMo directly", "PyAV alone"


@contextmanager
def server(**more: str) -> Iterator[tuple[str, psutil.Process]]:
    """Run the program in an empty folder; yield the base URL of the API and the process."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="hearsay-benchmark-") as home:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HEARSAY_HOME": home,
            "WEB_PORT": str(port),
            "API_KEYS": f"benchmark={KEY}",
            "MODEL_PROBE": "off",
            **more,
        }
        with (Path(home) / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bots", "run"],
                cwd=home, env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            wait_until_live(f"http://127.0.0.1:{port}/livez", process)
            yield f"http://127.0.0.1:{port}/v1", psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(20)


def wait_until_live(url: str, process: subprocess.Popen[bytes]) -> None:
    end_s = time.monotonic() + 30
    while time.monotonic() < end_s:
        assert process.poll() is None, "the program has exited"
        try:
            httpx.get(url)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise TimeoutError("the program does not respond")


def call_api(client: httpx.Client, url: str, note: bytes) -> None:
    answer = client.post(
        f"{url}/audio/transcriptions",
        headers=HEADERS,
        data={"model": "whisper-1"},
        files={"file": ("note.ogg", note)},
    )
    assert answer.status_code == 200, answer.text


def call_mimo(client: httpx.Client, url: str, wav: bytes) -> None:
    data = f"data:audio/wav;base64,{base64.b64encode(wav).decode()}"
    part = {"type": "input_audio", "input_audio": {"data": data}}
    body = {"model": "mimo-v2.5-asr", "messages": [{"role": "user", "content": [part]}]}
    answer = client.post(f"{url}/chat/completions", headers={"api-key": MIMO_KEY}, json=body)
    assert answer.status_code == 200, answer.text


def measure_s(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


def measure_overhead() -> dict[str, list[float]]:
    """Return the seconds of each side, one per recording."""
    took_s: dict[str, list[float]] = {OURS: [], OURS_WAV: [], DIRECT: [], BARE: []}
    mimo = Mimo()
    address = mimo.addresses["base_url"]
    program = server(MIMO_BASE_URL=address, MIMO_API_KEY=MIMO_KEY)
    try:
        with program as (url, _), httpx.Client(timeout=60) as client:
            for note in voice_notes(NOTES + WARM_UP, SECONDS):
                wav = make_wav(decode(note, 16_000))
                took_s[BARE].append(measure_s(partial(decode, note, 16_000)))
                took_s[OURS].append(measure_s(partial(call_api, client, url, note)))
                took_s[OURS_WAV].append(measure_s(partial(call_api, client, url, wav)))
                took_s[DIRECT].append(measure_s(partial(call_mimo, client, address, wav)))
    finally:
        mimo.close()
    return {name: values[WARM_UP:] for name, values in took_s.items()}


class Memory(threading.Thread):
    """Samples the memory of a process and its children."""

    def __init__(self, process: psutil.Process) -> None:
        super().__init__(daemon=True)
        self._process = process
        self._is_over = threading.Event()
        self.before_bytes = self.peak_bytes = self.read_bytes()

    def read_bytes(self) -> int:
        family = [self._process, *self._process.children(recursive=True)]
        return sum(one.memory_info().rss for one in family)

    def run(self) -> None:
        while not self._is_over.wait(0.05):
            self.peak_bytes = max(self.peak_bytes, self.read_bytes())

    def stop(self) -> int:
        """Return the peak growth in bytes."""
        self._is_over.set()
        self.join()
        return self.peak_bytes - self.before_bytes


async def send_at_once(url: str, notes: list[bytes]) -> tuple[list[int], float]:
    """Return the status of each response, and the seconds for all of them."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=300, limits=limits, headers=HEADERS) as client:

        async def send(note: bytes) -> int:
            files = {"file": ("note.ogg", note)}
            answer = await client.post(
                f"{url}/audio/transcriptions", data={"model": "whisper-1"}, files=files
            )
            return answer.status_code

        started_s = time.perf_counter()
        statuses = await asyncio.gather(*map(send, notes))
        return list(statuses), time.perf_counter() - started_s


def measure_at_once() -> tuple[list[int], float, int]:
    """Return statuses, seconds, and the program's growth in bytes."""
    service = OpenAIServer()
    service.start()
    try:
        with server(OPENAI_BASE_URL=service.base_url) as (url, process):
            first, *notes = voice_notes(AT_ONCE + 1, AT_ONCE_S)
            with httpx.Client(timeout=60) as client:
                call_api(client, url, first)
            memory = Memory(process)
            memory.start()
            statuses, took_s = asyncio.run(send_at_once(url, notes))
            return statuses, took_s, memory.stop()
    finally:
        service.stop()


def main() -> None:
    took_s = measure_overhead()
    rows: list[tuple[object, ...]] = [("", "p50 ms", "p95 ms")]
    rows += [(name, ms(median(v)), ms(quantile(v, 0.95))) for name, v in took_s.items()]
    show(f"Time of a transcription request, {NOTES} recordings of {SECONDS} s", rows)
    sides = zip(took_s[OURS], took_s[DIRECT], took_s[BARE], strict=True)
    added_s = median([ours - direct - bare for ours, direct, bare in sides])
    wavs = zip(took_s[OURS_WAV], took_s[DIRECT], strict=True)
    wav_s = median([ours - direct for ours, direct in wavs])
    statuses, at_once_s, growth = measure_at_once()
    errors = sum(status != 200 for status in statuses)
    show(
        "Targets",
        [
            ("", "measured", "target"),
            ("p50 added to MiMo and decoding", f"{ms(added_s)} ms", f"≤ {ms(MAX_ADDED_S)} ms"),
            ("p50 added to MiMo, WAV", f"{ms(wav_s)} ms", ""),
            (f"errors in {AT_ONCE} concurrent requests", errors, 0),
            ("memory added by them", f"{growth / 2**20:.0f} MB", f"≤ {MAX_GROWTH_MB} MB"),
            ("time for all of them", f"{at_once_s:.1f} s", ""),
        ],
    )


if __name__ == "__main__":
    main()
