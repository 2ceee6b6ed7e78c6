"""Voice notes of 15 s on a local Telegram: time to first sign and text, notes a second, CPU time.

    python -m benchmarks notes

Both bots use the same speech service, which takes no time. Times are from the getUpdates response
that contains the note to the response to the bot's request, note by note in turns. At a round trip
of 100 ms each request, to Telegram and to the service, is answered that much later.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache

from benchmarks.support.processes import HEARSAY, median
from benchmarks.support.rows import NEEDS_FFMPEG, USUAL, Figures, Row
from benchmarks.support.sides import (
    AT_ONCE,
    CHATS,
    USUAL_BOT,
    WARM_UP_AT_ONCE,
    Side,
    Work,
    has_ffmpeg,
    notes,
    run_service,
    run_side,
)
from tests.emulators.openai import OpenAIServer
from tests.support.audio_samples import decode

WARM_UP, NEAR, FAR = 2, 12, 6
ROUND_TRIP_S = 0.1
PYAV = "bare PyAV"
#: Where PyAV takes 29 ms for a note, that is 50 ms.
CPU_RATIO = 50 / 29


@dataclass
class Found:
    """The figures of one bot."""

    first_sign_ms: float = 0.0
    text_ms: float = 0.0
    far_text_ms: float = 0.0
    requests: float = 0.0
    refused: int = 0
    work: Work = field(default_factory=Work)


def measure_one_by_one(sides: list[Side], service: OpenAIServer, found: list[Found]) -> None:
    times: list[list[tuple[float, float]]] = [[] for _ in sides]
    for number, note in enumerate(notes(WARM_UP + NEAR + FAR)):
        is_far = number >= WARM_UP + NEAR
        service.world.rules.latency_s = ROUND_TRIP_S * is_far
        for side, took in zip(sides, times, strict=True):
            side.set_delay(ROUND_TRIP_S * is_far)
            took.append(side.send(note))
    service.world.rules.latency_s = 0.0
    for side, took, figures in zip(sides, times, found, strict=True):
        side.set_delay(0)
        near, far = took[WARM_UP : WARM_UP + NEAR], took[WARM_UP + NEAR :]
        figures.first_sign_ms = 1000 * median([first_s for first_s, _ in near])
        figures.text_ms = 1000 * median([text_s for _, text_s in near])
        figures.far_text_ms = 1000 * median([text_s for _, text_s in far])


def measure_at_once(side: Side, service: OpenAIServer, found: Found) -> None:
    asked = service.world.transcription_requests
    side.telegram.do("set_limits", is_strict=True)
    # As many worker processes run as will.
    side.send_at_once(notes(AT_ONCE)[:WARM_UP_AT_ONCE], WARM_UP_AT_ONCE)
    asked.clear()
    found.work = side.measure_at_once(notes(WARM_UP + NEAR + FAR + AT_ONCE)[-AT_ONCE:], CHATS)
    # To a tenth: a note or two may be sent again.
    found.requests = round((side.count_requests() + len(asked)) / AT_ONCE, 1)
    found.refused = sum(side.telegram.do("violations").values())


@cache
def measure() -> list[Found]:
    """Return the figures of Hearsay and, with ffmpeg, of the usual bot."""
    commands = [HEARSAY, USUAL_BOT] if has_ffmpeg() else [HEARSAY]
    found = [Found() for _ in commands]
    with ExitStack() as stack:
        service = stack.enter_context(run_service())
        sides = [stack.enter_context(run_side(command, service)) for command in commands]
        measure_one_by_one(sides, service, found)
        for side, figures in zip(sides, found, strict=True):
            measure_at_once(side, service, figures)
    return found


def read(figure: Callable[[Found], float]) -> Callable[[], Figures]:
    """Return how to measure one figure of both bots."""

    def both() -> Figures:
        ours, *other = map(figure, measure())
        return Figures(ours, other[0] if other else NEEDS_FFMPEG)

    return both


@cache
def measure_decoding_ms() -> float:
    """Return the processor time of a note for PyAV alone, in this process."""
    some = notes(WARM_UP + NEAR + FAR + AT_ONCE)[-20:]
    began_s = time.process_time()
    for note in some:
        decode(note, 16_000)
    return 1000 * (time.process_time() - began_s) / len(some)


def beside_decoding(figure: Callable[[Work], float]) -> Callable[[], Figures]:
    """Return how to measure one figure of ours, which depends on the machine as decoding does."""
    return lambda: Figures(figure(measure()[0].work), measure_decoding_ms())


ROWS = (
    Row("first sign, p50", "ms", USUAL, 12, read(lambda one: one.first_sign_ms)),
    Row("text, p50", "ms", USUAL, 80, read(lambda one: one.text_ms)),
    Row("text at a round trip of 100 ms, p50", "ms", USUAL, 885, read(lambda o: o.far_text_ms)),
    Row(
        f"notes a second, {AT_ONCE} in {CHATS} chats",
        "",
        USUAL,
        12,
        read(lambda one: AT_ONCE / one.work.took_s),
        is_minimum=True,
    ),
    Row("refused as too many (429)", "", USUAL, 0, read(lambda one: one.refused)),
    Row("HTTP calls of a note", "", USUAL, 5, read(lambda one: one.requests)),
    Row("processor time of a note", "ms", USUAL, 50, read(lambda one: one.work.all_ms)),
    Row("of that the program itself", "ms", USUAL, 22, read(lambda one: one.work.parent_ms)),
    Row(
        "of that decoding", "ms", PYAV, 1.2, beside_decoding(lambda o: o.children_ms), is_ratio=True
    ),
    Row("all of it", "ms", PYAV, CPU_RATIO, beside_decoding(lambda o: o.all_ms), is_ratio=True),
)
