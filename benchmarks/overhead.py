"""Time from a Telegram update to the speech request against a plain python-telegram-bot bot.

    python -m benchmarks.overhead

Measured for voice messages of 15 s (OGG/Opus, 32 kbit/s), from the getUpdates response that
contains the message to the first byte of the request at the local MiMo. For comparison, message
by message in the same run, a plain bot (`usual_bot`) and decoding with PyAV alone. A third
process (`watched_bot`) measures the single steps.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.support.processes import (
    Mimo,
    Telegram,
    bot,
    median,
    ms,
    quantile,
    show,
    voice_notes,
    wait_for,
)
from tests.support.audio_samples import decode

NOTES, WARM_UP, SECONDS = 15, 2, 15
STEPS = (
    ("save message and job", "Intake.add"),
    ("claim the job", "Jobs.claim"),
    ("settings of the chat", "Chats.settings"),
    ("getFile", "RawBot.get_file"),
    ("download", "TelegramFiles._download"),
    ("look for saved results", "Results.find"),
    ("decode in a worker process", "Media.pieces"),
    ("build the request", "build_transcription"),
)


class Side:
    """A bot with its own local Telegram."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name, self.command = name, command
        self.took_s: list[float] = []
        #: Times of update and request, one pair per message.
        self.spans: list[tuple[float, float]] = []

    def start(self, stack: ExitStack, mimo: Mimo) -> None:
        self.telegram = Telegram()
        stack.callback(self.telegram.close)
        stack.enter_context(bot(self.command, self.telegram, mimo))
        self.mimo = mimo

    def send(self, note: bytes) -> None:
        """Send a voice message, wait for the reply, and record the time of the speech request."""
        telegram, known = self.telegram, len(self.mimo.requests())
        user = telegram.do("add_user")
        before_s = time.monotonic()
        telegram.send_voice(user, note, SECONDS)
        wait_for(lambda: telegram.do("replies", chat=user))
        shown_s = min(p["responded_at"] for p in telegram.polls() if p["responded_at"] > before_s)
        asked_s = self.mimo.requests()[known]["started_at_s"]
        self.spans.append((shown_s, asked_s))
        self.took_s.append(asked_s - shown_s)
        time.sleep(0.15)


def measure_s(work: Callable[[], Any]) -> float:
    started_s = time.monotonic()
    work()
    return time.monotonic() - started_s


def measure(sides: list[Side], notes: list[bytes]) -> list[float]:
    """Send every voice message to each bot in turn; return the times of decoding alone."""
    bare_s = []
    with ExitStack() as stack:
        mimo = Mimo()
        stack.callback(mimo.close)
        for side in sides:
            side.start(stack, mimo)
        for note in notes:
            for side in sides:
                side.send(note)
            bare_s.append(measure_s(lambda: decode(note, 16_000)))  # noqa: B023
    return bare_s[WARM_UP:]


def show_steps(side: Side, report: dict[str, Any]) -> None:
    rows: list[tuple[object, ...]] = [("step", "p50 ms", "calls")]
    spans = side.spans[WARM_UP:]
    accounted_s = 0.0
    for label, name in STEPS:
        inside = [
            [end - start for start, end in report["spans"].get(name, []) if a <= start <= b]
            for a, b in spans
        ]
        each_s = median([sum(one) for one in inside])
        accounted_s += each_s
        rows.append((label, ms(each_s), f"{sum(map(len, inside)) / len(inside):.0f}"))
    rest_s = median([b - a for a, b in spans]) - accounted_s
    rows.append(("rest: parsing, event loop, network", ms(rest_s), ""))
    show("Steps of one voice message", rows)


def main() -> None:
    notes = voice_notes(NOTES + WARM_UP, SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        ours = Side("hearsay run", ["-m", "bots", "run"])
        watched = Side(
            "hearsay run, instrumented", ["-m", "benchmarks.support.watched_bot", str(report)]
        )
        usual = Side("plain bot", ["-m", "benchmarks.support.usual_bot"])
        sides = [ours, watched]
        if shutil.which("ffmpeg"):
            sides.append(usual)
        else:
            print("ffmpeg is not installed: the plain bot is left out")
        bare_s = measure(sides, notes)
        found = json.loads(report.read_text())
    rows: list[tuple[object, ...]] = [("", "p50 ms", "p95 ms")]
    for name, took_s in [(s.name, s.took_s[WARM_UP:]) for s in sides] + [("PyAV alone", bare_s)]:
        rows.append((name, ms(median(took_s)), ms(quantile(took_s, 0.95))))
    show(f"From the update to the speech request, {NOTES} voice messages of {SECONDS} s", rows)
    ours_s = median(ours.took_s[WARM_UP:])
    added_s = ours_s - median(bare_s)
    targets: list[tuple[object, ...]] = [("", "measured", "target")]
    targets.append(("p50 added to decoding", f"{ms(added_s)} ms", "≤ 20 ms"))
    if usual.took_s:
        ratio = median(usual.took_s[WARM_UP:]) / ours_s
        targets.append(("plain bot / ours, p50", f"{ratio:.1f} ×", "≥ 3 ×"))
    show("Targets", targets)
    show_steps(watched, found)


if __name__ == "__main__":
    main()
