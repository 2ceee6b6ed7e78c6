"""L9: the same long answer is spoken to many people, which Telegram slows down."""

from __future__ import annotations

import time

import pytest

from tests.chaos.load.systems import UNLIMITED, System
from tests.chaos.report import add_table
from tests.emulators.telegram.traffic import SPACED_BYTES

pytestmark = [pytest.mark.chaos, pytest.mark.real_time, pytest.mark.long]

PEOPLE = 20
TEXT = " ".join(f"number {number} of the words to be spoken" for number in range(8))


async def test_equal_voice_notes_reach_everybody(system: System) -> None:
    telegram = system.telegram
    telegram.set_limits(is_strict=True)
    system.overrides |= UNLIMITED
    await system.start()
    people = [telegram.add_user(f"Person {number}") for number in range(PEOPLE)]
    began_s = time.monotonic()
    for one in people:
        telegram.send_command(one, one, f"/say {TEXT}")
    assert await system.settle(PEOPLE, 300) == {"done": PEOPLE}
    took_s = time.monotonic() - began_s
    voices = [answer.file for one in people for answer in telegram.replies(one) if answer.file]
    sizes = {len(voice.data) for voice in voices}
    statuses = [one.status for one in telegram.requests_to("sendVoice")]
    add_table(
        f"{system.title}: one text spoken to {PEOPLE} people",
        ("voice notes", "bytes", "429", "seconds"),
        [(len(voices), sizes, statuses.count(429), f"{took_s:.0f}")],
    )
    assert len(voices) == PEOPLE and min(sizes) > SPACED_BYTES
    assert "Traceback" not in system.whole_log
