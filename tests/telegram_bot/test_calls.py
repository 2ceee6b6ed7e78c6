"""Calls to Telegram: how many one voice message takes, which come first, how many fit a second."""

from __future__ import annotations

import pytest

from bots.telegram_bot.bot import TelegramBot as Bot
from core.clock import Clock
from core.models import Reply
from tests.emulators.telegram import TelegramServer as Server
from tests.support.audio_samples import recording
from tests.support.telegram_inbox import make_target

NOTE = recording("cards-001.wav")
NOTES, CHATS = 100, 50
#: Notes that a bot answers each second without a wait that Telegram did not ask for.
LEAST_NOTES_PER_S = 12


@pytest.mark.usefixtures("whole")
async def test_a_voice_message_takes_four_calls(telegram: Server, ann: int) -> None:
    """And the long poll that confirms it."""
    await telegram.wait_for(lambda: telegram.requests_to("getUpdates"))
    telegram.clear_requests()
    telegram.send_voice(ann, ann, NOTE)
    await telegram.wait_for(lambda: telegram.replies(ann))
    calls = [call for call in telegram.requests if call.method != "getUpdates"]
    methods = sorted(call.method for call in calls)
    assert methods == ["download", "getFile", "sendMessage", "setMessageReaction"]
    assert len({call.connection for call in calls}) <= 2, "the reaction waits for no other call"


@pytest.mark.usefixtures("whole")
async def test_the_text_waits_for_the_file_alone(telegram: Server, ann: int) -> None:
    """However long other calls take: each that is waited for costs a round trip."""
    for method, delay_s in (("getFile", 1.0), ("setMessageReaction", 9.0), ("*Draft", 9.0)):
        telegram.fault(method, "delay", delay_s=delay_s, count=None)
    telegram.send_voice(ann, ann, NOTE)
    await telegram.wait_for(lambda: telegram.replies(ann))
    [asked], [sent] = telegram.requests_to("getFile"), telegram.requests_to("sendMessage")
    assert sent.received_at - asked.received_at == pytest.approx(1.0, abs=0.01)


@pytest.mark.usefixtures("whole")
async def test_the_reaction_waits_for_nothing(telegram: Server, ann: int, clock: Clock) -> None:
    started_s = clock.monotonic()
    telegram.send_voice(ann, ann, NOTE)
    await telegram.wait_for(lambda: telegram.replies(ann))
    [reaction] = telegram.requests_to("setMessageReaction")
    [answer] = telegram.requests_to("sendMessage")
    assert reaction.received_at - started_s < 0.01, "virtual time passes only where we sleep"
    assert reaction.received_at <= answer.received_at


@pytest.mark.usefixtures("whole")
async def test_many_notes_stay_within_telegrams_limits(telegram: Server, clock: Clock) -> None:
    telegram.set_limits(is_strict=True)
    people = [telegram.add_user(f"P{number}") for number in range(CHATS)]
    started_s = clock.monotonic()
    for number in range(NOTES):
        telegram.send_voice(people[number % CHATS], people[number % CHATS], NOTE)
    await telegram.wait_for(lambda: len(telegram.requests_to("sendMessage")) == NOTES, 60)
    sent = telegram.requests_to("sendMessage")
    assert NOTES / (max(call.received_at for call in sent) - started_s) >= LEAST_NOTES_PER_S
    assert telegram.violations() == {}
    assert {call.status for call in telegram.requests if call.responded_at} == {200}
    assert len(telegram.requests_to("setMessageReaction")) == NOTES


@pytest.mark.parametrize(("is_group", "after_s"), [(False, 1.0), (True, 2.5)])
async def test_a_recording_that_is_soon_transcribed_is_answered_without_a_draft(
    is_group: bool, after_s: float, telegram: Server,
    bot: Bot, ann: int, group: int, clock: Clock,
) -> None:  # fmt: skip
    chat = group if is_group else ann
    target, _ = make_target(chat)
    await bot.show(target, "one")
    await clock.sleep(after_s - 0.1)
    await bot.deliver(target, Reply("one two"))
    assert [call.method for call in telegram.requests] == ["sendMessage"]
    target, _ = make_target(chat, job_id="0123456780")
    await bot.show(target, "one")
    await clock.sleep(after_s + 0.1)
    assert len(telegram.requests) == 2
