"""Downloads of both chats: long is allowed as long as something comes, hanging is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from bots.telegram_bot.bot import TelegramBot
from core.clock import Clock
from core.errors import PlatformBusy
from core.models import Message
from core.stall import DOWNLOAD_S, StallTimer, set_timer
from tests.discord_bot.conftest import run_bot
from tests.emulators.discord import DiscordServer
from tests.emulators.telegram import TelegramServer
from tests.support import discord_inbox, telegram_inbox
from tests.support.fake_inbox import FakeInbox, make_settings

#: Not divisible by the sizes of pieces.
DATA = bytes(range(251)) * 400


@dataclass
class Stage:
    """A bot that receives from an emulated chat."""

    bot: Any
    server: Any
    inbox: FakeInbox
    #: What the server calls a download.
    download: str

    async def send(self, data: bytes = DATA) -> Message:
        """Send a voice note from Ann and return it as the bot received it."""
        ann = self.server.add_user("Ann")
        is_discord = isinstance(self.server, DiscordServer)
        self.server.send_voice(self.server.dm(ann) if is_discord else ann, ann, data)
        await self.server.wait_for(lambda: self.inbox.messages)
        return self.inbox.messages[-1]

    async def slow_down(self, data: bytes, bytes_per_s: int) -> Message:
        """Send a voice note that comes at this pace."""
        self.server.fault(self.download, "slow", bytes_per_s=bytes_per_s)
        return await self.send(data)


async def open_telegram(clock: Clock) -> AsyncIterator[Stage]:
    inbox = telegram_inbox.FakeInbox()
    async with TelegramServer() as server:
        bot = TelegramBot(telegram_inbox.settings_for(server), inbox, menu=(), clock=clock)
        async with telegram_inbox.receiving(bot):
            yield Stage(bot, server, inbox, "download")


async def open_discord(clock: Clock) -> AsyncIterator[Stage]:
    inbox = discord_inbox.FakeInbox()
    async with DiscordServer() as server:
        settings = make_settings(
            discord_bot_token=server.token, discord_api_base_url=server.api_base_url
        )
        async with run_bot(settings, inbox) as bot:
            yield Stage(bot, server, inbox, "GET /cdn")


@pytest.fixture(params=[open_telegram, open_discord])
async def stage(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[Stage]:
    async for stage in request.param(clock):
        yield stage


@pytest.mark.finding(8)
async def test_a_large_file_is_stored_while_it_is_downloaded(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.audio.media.PIECE_BYTES", 30_000)
    large = await stage.bot.fetch(await stage.send())
    assert not isinstance(large, bytes) and stage.inbox.begun_recordings == 1
    assert b"".join([chunk async for chunk in large.chunks()]) == DATA


@pytest.mark.finding(11)
async def test_a_slow_download_is_no_stall(stage: Stage, clock: Clock) -> None:
    message = await stage.slow_down(DATA, len(DATA) // 100)
    timer, began_s = StallTimer(clock=clock), clock.monotonic()
    set_timer(timer)
    async with timer.limit():
        assert await stage.bot.fetch(message) == DATA
    assert clock.monotonic() - began_s > timer.max_s and timer.waited_s < 5


@pytest.mark.finding(8)
async def test_a_long_download_ends_with_all_of_the_file(stage: Stage, clock: Clock) -> None:
    whole = DATA * 100
    message, began_s = await stage.slow_down(whole, 20_000), clock.monotonic()
    assert len(await stage.bot.fetch(message)) == len(whole)
    assert clock.monotonic() - began_s > DOWNLOAD_S + 100


@pytest.mark.finding(8)
async def test_a_trickle_is_given_up(stage: Stage, clock: Clock) -> None:
    message, began_s = await stage.slow_down(DATA, 100), clock.monotonic()
    with pytest.raises(PlatformBusy):
        await stage.bot.fetch(message)
    assert DOWNLOAD_S <= clock.monotonic() - began_s < DOWNLOAD_S + 10


@pytest.mark.finding(11)
async def test_a_hanging_download_is_a_stall(stage: Stage, clock: Clock) -> None:
    stage.server.fault(stage.download, "hang")
    message, timer = await stage.send(), StallTimer(clock=clock)
    set_timer(timer)
    with pytest.raises(PlatformBusy):
        await stage.bot.fetch(message)
    assert timer.waited_s == pytest.approx(30, abs=1)
