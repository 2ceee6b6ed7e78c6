"""The program at rest beside the usual bot: start-up time, processor time and memory.

    python -m benchmarks idle

Hearsay runs with Telegram and the web page. A start is from the new process to its first getUpdates
request, with a database that exists. Then each bot answers one voice note, so that it has loaded
what it needs, and is left alone.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import cache
from typing import NamedTuple

from benchmarks.support.processes import HEARSAY, Telegram, bot, median
from benchmarks.support.rows import USUAL, Figures, Row
from benchmarks.support.sides import (
    USUAL_BOT,
    has_ffmpeg,
    notes,
    run_service,
    run_side,
)

#: The first start makes the database and is left out.
STARTS = 6
#: Until what is done once after a start and a note is over, which ends a worker process after half
#: a minute; then the time in which work is measured.
QUIET_S, IDLE_S = 35.0, 60.0


class Rest(NamedTuple):
    """A bot at rest."""

    cpu_ms_per_s: float
    memory_mb: float


def measure_start(command: tuple[str, ...], home: str) -> float:
    with closing(Telegram()) as telegram:
        began_s = time.monotonic()
        settings = {"HEARSAY_HOME": home, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
        with bot(command, telegram, None, MODEL_PROBE="off", **settings):
            return float(telegram.polls()[0]["received_at"]) - began_s


def measure_starts() -> Figures:
    """Return the seconds until the first getUpdates request of both bots, started in turns."""
    with tempfile.TemporaryDirectory(prefix="hearsay-benchmark-") as home:
        pairs = [
            (measure_start(HEARSAY, home), measure_start(USUAL_BOT, home)) for _ in range(STARTS)
        ][1:]
    return Figures(median([ours for ours, _ in pairs]), median([other for _, other in pairs]))


@cache
def measure_rest() -> tuple[Rest, ...]:
    """Return both bots at rest, side by side."""
    with ExitStack() as stack:
        service = stack.enter_context(run_service())
        sides = [stack.enter_context(run_side(one, service)) for one in (HEARSAY, USUAL_BOT)]
        for side in sides if has_ffmpeg() else sides[:1]:
            side.send(notes(1)[0])
        time.sleep(QUIET_S)
        before_s = [sum(side.cpu_s()) for side in sides]
        time.sleep(IDLE_S)
        return tuple(
            Rest(1000 * (sum(side.cpu_s()) - busy_s) / IDLE_S, side.memory_mb())
            for side, busy_s in zip(sides, before_s, strict=True)
        )


def read(figure: Callable[[Rest], float]) -> Callable[[], Figures]:
    """Return how to measure one figure of both bots."""
    return lambda: Figures(*map(figure, measure_rest()))


ROWS = (
    Row("start to the first getUpdates", "s", USUAL, 1.0, measure_starts),
    Row("idle processor time a second", "ms", USUAL, 0.5, read(lambda one: one.cpu_ms_per_s)),
    Row("idle memory, proportional", "MB", USUAL, 85, read(lambda one: one.memory_mb)),
)
