"""What keeps us from being shut out: counters, a pause of everything, channels left alone."""

from __future__ import annotations

import aiohttp
import pytest

from bots.discord_bot.pacing import HOLD_S, PERIOD_S, Pacer, Paused
from core.errors import PlatformBusy
from core.models import Reply
from tests.discord_bot.conftest import QuickBot
from tests.emulators.discord import DiscordServer
from tests.support.discord_server_chat import make_room, only


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_only_what_leads_to_a_ban_counts(clock: Clock) -> None:
    pacer = Pacer(clock)
    for status in (200, 204, 400, 404, 500, 503, 401, 403, 429):
        pacer.note_answer(status)
    pacer.note_answer(429, is_shared=True)
    assert pacer.invalid_count == 3
    clock.now_s += PERIOD_S
    assert pacer.invalid_count == 0


def test_all_is_still_until_the_oldest_refusal_is_ten_minutes_old(clock: Clock) -> None:
    pacer = Pacer(clock)
    pacer.max_invalid = 3
    for _ in range(3):
        pacer.check()
        pacer.note_answer(403)
        clock.now_s += 10
    with pytest.raises(PlatformBusy) as caught:
        pacer.check()
    assert caught.value.retry_after_s == PERIOD_S - 30
    clock.now_s += PERIOD_S - 30
    pacer.check()


def test_a_pause_is_the_longest_that_was_asked_for(clock: Clock) -> None:
    pacer = Pacer(clock)
    pacer.pause(60)
    pacer.pause(5)
    assert pacer.pause_s == 60
    assert pacer.take_turn("1") == 60
    clock.now_s += 60
    assert pacer.pause_s == 0


def test_a_channel_is_held_after_three_refusals_and_for_an_hour(clock: Clock) -> None:
    pacer = Pacer(clock)
    for held in (False, False, True):
        pacer.note_forbidden("1")
        assert pacer.is_held("1") is held
    assert not pacer.is_held("2")
    clock.now_s += HOLD_S
    assert not pacer.is_held("1")


def test_a_channel_has_one_turn_at_a_time(clock: Clock) -> None:
    pacer = Pacer(clock)
    assert pacer.take_turn("1") == 0 == pacer.take_turn("2")
    clock.now_s += 0.5
    assert pacer.take_turn("1") == 1.5
    clock.now_s += 1.5
    assert pacer.take_turn("1") == 0


def test_channels_at_rest_are_forgotten(clock: Clock) -> None:
    pacer = Pacer(clock)
    pacer.note_forbidden("x")
    for number in range(6000):
        pacer.take_turn(str(number))
    clock.now_s += HOLD_S + 1
    pacer.note_forbidden("y")
    assert len(pacer._channels) == 1


async def test_every_request_of_the_client_is_counted(
    bot: QuickBot, discord_server: DiscordServer
) -> None:
    room = make_room(discord_server)
    discord_server.fault("*typing", "rate_limit", retry_after=0.01, count=3)
    await bot.client.http.send_typing(int(room.channel))
    assert bot.client.pacer.invalid_count == 3 == discord_server.invalid_requests()


async def test_while_all_is_still_nothing_goes_out_but_the_first_answers(
    bot: QuickBot, discord_server: DiscordServer
) -> None:
    room = make_room(discord_server)
    bot.client.pacer.pause(60)
    discord_server.forget_calls()
    with pytest.raises(Paused):
        await bot.client.http.send_typing(int(room.channel))
    assert issubclass(Paused, aiohttp.ClientError)  # to discord.py it is a network that is down
    envelope, _ = room.note()
    with pytest.raises(PlatformBusy) as caught:
        await bot.deliver(envelope, Reply("hello"))
    assert caught.value.retry_after_s and caught.value.retry_after_s > 50
    await room.ask(bot)
    await bot.client.http.get_bot_gateway()
    assert [call.status for call in discord_server.calls] == [204, 200]


async def test_a_ban_is_felt_once(bot: QuickBot, discord_server: DiscordServer) -> None:
    room = make_room(discord_server)
    discord_server.set_ban(0)
    for number in range(20):
        envelope, _ = room.note(str(number))
        with pytest.raises(PlatformBusy):
            await bot.deliver(envelope, Reply("hello"))
    assert len(discord_server.calls_of("POST */messages")) == 1


async def test_a_ban_that_ends_is_over(bot: QuickBot, discord_server: DiscordServer) -> None:
    room = make_room(discord_server)
    discord_server.fault("POST */messages", "html", status=429)
    envelope, _ = room.note()
    with pytest.raises(PlatformBusy):
        await bot.deliver(envelope, Reply("hello"))
    bot.client.pacer._paused_until_s = 0.0
    await bot.deliver(envelope, Reply("hello"))
    only(discord_server.answers(room.channel))
