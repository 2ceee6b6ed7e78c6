"""Messages that are deleted on Discord while a summary of their channel is made."""

from __future__ import annotations

import asyncio

import pytest

from bots.discord_bot import DiscordBot as Bot
from core.models import Chat, ChatSettings, TalkSettings
from tests.emulators.discord import DiscordServer as Server
from tests.emulators.discord.events import GUILD_MESSAGES
from tests.support.discord_server_chat import ServerChannel
from tests.support.loopback import Loopback

KEEPS_HISTORY = ChatSettings(talk=TalkSettings(remember_days=7))


@pytest.mark.parametrize("is_bulk", [False, True])
async def test_the_summary_is_made_again_without_them(
    whole: tuple[Loopback, Bot], server: Server, channel: ServerChannel, *, is_bulk: bool
) -> None:
    """Many at once are one restart."""
    loopback, bot = whole
    await server.wait_for(lambda: bot.client.get_channel(int(channel.id)))
    chat = Chat("discord", server.world.bot.user_id, channel.id)
    await loopback.store.chats.save_settings(chat, KEEPS_HISTORY)
    loopback.answerer.scripts = {
        "canary": "- canary words were said [1]",
        "": "- Ann was there [1]",
    }
    loopback.answerer.latency_s = 30.0
    said = [server.send_text(channel.id, channel.ann, f"canary {number}") for number in range(8)]
    server.send_text(channel.id, channel.ann, "I am here")
    while await loopback.store.memory.count(chat) < 9:
        await asyncio.sleep(0.1)
    used = server.slash(channel.id, channel.ann, "summary", {})
    await server.wait_for(lambda: loopback.answerer.questions)
    if is_bulk:
        payload = {"ids": said, "channel_id": channel.id, "guild_id": channel.guild}
        with server.world.lock:
            server.world.emit(
                "MESSAGE_DELETE_BULK", payload, guild_id=channel.guild, intent=GUILD_MESSAGES
            )
    else:
        for message_id in said[:3]:
            server.delete(message_id)
        loopback.answerer.scripts = {
            "canary [012]": "- canary words were said [1]",
            "": "- Ann [1]",
        }
    await server.wait_for(lambda: len(loopback.answerer.questions) > 1)
    await loopback.settle()
    await asyncio.sleep(1)
    [shown] = server.responses_to(used)
    assert "Ann" in shown.content and "canary words" not in shown.content
    assert len(loopback.answerer.questions) == 2 or not is_bulk
