"""Voice notes on a local Discord: notes a second and calls, within Discord's limits.

    python -m benchmarks discord

Two hundred people send a note of 15 s at once. Discord allows fifty calls a second in all, and five
messages in five seconds in each channel; the local one refuses more.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from typing import Any, NamedTuple

from benchmarks.support.processes import Discord, program, wait_for
from benchmarks.support.rows import Figures, Row
from benchmarks.support.sides import NOTE_S, notes, run_service
from tests.emulators.discord.traffic import GLOBAL_LIMIT

NOTES, WARM_UP = 200, 1
#: What a note needs: that somebody types, and the text.
CALLS = 2
SENT, TYPING = "POST /channels/{channel}/messages", "POST /channels/{channel}/typing"


class Found(NamedTuple):
    """What happened to the notes."""

    notes_per_s: float
    typing_per_channel: float
    refused: int


@contextmanager
def run_program(discord: Discord, service_url: str) -> Iterator[None]:
    settings = {
        **{"OPENAI_BASE_URL": service_url, "MODEL_PROBE": "off"},
        "DISCORD_BOT_TOKEN": discord.addresses["token"],
        "DISCORD_API_BASE_URL": discord.addresses["api_base_url"],
    }

    def wait_until_ready() -> None:
        wait_for(lambda: discord.do("connected"))
        wait_for(lambda: discord.do("commands"))

    with program(wait_until_ready, **settings):
        yield


def send(discord: Discord, many: list[bytes]) -> float:
    """Send each note as a new user; return the seconds until the last text."""
    people = [discord.do("add_user") for _ in many]
    channels = [discord.do("dm", user=person) for person in people]
    discord.do("clear_requests")
    began_s = time.monotonic()
    for note, channel, person in zip(many, channels, people, strict=True):
        discord.send_voice(channel, person, note, NOTE_S)
    wait_for(lambda: len(find_sent(discord)) >= len(many), 120, 0.2)
    return max(float(one["received_at"]) for one in find_sent(discord)) - began_s


def find_sent(discord: Discord) -> list[dict[str, Any]]:
    return [one for one in discord.do("requests_to", pattern=SENT) if one["status"] == 200]


@cache
def measure() -> Found:
    with closing(Discord()) as discord, run_service() as service:
        discord.do("set_limits", is_strict=True)
        with run_program(discord, service.base_url):
            many = notes(NOTES + WARM_UP)
            send(discord, many[:WARM_UP])
            took_s = send(discord, many[WARM_UP:])
            typing = Counter(one["path"] for one in discord.do("requests_to", pattern=TYPING))
            refused = sum(discord.do("violations").values())
    return Found(NOTES / took_s, max(typing.values(), default=0), refused)


def read(figure: Callable[[Found], float], other: float) -> Callable[[], Figures]:
    return lambda: Figures(figure(measure()), other)


ROWS = (
    Row(
        f"Discord, notes a second, {NOTES} at once",
        "",
        "50 calls a second, two a note",
        20,
        read(lambda one: one.notes_per_s, GLOBAL_LIMIT / CALLS),
        is_minimum=True,
    ),
    Row(
        "Discord, most typing calls in a channel",
        "",
        "one",
        1,
        read(lambda one: one.typing_per_channel, 1),
    ),
    Row("Discord, refused as too many (429)", "", "none", 0, read(lambda one: one.refused, 0)),
)
