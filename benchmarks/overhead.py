"""What we add to a voice note before the speech service has its first byte.

    python -m benchmarks.overhead

A note of 15 s (OGG/Opus, 32 kbit/s) travels from the getUpdates answer that holds it to the
first byte of the request at the local MiMo, through `hearsay run` as a process between two local
servers. The other side, note by note in the same run, is a plain bot: see `usual_bot`. Bare
decoding is PyAV alone in this process. The steps come from a third process: see `watched_bot`.
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

from benchmarks.processes import (
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
from tests.support.sounds import decode

NOTES, WARM_UP, SECONDS = 15, 2, 15
STEPS = (
    ("intake commit", "Intake.add"),
    ("claim", "Jobs.claim"),
    ("settings of the chat", "Chats.settings"),
    ("getFile", "RawBot.get_file"),
    ("download", "TelegramFiles._download"),
    ("look for saved results", "Results.find"),
    ("decode in the child", "Media.pieces"),
    ("build the request", "build_transcription"),
)


class Side:
    """One bot with a Telegram of its own."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name, self.command = name, command
        self.took_s: list[float] = []
        #: From the update to the request, note by note.
        self.spans: list[tuple[float, float]] = []

    def start(self, stack: ExitStack, mimo: Mimo) -> None:
        self.telegram = Telegram()
        stack.callback(self.telegram.close)
        stack.enter_context(bot(self.command, self.telegram, mimo))
        self.mimo = mimo

    def send(self, note: bytes) -> None:
        """Send a note, wait for the answer, and note when the service was asked."""
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


def time_of(work: Callable[[], Any]) -> float:
    started_s = time.monotonic()
    work()
    return time.monotonic() - started_s


def measure(sides: list[Side], notes: list[bytes]) -> list[float]:
    """Send every note to every side in turn; return how long bare decoding took."""
    bare_s = []
    with ExitStack() as stack:
        mimo = Mimo()
        stack.callback(mimo.close)
        for side in sides:
            side.start(stack, mimo)
        for note in notes:
            for side in sides:
                side.send(note)
            bare_s.append(time_of(lambda: decode(note, 16_000)))  # noqa: B023
    return bare_s[WARM_UP:]


def show_steps(side: Side, report: dict[str, Any]) -> None:
    rows: list[tuple[object, ...]] = [("where the time goes (p50, ms)", "each", "calls a note")]
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
    rows.append(("the rest: reading, waiting for turns, the wire", ms(rest_s), ""))
    show("Steps of one note", rows)


def main() -> None:
    notes = voice_notes(NOTES + WARM_UP, SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        ours = Side("hearsay run", ["-m", "bots", "run"])
        watched = Side("the same, watched", ["-m", "benchmarks.watched_bot", str(report)])
        usual = Side("usual way", ["-m", "benchmarks.usual_bot"])
        sides = [ours, watched]
        if shutil.which("ffmpeg"):
            sides.append(usual)
        else:
            print("no ffmpeg here: the usual way is left out")
        bare_s = measure(sides, notes)
        found = json.loads(report.read_text())
    rows: list[tuple[object, ...]] = [("", "p50 ms", "p95 ms")]
    for name, took_s in [(s.name, s.took_s[WARM_UP:]) for s in sides] + [("bare PyAV", bare_s)]:
        rows.append((name, ms(median(took_s)), ms(quantile(took_s, 0.95))))
    show(f"From the update to the request's first byte, {NOTES} notes of {SECONDS} s", rows)
    ours_s = median(ours.took_s[WARM_UP:])
    added_s = ours_s - median(bare_s)
    targets: list[tuple[object, ...]] = [("", "figure", "target")]
    targets.append(("p50 on top of bare decoding", f"{ms(added_s)} ms", "≤ 20 ms"))
    if usual.took_s:
        ratio = median(usual.took_s[WARM_UP:]) / ours_s
        targets.append(("usual way / ours, p50", f"{ratio:.1f} ×", "≥ 3 ×"))
    show("Targets", targets)
    show_steps(watched, found)


if __name__ == "__main__":
    main()
