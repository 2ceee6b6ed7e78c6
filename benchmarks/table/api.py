"""What our transcription endpoint adds to the speech service and decoding.

    python -m benchmarks api

A voice note of 15 s (OGG/Opus) is posted to /v1/audio/transcriptions of `hearsay run`. Note by note
in the same run, the same service, which takes no time, gets the decoded audio directly; decoding is
PyAV in this process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from benchmarks.support.processes import median, program, wait_for
from benchmarks.support.rows import Figures, Row
from benchmarks.support.sides import notes, run_service
from tests.emulators.mimo.tones import make_wav
from tests.support.audio_samples import decode
from tests.support.ports import free_port

NOTES, WARM_UP = 20, 3
KEY = "sk-benchmark-0123456789"


@contextmanager
def run_program(service_url: str) -> Iterator[str]:
    """Run the program; yield the base URL of the API."""
    port, settings = free_port(), {"API_KEYS": f"benchmark={KEY}", "MODEL_PROBE": "off"}
    settings |= {"WEB_PORT": str(port), "OPENAI_BASE_URL": service_url}
    url = f"http://127.0.0.1:{port}"
    with program(lambda: wait_for(lambda: is_live(f"{url}/livez"), step_s=0.1), **settings):
        yield f"{url}/v1"


def is_live(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def transcribe(client: httpx.Client, url: str, name: str, data: bytes) -> None:
    answer = client.post(
        f"{url}/audio/transcriptions", data={"model": "whisper-1"}, files={"file": (name, data)}
    )
    assert answer.status_code == 200, answer.text


def measure_s(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


def measure_one(client: httpx.Client, ours: str, service: str, note: bytes) -> tuple[float, float]:
    """Return the milliseconds of our endpoint, and of decoding and the service."""

    def directly() -> None:
        transcribe(client, service, "note.wav", make_wav(decode(note, 16_000)))

    other_s = measure_s(directly)
    ours_s = measure_s(lambda: transcribe(client, ours, "note.ogg", note))
    return 1000 * ours_s, 1000 * other_s


def measure() -> Figures:
    """Return the milliseconds added, and those of decoding and the service."""
    with (
        run_service() as service,
        run_program(service.base_url) as url,
        httpx.Client(timeout=60, headers={"Authorization": f"Bearer {KEY}"}) as client,
    ):
        pairs = [
            measure_one(client, url, service.base_url, note) for note in notes(NOTES + WARM_UP)
        ][WARM_UP:]
    return Figures(median([ours - other for ours, other in pairs]), median([o for _, o in pairs]))


ROWS = (Row("transcription endpoint, added, p50", "ms", "PyAV and the service", 10, measure),)
