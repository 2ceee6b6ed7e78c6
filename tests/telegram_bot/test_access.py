"""Who is an admin: asked by number, believed for a minute, never by an account that many share."""

from __future__ import annotations

import pytest

from bots.telegram_bot import TelegramBot
from core.clock import Clock
from core.errors import PlatformBusy
from core.interfaces import Platform
from tests.emulators.telegram import TelegramServer
from tests.support.telegram_inbox import make_message


@pytest.mark.parametrize(
    ("status", "is_admin"),
    [
        ("creator", True),
        ("administrator", True),
        ("member", False),
        ("restricted", False),
        ("left", False),
        ("kicked", False),
    ],
)
async def test_standing_is_asked(
    status: str, is_admin: bool, telegram: TelegramServer, bot: TelegramBot, ann: int
) -> None:
    group = telegram.add_chat(members={ann: status})
    message = make_message(group, sender_id=str(ann))
    assert await bot.is_admin(message) is is_admin
    assert await bot.is_admin(message) is is_admin
    assert len(telegram.calls_of("getChatMember")) == 1


async def test_answer_is_believed_for_a_minute_only(
    telegram: TelegramServer, bot: TelegramBot, clock: Clock, ann: int
) -> None:
    group = telegram.add_chat(members={ann: "administrator"})
    message = make_message(group, sender_id=str(ann))
    assert await bot.is_admin(message)
    telegram.set_member(group, ann, "member")
    await clock.sleep(59)
    assert await bot.is_admin(message)
    await clock.sleep(2)
    assert not await bot.is_admin(message)


async def test_in_private_everybody_is_their_own_admin(
    telegram: TelegramServer, bot: TelegramBot
) -> None:
    assert await bot.is_admin(make_message(telegram.add_user("Ann")))
    assert telegram.calls == []


@pytest.mark.parametrize("sender", ["1087968824", "777000", "136817688", "", "-1005", "@ann", "²"])
async def test_shared_and_unreal_senders_are_no_admins(
    sender: str, telegram: TelegramServer, bot: TelegramBot
) -> None:
    group = telegram.add_chat(members={1087968824: "administrator"})
    assert not await bot.is_admin(make_message(group, sender_id=sender))
    assert telegram.calls == []


async def test_who_speaks_as_the_chat_is_an_admin(
    telegram: TelegramServer, bot: TelegramBot
) -> None:
    group = telegram.add_chat()
    assert await bot.is_admin(make_message(group, sender_id=str(group)))


async def test_stranger_is_no_admin(telegram: TelegramServer, bot: TelegramBot) -> None:
    assert not await bot.is_admin(make_message(telegram.add_chat(), sender_id="42"))


async def test_trouble_is_no_answer(
    telegram: TelegramServer, bot: TelegramBot, ann: int, group: int
) -> None:
    telegram.fault("getChatMember", "status", status=500)
    with pytest.raises(PlatformBusy):
        await bot.is_admin(make_message(group, sender_id=str(ann)))


def test_bot_keeps_the_contract_of_platforms(bot: TelegramBot) -> None:
    platform: Platform = bot
    assert platform.name == "telegram"
