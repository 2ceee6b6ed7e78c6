"""A delivery that is under way while the program stops."""

from __future__ import annotations

import asyncio

import pytest

from bots.discord_bot import DiscordBot as Bot
from core.clock import Clock
from core.models import Reply
from tests.support.discord_server_chat import SEND, ServerChannel, only


async def test_what_was_sent_is_recorded_though_the_program_stops(
    bot: Bot, channel: ServerChannel, clock: Clock
) -> None:
    """On a slow line and a slow disk."""
    channel.server.fault(SEND, "delay", delay_s=1.5)
    target, ledger = channel.note()
    ledger.commit_s = 1.0
    delivering = asyncio.create_task(bot.deliver(target, Reply("x")))
    await clock.sleep(0.1)
    delivering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivering
    assert ledger.ids() == {0: only(channel.server.replies(channel.id)).message_id}
