"""A delivery that is under way while the program stops."""

from __future__ import annotations

import asyncio

import pytest

from bots.telegram_bot.bot import TelegramBot as Bot
from core.clock import Clock
from core.models import Reply
from tests.emulators.telegram import TelegramServer as Server
from tests.support.telegram_inbox import make_target, only


async def test_what_was_sent_is_recorded_though_the_program_stops(
    telegram: Server, bot: Bot, ann: int, clock: Clock
) -> None:
    """On a slow line and a slow disk."""
    telegram.fault("sendMessage", "delay", delay_s=1.5)
    target, ledger = make_target(ann)
    ledger.commit_s = 1.0
    delivering = asyncio.create_task(bot.deliver(target, Reply("x")))
    await clock.sleep(0.1)
    delivering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivering
    assert ledger.ids() == {0: str(only(telegram.replies(ann)).message_id)}
