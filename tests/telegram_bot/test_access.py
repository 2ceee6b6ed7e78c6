"""What people are in a chat: asked by user id, cached for a minute, never a shared account."""

from __future__ import annotations

from typing import Any

import pytest

from bots.telegram_bot.bot import TelegramBot as Bot
from core.clock import Clock
from core.errors import PlatformBusy
from core.models import Chat, Membership
from tests.emulators.telegram import TelegramServer as Server


async def ask(bot: Bot, group: int, person: object) -> Membership:
    return await bot.membership(Chat("telegram", "123456", str(group)), str(person))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("creator", Membership.OWNER),
        ("administrator", Membership.ADMIN),
        ("member", Membership.MEMBER),
        ("restricted", Membership.MEMBER),
        ("left", Membership.NONE),
        ("kicked", Membership.NONE),
    ],
)
async def test_the_status_of_a_member_is_asked(
    status: str, expected: Membership, telegram: Server, bot: Bot, ann: int
) -> None:
    group = telegram.add_chat(members={ann: status})
    for _ in range(2):
        assert await ask(bot, group, ann) is expected
    # That somebody is not in a chat is asked each time: they may have joined.
    asked = 2 if expected is Membership.NONE else 1
    assert len(telegram.requests_to("getChatMember")) == asked


async def test_restrictions_outlast_a_membership(telegram: Server, bot: Bot, ann: int) -> None:
    group = telegram.add_chat(members={ann: "restricted"})
    telegram.world.chats[group].members[ann].is_gone = True
    assert await ask(bot, group, ann) is Membership.NONE


async def test_a_result_is_cached_for_a_minute(
    telegram: Server, bot: Bot, clock: Clock, ann: int
) -> None:
    group = telegram.add_chat(members={ann: "administrator"})
    assert await ask(bot, group, ann) is Membership.ADMIN
    telegram.set_member(group, ann, "member")
    await clock.sleep(59)
    assert await ask(bot, group, ann) is Membership.ADMIN
    await clock.sleep(2)
    assert await ask(bot, group, ann) is Membership.MEMBER


@pytest.mark.parametrize("report", ["chat_member", "left_chat_member", "my_chat_member"])
async def test_a_reported_change_is_believed_at_once(
    report: str, telegram: Server, running: Bot, ann: int
) -> None:
    group = telegram.add_chat(members={ann: "administrator"})
    assert await ask(running, group, ann) is Membership.ADMIN
    telegram.set_member(group, ann, "kicked")
    place = telegram.world.chats[group]
    who = telegram.world.bot.user_id if report == "my_chat_member" else ann
    person = {"id": who, "is_bot": who != ann, "first_name": "Ann"}
    body: dict[str, Any] = {"chat": telegram.world.chat_json(place), "date": 1, "from": person}
    if report == "left_chat_member":
        body = {"message": body | {"message_id": 7, "left_chat_member": person}}
    else:
        members = {"old_chat_member": {"status": "member", "user": person}}
        members["new_chat_member"] = {"status": "kicked", "user": person}
        body = {report: body | members}
    assert telegram.raw_update(body)
    telegram.send_command(group, ann, "/help")  # is read after that
    await telegram.wait_for(lambda: running._inbox.messages)  # type: ignore[attr-defined]
    assert await ask(running, group, ann) is Membership.NONE


async def test_what_is_asked_live_is_not_taken_from_the_cache(
    telegram: Server, bot: Bot, ann: int
) -> None:
    group = telegram.add_chat(members={ann: "member"})
    assert await ask(bot, group, ann) is Membership.MEMBER
    telegram.world.chats[group].members[ann].status = "kicked"
    assert await ask(bot, group, ann) is Membership.MEMBER, "nobody has reported it"
    chat = Chat("telegram", "123456", str(group))
    assert await bot.membership(chat, str(ann), is_live=True) is Membership.NONE
    assert await ask(bot, group, ann) is Membership.NONE, "what was found is believed"


@pytest.mark.parametrize("sender", ["1087968824", "777000", "136817688", "", "-1005", "@ann", "²"])
async def test_shared_senders_are_nobody(sender: str, telegram: Server, bot: Bot) -> None:
    group = telegram.add_chat(members={1087968824: "administrator", 777000: "creator"})
    assert await ask(bot, group, sender) is Membership.NONE
    # Whoever writes as the chat is an admin.
    assert await ask(bot, group, group) is Membership.ADMIN
    assert telegram.requests == []
    assert await ask(bot, group, 42) is Membership.NONE


async def test_a_failed_request_is_not_cached(
    telegram: Server, bot: Bot, ann: int, group: int
) -> None:
    telegram.fault("getChatMember", "status", status=500)
    with pytest.raises(PlatformBusy):
        await ask(bot, group, ann)
    assert await ask(bot, group, ann) is Membership.MEMBER
