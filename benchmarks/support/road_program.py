"""The traced program of `benchmarks.road`: one platform, and a user who sends voice messages.

python -m benchmarks.support.road_program ROAD COUNT REPORT   # writes REPORT as JSON
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Protocol

import httpx
from websockets.sync.client import connect
from websockets.typing import Origin

from benchmarks.support.instant import HEARD, Instant, plug_in
from benchmarks.support.processes import voice_notes, wait_for
from benchmarks.support.road_trace import Function, Recorder, find_road
from tests.emulators.discord import DiscordServer
from tests.emulators.telegram import TelegramServer
from tests.support.ports import free_port

NOTE_S = 4
#: What would count or not by chance: periodic work does not happen, and progress is shown always.
INTERVALS_S = {
    "bots.discord_bot.client.heartbeats:BEAT_S": 3600.0,
    "bots.discord_bot.client.pacing:GAP_S": 0.0,
    "bots.discord_bot.incoming.intake:FLUSH_S": 3600.0,
    "core.jobs.runner:IDLE_S": 3600.0,
    "core.operations.chores:IDLE_S": 3600.0,
    "core.operations.delays:CHECK_S": 3600.0,
    "core.operations.incidents:CHECK_S": 3600.0,
}
#: Recording time after a reply, and length of the pause after it. Together they are longer than
#: the interval between messages that rate limits demand.
SETTLE_S, PAUSE_S = 0.6, 0.6
KEY = "sk-benchmark-0123456789"


class Sender(Protocol):
    """A user of one platform."""

    #: The program's settings for the platform.
    settings: dict[str, str]

    def connect(self, url: str) -> None:
        """Connect to the program. url: its web address."""

    def send(self, note: bytes) -> None:
        """Send a voice note and wait for the finished reply."""


class Telegram:
    def __init__(self) -> None:
        self._server = TelegramServer()
        self._server.start()
        self.settings = self._server.settings

    def connect(self, url: str) -> None:
        self._person = self._server.add_user()

    def send(self, note: bytes) -> None:
        sent = self._server.send_voice(self._person, self._person, note, duration=NOTE_S)
        wait_for(lambda: any(HEARD in a.text for a in self._server.replies_to(self._person, sent)))


class Discord:
    def __init__(self) -> None:
        self._server = DiscordServer()
        self._server.start()
        self.settings = {
            "DISCORD_BOT_TOKEN": self._server.token,
            "DISCORD_API_BASE_URL": self._server.api_base_url,
        }

    def connect(self, url: str) -> None:
        wait_for(self._server.connected)
        self._person = self._server.add_user()

    def send(self, note: bytes) -> None:
        channel = self._server.dm(self._person)
        sent = self._server.send_voice(channel, self._person, note, duration=NOTE_S)
        wait_for(lambda: any(HEARD in a.content for a in self._server.replies_to(sent)))


class Transcriptions:
    def __init__(self) -> None:
        self.settings = {"API_KEYS": f"benchmark={KEY}"}

    def connect(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"})

    def send(self, note: bytes) -> None:
        answer = self._http.post(
            "/v1/audio/transcriptions",
            data={"model": "whisper-1"},
            files={"file": ("note.ogg", note)},
        )
        assert answer.json().get("text") == HEARD, answer.text


class Web:
    def __init__(self) -> None:
        self.settings: dict[str, str] = {}
        self._sent = 0

    def connect(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"Origin": url})
        self._http.post("/api/session").raise_for_status()
        cookie = "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())
        address = url.replace("http", "ws") + "/api/events"
        headers = {"Cookie": cookie}
        self._events = connect(address, origin=Origin(url), additional_headers=headers)

    def send(self, note: bytes) -> None:
        self._sent += 1
        message = {"id": f"message-{self._sent}", "kind": "voice", "duration_s": str(NOTE_S)}
        files = {"file": ("note.ogg", note, "audio/ogg; codecs=opus")}
        self._http.post("/api/messages", data=message, files=files).raise_for_status()
        while HEARD not in str(json.loads(self._events.recv(timeout=30)).get("reply")):
            pass


SENDERS: dict[str, type[Sender]] = {
    "telegram": Telegram,
    "discord": Discord,
    "transcriptions": Transcriptions,
    "web": Web,
}


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def wake_up(url: str) -> None:
    """Let the program's event loop, which sleeps in a pause, make a step."""
    _, _, port = url.rpartition(":")
    socket.create_connection(("127.0.0.1", int(port))).close()


def drive(sender: Sender, url: str, recorder: Recorder, count: int) -> dict[Function, int]:
    """Send one message more than counts, stop the program, and return the functions called."""
    messages, pauses = [], []
    try:
        notes = voice_notes(count + 1, NOTE_S)
        wait_for(lambda: is_ready(url))
        sender.connect(url)
        for note in notes:
            messages.append(recorder.record())
            sender.send(note)
            time.sleep(SETTLE_S)
            pauses.append(recorder.record())
            wake_up(url)
            time.sleep(PAUSE_S)
        recorder.stop()
        return find_road(messages[1:], pauses[1:])
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def trace(name: str, count: int, report: Path) -> None:
    """Run the program in this process and write the functions called to `report`."""
    sender, port, recorder = SENDERS[name](), free_port(), Recorder()
    os.environ.update(
        sender.settings, TRANSCRIBER=Instant.name, SYNTHESIZER=Instant.name, WEB_PORT=str(port)
    )
    plug_in()
    # Imported after the environment is set: the entry point of the command `hearsay`.
    from bots.cli import main as hearsay

    for place, interval_s in INTERVALS_S.items():
        module, _, constant = place.partition(":")
        setattr(import_module(module), constant, interval_s)

    with ThreadPoolExecutor() as pool:
        # Started before profiling, because servers and sender use some of the program's code.
        road = pool.submit(drive, sender, f"http://127.0.0.1:{port}", recorder, count)
        recorder.install()
        sys.argv = ["hearsay", "run"]
        try:
            hearsay()
        except SystemExit as end:
            assert not end.code, end
        rows = [(*function, returns) for function, returns in road.result().items()]
    report.write_text(json.dumps(rows))


if __name__ == "__main__":
    trace(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
