"""Request pacing: counters, pauses, channels that are left alone."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import discord
import pytest
from discord.http import Route

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.client.pacing import (
    AT_ONCE_S,
    BAN_S,
    GAP_S,
    HOLD_S,
    MAX_AT_ONCE,
    MAX_FORBIDDEN,
    MAX_INVALID,
    PERIOD_S,
    TYPING_S,
    TYPING_WAIT_S,
    DiscordPacer,
)
from core.clock import Clock
from core.errors import ChatGone, PlatformBusy
from core.models import File, Reply
from tests.discord_bot.conftest import Advance
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_server_chat import (
    SEND,
    ServerChannel,
    count_sends,
    make_server_channel,
    only,
)


@pytest.fixture
def pacer(clock: Clock) -> DiscordPacer:
    return DiscordPacer(clock)


async def respond(pacer: DiscordPacer, status: int, scope: str = "user") -> None:
    """Show the pacer a request outside of the global limit, and the response to it."""
    url, headers = f"{Route.BASE}/webhooks/1", {"X-RateLimit-Scope": scope, "Via": "1.1 google"}
    response = SimpleNamespace(status=status, headers=headers)
    about: Any = SimpleNamespace(url=url, response=response)
    await pacer.on_request_start(None, None, about)
    await pacer.on_request_end(None, None, about)


async def test_only_what_leads_to_a_ban_counts(pacer: DiscordPacer) -> None:
    for status in (200, 204, 400, 404, 500, 503, 401, 403, 429):
        await respond(pacer, status)
    await respond(pacer, 429, "shared")
    assert len(pacer.invalid_s) == 3


@pytest.mark.parametrize("old_s", [PERIOD_S - 1, PERIOD_S])
async def test_refusals_count_for_ten_minutes(
    pacer: DiscordPacer, advance: Advance, old_s: float
) -> None:
    for _ in range(MAX_INVALID - 1):
        await respond(pacer, 403)
    advance(old_s)
    await respond(pacer, 403)
    assert pacer.pause_s == PERIOD_S - old_s


async def test_too_many_refusals_pause_everything_for_ten_minutes(
    pacer: DiscordPacer, advance: Advance
) -> None:
    for _ in range(MAX_INVALID):
        await respond(pacer, 403)
        advance(0.5)
    wait_s = PERIOD_S - MAX_INVALID * 0.5
    with pytest.raises(discord.RateLimited) as caught:
        await respond(pacer, 200)
    assert caught.value.retry_after == wait_s
    advance(wait_s)
    await respond(pacer, 200)


async def test_the_longest_pause_wins(pacer: DiscordPacer, advance: Advance) -> None:
    for _ in range(MAX_INVALID - 1):
        await respond(pacer, 401)
    pacer.pause(60)
    pacer.pause(5)
    assert pacer.pause_s == 60
    assert pacer.take_turn("1") == 60
    advance(60)
    await respond(pacer, 401)
    assert pacer.pause_s == PERIOD_S - 60
    pacer.pause(PERIOD_S + 10)
    advance(10)
    assert pacer.pause_s == PERIOD_S
    advance(PERIOD_S)
    assert pacer.pause_s == 0


async def test_three_refusals_hold_a_channel_for_an_hour(
    pacer: DiscordPacer, advance: Advance
) -> None:
    for held in (False,) * (MAX_FORBIDDEN - 1) + (True,):
        pacer.note_forbidden("1")
        advance(60)
        assert pacer.is_held("1") is held
    assert not pacer.is_held("2")
    # An hour after the first of them there are only two left.
    advance(HOLD_S - MAX_FORBIDDEN * 60 - 1)
    assert pacer.is_held("1")
    advance(1)
    assert not pacer.is_held("1")
    pacer.note_forbidden("1")
    assert pacer.is_held("1")


async def test_a_channel_has_one_turn_at_a_time(pacer: DiscordPacer, advance: Advance) -> None:
    assert pacer.take_turn("1") == 0 == pacer.take_turn("2")
    advance(0.5)
    assert pacer.take_turn("1") == GAP_S - 0.5
    advance(GAP_S - 1)
    assert pacer.take_turn("1") == 0.5
    advance(0.5)
    assert pacer.take_turn("1") == 0
    assert pacer.take_turn("1") == GAP_S


async def test_live_messages_leave_half_of_the_limit_and_busy_channels_to_replies(
    pacer: DiscordPacer, advance: Advance
) -> None:
    about: Any = SimpleNamespace(url=f"{Route.BASE}/users/1")
    for _ in range(MAX_AT_ONCE // 2):
        assert pacer.take_turn("1") == 0
        advance(GAP_S)
        await pacer.on_request_start(None, None, about)
    assert pacer.take_turn("1") == 0
    advance(GAP_S)
    for _ in range(MAX_AT_ONCE // 2):
        await pacer.on_request_start(None, None, about)
    assert pacer.take_turn("1") == AT_ONCE_S
    advance(AT_ONCE_S)
    assert pacer.take_turn("1") == 0
    pacer.note_reply("2")
    assert pacer.take_turn("2") == GAP_S


async def test_typing_is_left_out_where_replies_wait(pacer: DiscordPacer, clock: Clock) -> None:
    about: Any = SimpleNamespace(url=f"{Route.BASE}/users/1")
    begun_s = clock.monotonic()
    made = [
        asyncio.create_task(pacer.on_request_start(None, None, about))
        for _ in range(round(MAX_AT_ONCE * TYPING_WAIT_S / AT_ONCE_S))
    ]
    await asyncio.sleep(0)
    assert pacer.take_typing("1")
    made += [
        asyncio.create_task(pacer.on_request_start(None, None, about)) for _ in range(MAX_AT_ONCE)
    ]
    await asyncio.sleep(0)
    assert not pacer.take_typing("2")
    await asyncio.gather(*made)
    assert clock.monotonic() - begun_s == TYPING_WAIT_S
    assert pacer.take_typing("2")


async def test_idle_channels_are_forgotten(pacer: DiscordPacer, advance: Advance) -> None:
    for number in range(4998):
        pacer.take_turn(str(number))
    advance(HOLD_S)
    pacer.note_forbidden("refused")
    pacer.take_turn("drawn")
    assert len(pacer._channels) == 5000
    # Who is known already makes no room for anybody.
    assert pacer.take_turn("0") == 0
    assert len(pacer._channels) == 5000
    pacer.note_forbidden("new")
    assert pacer._channels.keys() == {"0", "refused", "drawn", "new"}


async def test_a_pause_lets_only_first_responses_through(bot: Bot, server: Server) -> None:
    channel = make_server_channel(server)
    bot.client.pacer.pause(60)
    server.clear_requests()
    with pytest.raises(discord.RateLimited):
        await bot.client.http.send_typing(int(channel.id))
    target, _ = channel.note()
    with pytest.raises(PlatformBusy, match="Discord asks to wait") as caught:
        await bot.deliver(target, Reply("hello"))
    assert caught.value.retry_after_s and 50 < caught.value.retry_after_s <= 60
    await channel.ask(bot)
    await bot.client.http.get_bot_gateway()
    assert [call.status for call in server.requests] == [204, 200]
    # Files are neither held back nor counted.
    server.fault("GET /cdn", "status", status=403)
    with pytest.raises(discord.Forbidden):
        await bot.client.http.get_from_cdn(f"{server.base_url}/attachments/1/2/a.ogg")
    assert not bot.client.pacer.invalid_s


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "200"}, {"Retry-After": "soon"}])
async def test_a_ban_pauses_for_as_long_as_it_says(
    bot: Bot, server: Server, advance: Advance, headers: dict[str, str]
) -> None:
    server.fault("POST */messages", "html", status=429, headers=headers)
    wait_s = 200.0 if headers.get("Retry-After") == "200" else BAN_S
    for number in range(5):
        channel = make_server_channel(server)
        target, _ = channel.note(str(number))
        with pytest.raises(PlatformBusy):
            await bot.deliver(target, Reply("hello"))
    assert len(server.requests_to("POST */messages")) == 1
    assert bot.client.pacer.pause_s == pytest.approx(wait_s, abs=1)
    advance(wait_s)
    await bot.deliver(target, Reply("hello"))
    only(server.replies(channel.id))


@pytest.mark.parametrize("scope", ["user", "shared", "global"])
async def test_a_rate_limit_is_waited_for(bot: Bot, channel: ServerChannel, scope: str) -> None:
    channel.server.fault(SEND, "rate_limit", retry_after=0.3, scope=scope)
    await channel.answer(bot, Reply("hello"))
    only(channel.server.replies(channel.id))
    assert count_sends(channel) == 2
    assert (
        len(bot.client.pacer.invalid_s) == (scope != "shared") == channel.server.invalid_requests()
    )
    channel.server.fault(SEND, "rate_limit", retry_after=300.0, scope=scope)
    with pytest.raises(PlatformBusy) as caught:  # that is for the job to wait for
        await channel.answer(bot, Reply("hello"), "other")
    assert caught.value.retry_after_s == pytest.approx(300, abs=1)
    assert count_sends(channel) == 3


async def test_a_burst_keeps_to_strict_rate_limits(bot: Bot, channel: ServerChannel) -> None:
    channel.server.set_limits(is_strict=True)
    targets = [channel.note(str(n))[0] for n in range(42)]
    await asyncio.gather(*(bot.deliver(one, Reply("hello")) for one in targets))
    assert len(channel.server.replies(channel.id)) == 42
    assert channel.server.violations() == {}


@pytest.mark.finding(17)
async def test_two_hundred_notes_at_once_never_exceed_a_limit(bot: Bot, server: Server) -> None:
    server.set_limits(is_strict=True)
    channels = [make_server_channel(server) for _ in range(40)]
    targets = [channels[n % 40].note(str(n))[0] for n in range(200)]
    server.clear_requests()
    await asyncio.gather(
        *(bot.acknowledge(one.message) for one in targets),
        *(bot.deliver(one, Reply("hello")) for one in targets),
    )
    assert sum(len(server.replies(one.id)) for one in channels) == 200
    assert [call for call in server.requests if call.status == 429] == []
    typing = [call.path for call in server.requests_to("POST */typing")]
    assert 0 < len(typing) == len({*typing})


@pytest.mark.finding(17)
async def test_typing_is_shown_once_per_channel_while_it_lasts(
    bot: Bot, channel: ServerChannel
) -> None:
    targets = [channel.note(str(n))[0] for n in range(5)]
    for expected in (1, 2):
        await asyncio.gather(*(bot.acknowledge(one.message) for one in targets))
        assert len(channel.server.requests_to("POST */typing")) == expected
        await asyncio.sleep(TYPING_S)


@pytest.mark.parametrize("code", [50001, 50013])
async def test_a_channel_that_refuses_is_left_alone(
    bot: Bot, channel: ServerChannel, code: int
) -> None:
    file = File("a.srt", "application/x-subrip", b"1\n00:00")
    channel.server.fault(SEND, "status", status=403, code=code, count=None)
    for number in range(MAX_FORBIDDEN + 3):
        target, _ = channel.note(str(number))
        with pytest.raises(ChatGone):
            await bot.deliver(target, Reply("hello", files=(file,) * (code == 50013)))
    assert count_sends(channel) == MAX_FORBIDDEN == 3
    channel.server.clear_faults()
    other = make_server_channel(channel.server)
    await bot.deliver(other.note()[0], Reply("hello"))
    only(channel.server.replies(other.id))
