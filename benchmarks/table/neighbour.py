"""How long a short voice note waits while an hour of another person is transcribed.

    python -m benchmarks neighbour

The speech service takes a tenth of each recording's length, and refuses files of more than 25 MB as
OpenAI does. Short notes of 5 s are sent one after the other as soon as the first piece of the hour
has reached the service; with the usual bot, one is sent a second after the hour.
"""

from __future__ import annotations

import time

from benchmarks.support.processes import HEARSAY, median, voice_notes, wait_for
from benchmarks.support.rows import NEEDS_FFMPEG, USUAL, Figures, Row
from benchmarks.support.sides import USUAL_BOT, Side, has_ffmpeg, run_service, run_side
from benchmarks.table.long import LENGTH_S, recording
from tests.emulators.openai import OpenAIServer

FACTOR, NOTES, SECONDS = 0.1, 5, 5
#: Until all places of the service are taken.
UNDER_WAY_S = 1.0


def send_short(side: Side, note: bytes) -> float:
    """Return the seconds until the text of a short note."""
    user = side.telegram.do("add_user")
    began_s = time.monotonic()
    side.telegram.send_voice(user, note, SECONDS)
    wait_for(lambda: side.telegram.do("replies", chat=user), 60)
    return time.monotonic() - began_s


def send_hour(side: Side) -> None:
    side.telegram.send_voice(side.telegram.do("add_user"), recording(), LENGTH_S)


def measure_ours(service: OpenAIServer, short: list[bytes]) -> float:
    asked = service.world.transcription_requests
    with run_side(HEARSAY, service) as side:
        send_short(side, short[0])
        asked.clear()
        send_hour(side)
        wait_for(lambda: asked, 60)
        time.sleep(UNDER_WAY_S)
        return median([send_short(side, note) for note in short[1:]])


def measure_usual(service: OpenAIServer, short: list[bytes]) -> float:
    with run_side(USUAL_BOT, service) as side:
        send_short(side, short[0])
        send_hour(side)
        time.sleep(UNDER_WAY_S)
        return send_short(side, short[1])


def measure() -> Figures:
    """Return the seconds until the text of a short note, of Hearsay and of the usual bot."""
    short = voice_notes(NOTES + 1, SECONDS)
    with run_service() as service:
        service.world.rules.realtime_factor = FACTOR
        ours_s = measure_ours(service, short)
        return Figures(ours_s, measure_usual(service, short) if has_ffmpeg() else NEEDS_FFMPEG)


ROWS = (Row("short note while an hour is transcribed, p50", "s", USUAL, 2, measure),)
