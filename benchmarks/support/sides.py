"""Hearsay and the usual bot side by side: each with its own local Telegram, one speech service."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache

import psutil

from benchmarks.support.processes import Telegram, bot, wait_for
from tests.emulators.openai import OpenAIServer, Rules
from tests.support.audio_samples import file, speech

NOTE_S = 15
HEARD = "heard"
USUAL_BOT = ("-m", "benchmarks.usual_bot")
#: Of the notes that come together: the first ones start the worker processes.
WARM_UP_AT_ONCE, AT_ONCE, CHATS = 6, 100, 50
#: What shows a person that a message has arrived.
SIGNS = ("setMessageReaction", "sendChatAction", "sendMessageDraft", "sendMessage")


def has_ffmpeg() -> bool:
    return shutil.which("ffmpeg") is not None


def notes(count: int) -> list[bytes]:
    """Return different voice notes of 15 s; results for the same one would be saved."""
    return [make_note(number) for number in range(count)]


@cache
def make_note(number: int) -> bytes:
    return file("ogg-opus", speech(NOTE_S + number * 0.4)[-NOTE_S * 32_000 :])


@dataclass(frozen=True)
class Work:
    """Seconds until the last text, and milliseconds of processor time of a note."""

    took_s: float = 0.0
    parent_ms: float = 0.0
    children_ms: float = 0.0

    @property
    def all_ms(self) -> float:
        return self.parent_ms + self.children_ms


class Side:
    """A bot as a process, and its Telegram."""

    def __init__(self, telegram: Telegram, process: psutil.Process) -> None:
        self.telegram, self.process = telegram, process

    def send(self, note: bytes, user: int | None = None) -> tuple[float, float]:
        """Send a note; return the seconds from its update to first sign and text.

        user: by default a new one.
        """
        telegram = self.telegram
        telegram.wait_for_poll()
        user = telegram.do("add_user") if user is None else user
        known = len(telegram.do("replies", chat=user))
        before_s = time.monotonic()
        telegram.send_voice(user, note, NOTE_S)
        wait_for(lambda: len(telegram.do("replies", chat=user)) > known)
        shown_s = min(p["responded_at"] for p in telegram.polls() if p["responded_at"] > before_s)
        # Until what comes after the reply has ended.
        time.sleep(0.3)
        sent = {name: telegram.do("requests_to", method=name, chat=user) for name in SIGNS}
        first_s = min(
            one["responded_at"]
            for found in sent.values()
            for one in found
            if one["responded_at"] > before_s
        )
        return first_s - shown_s, sent["sendMessage"][known]["responded_at"] - shown_s

    def send_at_once(self, many: Sequence[bytes], chats: int) -> float:
        """Send notes in so many chats; return the seconds until the last text."""
        telegram = self.telegram
        users = [telegram.do("add_user") for _ in range(chats)]
        telegram.do("clear_requests")
        began_s = time.monotonic()
        for number, note in enumerate(many):
            telegram.send_voice(users[number % chats], note, NOTE_S)
        wait_for(lambda: self._count_texts() >= len(many), 120, 0.2)
        return max(float(one["responded_at"]) for one in self._texts()) - began_s

    def measure_at_once(self, many: Sequence[bytes], chats: int) -> Work:
        """Send notes in so many chats; return what they took."""
        own_s, children_s = self.cpu_s()
        took_s = self.send_at_once(many, chats)
        own_after_s, children_after_s = self.cpu_s()
        own_ms, children_ms = 1000 * (own_after_s - own_s), 1000 * (children_after_s - children_s)
        return Work(took_s, own_ms / len(many), children_ms / len(many))

    def _texts(self) -> list[dict[str, float]]:
        return [
            one
            for one in self.telegram.do("requests_to", method="sendMessage")
            if one["status"] == 200
        ]

    def _count_texts(self) -> int:
        return len(self._texts())

    def count_requests(self) -> int:
        """Return the number of requests to Telegram but getUpdates."""
        counts: dict[str, int] = self.telegram.do("request_counts")
        return sum(count for name, count in counts.items() if name != "getUpdates")

    def set_delay(self, seconds: float) -> None:
        """Answer every request so much later."""
        self.telegram.do("clear_faults")
        if seconds:
            self.telegram.do("fault", pattern="*", kind="delay", count=None, delay_s=seconds)

    def cpu_s(self) -> tuple[float, float]:
        """Return the processor time of the bot itself and of its children, ended ones too."""
        times = self.process.cpu_times()
        children = times.children_user + times.children_system
        for child in self.process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                own = child.cpu_times()
                children += own.user + own.system
        return times.user + times.system, children

    def memory_mb(self) -> float:
        """Return the proportional set size of the bot and its children."""
        size_mb = 0.0
        for one in (self.process, *self.process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # a worker process that has just ended
                size_mb += float(one.memory_full_info().pss) / 2**20
        return size_mb


@contextmanager
def run_side(command: Sequence[str], service: OpenAIServer, **more: str) -> Iterator[Side]:
    """Run a bot with a Telegram of its own. more: environment variables."""
    with ExitStack() as stack:
        telegram = Telegram()
        stack.callback(telegram.close)
        settings = {"OPENAI_BASE_URL": service.base_url, "MODEL_PROBE": "off", **more}
        process = stack.enter_context(bot(command, telegram, None, **settings))
        yield Side(telegram, psutil.Process(process.pid))


@contextmanager
def run_service() -> Iterator[OpenAIServer]:
    """Run a speech service that takes no time."""
    service = OpenAIServer(Rules(transcript=HEARD))
    service.start()
    try:
        yield service
    finally:
        service.stop()
