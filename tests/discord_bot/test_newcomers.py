"""First contact on Discord: a server is told who was added; people who join, what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bots.discord_bot import DiscordBot
from core.clock import Clock
from core.config import Settings
from core.models import Chat, ChatSettings, TalkSettings
from core.store import Store
from tests.emulators.discord import DiscordServer as Server
from tests.support.loopback import Loopback, ScriptedTranscriber

HOUR_S = 3600.0
#: Discord's flag of a message that notifies nobody.
SILENT = 1 << 12


@pytest.fixture
async def whole(
    server: Server, settings: Settings, store: Store, clock: Clock
) -> AsyncIterator[Loopback]:
    """The whole assistant on a real store, and a bot on an emulated Discord."""
    loopback = Loopback(store, ScriptedTranscriber())
    bot = DiscordBot(settings, loopback.inbox, clock)
    loopback.inbox.platforms["discord"] = bot  # type: ignore[index]
    async with loopback.running():
        task = asyncio.create_task(bot.run())
        while not bot.is_ready:
            await asyncio.sleep(0.01)
        yield loopback
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bot.close()


async def test_a_server_that_adds_the_bot_is_told_that_it_is_an_ai(
    whole: Loopback, server: Server, ann: str
) -> None:
    old = server.add_guild(members=[ann])
    guild = server.add_guild(members=[ann], has_bot=False)
    channel = server.channel(guild)
    server.invite_bot(guild, is_new=True)
    await server.wait_for(lambda: server.replies(channel))
    [hello] = server.replies(channel)
    assert server.replies(server.channel(old)) == []
    assert "AI assistant" in hello.content and "/privacy" in hello.content


async def test_who_joined_later_is_told_at_their_first_message(
    whole: Loopback, server: Server, ann: str, clock: Clock
) -> None:
    ben, eve = server.add_user("Ben"), server.add_user("Eve")
    guild = server.add_guild(members=[ann])
    channel = server.channel(guild)
    since_at = datetime.fromtimestamp(server.world.clock.now() - 60, UTC)
    talk = TalkSettings(remember_days=7, remembered_since_at=since_at)
    chat = Chat("discord", server.world.bot.user_id, channel)
    await whole.store.chats.save_settings(chat, ChatSettings(talk=talk))
    server.send_text(channel, ann, "I was here before")
    await clock.sleep(HOUR_S)
    assert server.replies(channel) == []
    for person in (ben, eve):
        server.add_member(guild, person)
        server.send_text(channel, person, "hello all")
    await clock.sleep(HOUR_S / 2)
    [note] = server.replies(channel)
    assert "7 days" in note.content and "me off keeps yours out" in note.content
    assert note.flags & SILENT and not note.mentions
    server.send_text(channel, ben, "hello again")
    await clock.sleep(3 * HOUR_S)
    assert len(server.replies(channel)) == 1
