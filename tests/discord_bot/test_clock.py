"""One clock for what takes long, as people see it on Discord."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.clock import Clock
from core.interfaces import TranscriberLimits
from core.limits import AccountGate
from core.models import parse_budget
from core.requester import BudgetRules
from tests.support.audio_samples import file, speech
from tests.support.discord_load import LoadedDiscord, run_loaded


@pytest.fixture
async def slow(tmp_path: Path, clock: Clock) -> AsyncIterator[LoadedDiscord]:
    """A program whose engine takes one call a minute."""
    async with run_loaded(tmp_path) as discord:
        limits = TranscriberLimits(calls_per_minute=1)
        discord.loopback.transcription.gate = AccountGate("slow", limits, clock=clock)
        yield discord


async def test_who_waits_is_told_at_once_and_may_cancel(slow: LoadedDiscord, clock: Clock) -> None:
    server, channels = slow.server, await slow.add_channels(3)
    for seconds, channel in enumerate(channels, 3):
        person, sound = server.world.channels[channel].recipient_id, file("wav", speech(seconds))
        server.send_voice(channel, person, sound, claims={"mime": "audio/wav"}, duration=seconds)
        await clock.sleep(0.5)
    await clock.sleep(3)
    [told] = server.replies(channels[2])
    assert told.content == (
        "0% · 0:00 of 0:05 · place 2 in the queue · about 2 min left · waiting for the AI service"
    )
    assert told.labels == ["Cancel"]
    await clock.sleep(150)
    answers = [server.replies(channel)[-1].content for channel in channels]
    assert answers == ["> call 1", "> call 2", "> call 3"]


async def test_much_of_a_budget_is_asked_about_first(slow: LoadedDiscord, clock: Clock) -> None:
    slow.loopback.budgets.rules = BudgetRules(of_people=parse_budget("4 min/day"))
    server, [channel] = slow.server, await slow.add_channels(1)
    person, sound = server.world.channels[channel].recipient_id, file("wav", speech(61.0))
    server.send_voice(channel, person, sound, claims={"mime": "audio/wav"}, duration=61)
    await clock.sleep(5)
    [question] = server.replies(channel)
    assert question.content.startswith("This takes up to 1.1 min, and 4 min of your 4 min per day")
    assert question.labels == ["Go"] and not slow.loopback.engine.calls
    server.press(question.message_id, person, label="Go")
    await clock.sleep(150)
    assert "call 1" in server.replies(channel)[-1].content
