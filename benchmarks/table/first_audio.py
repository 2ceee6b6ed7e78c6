"""Latency of streamed speech, on the web page and by the API, against reading the engine's stream.

    python -m benchmarks first_audio

`hearsay run` uses the local MiMo, which synthesizes at ten times the speed of speech. A proxy in
this process records when MiMo's first audio passes. Ours is the time from there until the first
sound arrives at a page's WebSocket, or at a client of /v1/audio/speech; for comparison, text by
text in the same run, the engine's stream is read directly through the same proxy.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from websockets import Origin
from websockets.sync.client import ClientConnection, connect

from benchmarks.support.processes import (
    HEARSAY,
    Mimo,
    Telegram,
    bot,
    median,
)
from benchmarks.support.rows import Figures, Row
from tests.support.ports import free_port

TEXTS, WARM_UP = 20, 2
WORDS = 12
CHUNK_S, KEY, API_KEY = 0.02, "sk-emulator-key", "sk-benchmark-0123456789"
FORMATS = ("pcm", "wav", "mp3", "opus")
DIRECT = "bare stream"
#: The head of a file has no sound yet.
HEAD_BYTES = 300


class AudioProxy:
    """TCP proxy in front of the engine that records when its first audio passes."""

    def __init__(self, address: str) -> None:
        self._engine = urlsplit(address)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}{self._engine.path}"
        self.reset()
        threading.Thread(target=self._run, daemon=True).start()

    def reset(self) -> None:
        self.first_s = 0.0

    def _run(self) -> None:
        while True:
            client, _ = self._listener.accept()
            engine = socket.create_connection((self._engine.hostname, self._engine.port))
            for one in (client, engine):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, sink, is_answer in ((client, engine, False), (engine, client, True)):
                ends = (source, sink, is_answer)
                threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        while data := source.recv(1 << 18):
            if is_answer and b'"audio":{' in data and not self.first_s:
                self.first_s = time.monotonic()
            sink.sendall(data)
        sink.close()


def read_directly(proxy: AudioProxy, text: str) -> float:
    """Return the seconds from the proxy to the first samples read from the engine's stream."""
    body = {
        "model": "mimo-v2.5-tts",
        "messages": [{"role": "assistant", "content": text}],
        "audio": {"format": "pcm16", "voice": "Mia"},
        "stream": True,
    }
    proxy.reset()
    first_s = 0.0
    url, headers = f"{proxy.address}/chat/completions", {"api-key": KEY}
    with (
        httpx.Client(timeout=30) as client,
        client.stream("POST", url, json=body, headers=headers) as answer,
    ):
        for line in answer.iter_lines():
            if first_s or '"audio":{' not in line:
                continue
            event = json.loads(line.removeprefix("data: "))
            if base64.b64decode(event["choices"][0]["delta"]["audio"]["data"]):
                first_s = time.monotonic()
    return first_s - proxy.first_s


class Page:
    """A client of the web chat."""

    def __init__(self, http: httpx.Client, socket: ClientConnection) -> None:
        self._http, self._socket = http, socket

    def speak(self, proxy: AudioProxy, text: str) -> float:
        """Send /say; return the seconds from the proxy to the first samples."""
        proxy.reset()
        form = {"id": (None, uuid4().hex), "text": (None, f"/say {text}")}
        self._http.post("/api/messages", files=form).raise_for_status()
        first_s = 0.0
        while (event := json.loads(self._socket.recv(timeout=30)))["type"] != "reply":
            if event["type"] == "sound" and not first_s and base64.b64decode(event["pcm"]):
                first_s = time.monotonic()
        return first_s - proxy.first_s


def speak_by_api(url: str, format: str, proxy: AudioProxy, text: str) -> float:
    """Ask the API for speech; return the seconds from the proxy to the first sound."""
    proxy.reset()
    body = {"model": "tts-1", "voice": "Mia", "input": text, "response_format": format}
    headers = {"Authorization": f"Bearer {API_KEY}"}
    count, first_s = 0, 0.0
    with (
        httpx.Client(timeout=30) as client,
        client.stream("POST", f"{url}/v1/audio/speech", json=body, headers=headers) as answer,
    ):
        for part in answer.iter_raw():
            count += len(part)
            if count > HEAD_BYTES and not first_s:
                first_s = time.monotonic()
    return first_s - proxy.first_s


@contextmanager
def open_page(url: str) -> Iterator[Page]:
    with httpx.Client(base_url=url, headers={"Origin": url}, timeout=30) as http:
        http.post("/api/session").raise_for_status()
        cookie = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
        headers = {"Cookie": cookie}
        address = f"{url.replace('http', 'ws')}/api/events"
        with connect(address, origin=Origin(url), additional_headers=headers) as socket:
            yield Page(http, socket)


def make_text(start: str, words: int) -> str:
    return f"{start} {' '.join(f'word{n}' for n in range(words - 1))}."


@cache
def measure() -> dict[str, float]:
    """Return the milliseconds of each side, text by text in turns."""
    mimo, telegram, port = Mimo(), Telegram(), free_port()
    rules = {"chunk_latency_s": CHUNK_S}
    mimo.http.post(f"{mimo.addresses['control']}/rules", json=rules).raise_for_status()
    proxy = AudioProxy(mimo.addresses["base_url"])
    settings = {"MIMO_BASE_URL": proxy.address, "MIMO_API_KEY": KEY, "WEB_PORT": str(port)}
    settings["API_KEYS"] = f"benchmark={API_KEY}"
    try:
        url = f"http://127.0.0.1:{port}"
        with bot(HEARSAY, telegram, None, **settings), open_page(url) as page:
            sides: dict[str, Callable[[AudioProxy, str], float]] = {
                "page": page.speak,
                **{format: partial(speak_by_api, url, format) for format in FORMATS},
                DIRECT: read_directly,
            }
            took: dict[str, list[float]] = {name: [] for name in sides}
            for number in range(TEXTS + WARM_UP):
                for name, speak in sides.items():
                    took[name].append(speak(proxy, make_text(f"{name}{number}", WORDS)))
    finally:
        mimo.close()
        telegram.close()
    return {name: 1000 * median(some[WARM_UP:]) for name, some in took.items()}


def read(name: str) -> Callable[[], Figures]:
    """Return how to measure one side."""
    return lambda: Figures(measure()[name], measure()[DIRECT])


ROWS = tuple(
    Row(f"streamed speech, {where}, after the service's", "ms", DIRECT, 5, read(name))
    for name, where in (("page", "page"), *((one, f"API as {one}") for one in FORMATS))
)
