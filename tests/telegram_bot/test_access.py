"""Administrators: asked by user id, cached for a minute, never a shared account."""

from __future__ import annotations

import pytest

from bots.telegram_bot.bot import TelegramBot as Bot
from core.clock import Clock
from core.errors import PlatformBusy
from tests.emulators.telegram import TelegramServer as Server
from tests.support.telegram_inbox import make_message


@pytest.mark.parametrize("status", ["creator", "administrator", "member", "restricted", "kicked"])
async def test_the_status_of_a_member_is_asked(
    status: str, telegram: Server, bot: Bot, ann: int
) -> None:
    message = make_message(telegram.add_chat(members={ann: status}), sender_id=str(ann))
    for _ in range(2):
        assert await bot.is_admin(message) is (status in ("creator", "administrator"))
    assert len(telegram.requests_to("getChatMember")) == 1


async def test_a_result_is_cached_for_a_minute(
    telegram: Server, bot: Bot, clock: Clock, ann: int
) -> None:
    group = telegram.add_chat(members={ann: "administrator"})
    message = make_message(group, sender_id=str(ann))
    assert await bot.is_admin(message)
    telegram.set_member(group, ann, "member")
    await clock.sleep(59)
    assert await bot.is_admin(message)
    await clock.sleep(2)
    assert not await bot.is_admin(message)


@pytest.mark.parametrize("sender", ["1087968824", "777000", "136817688", "", "-1005", "@ann", "²"])
async def test_shared_senders_are_no_admins(sender: str, telegram: Server, bot: Bot) -> None:
    group = telegram.add_chat(members={1087968824: "administrator"})
    assert not await bot.is_admin(make_message(group, sender_id=sender))
    # Whoever writes as the chat is an admin, and in private everybody.
    assert await bot.is_admin(make_message(group, sender_id=str(group)))
    assert await bot.is_admin(make_message(telegram.add_user("Ann")))
    assert telegram.requests == []
    assert not await bot.is_admin(make_message(group, sender_id="42"))


async def test_a_failed_request_is_not_cached(
    telegram: Server, bot: Bot, ann: int, group: int
) -> None:
    telegram.fault("getChatMember", "status", status=500)
    with pytest.raises(PlatformBusy):
        await bot.is_admin(make_message(group, sender_id=str(ann)))
