"""What operators decide about chats and people, and that the replies say what is true."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.admission import Decision
from core.clock import Clock
from core.models import Chat
from core.store import Store
from tests.emulators.discord import DiscordServer
from tests.emulators.telegram import TelegramServer
from tests.operations.test_access_requests import asking
from tests.operations.test_admin import Desk
from tests.support.virtual_time import current_clock


@pytest.fixture
def desk(telegram: TelegramServer, tmp_path: Path) -> Desk:
    return Desk(telegram, tmp_path)


@asynccontextmanager
async def at_work(desk: Desk, **lists: Any) -> AsyncIterator[Store]:
    """Run the program with these lists of who may use it."""
    settings = desk.settings.model_copy(update=lists)
    async with asking(settings) as store:
        desk.store = store
        yield store


async def may_use(desk: Desk, person: int, chat: int | None = None) -> bool:
    """Return whether a person gets a reply to /help."""
    sent = desk.telegram.send_command(chat or person, person, "/help")
    await current_clock().sleep(10)
    found = desk.telegram.replies_to(chat or person, sent)
    return any("/transcribe" in reply.text for reply in found)


@pytest.mark.parametrize("is_listed", [False, True])
async def test_a_denial_counts_where_nobody_had_to_ask(desk: Desk, is_listed: bool) -> None:
    async with at_work(desk, allowed_chats=(str(desk.ann),) if is_listed else ()):
        assert await may_use(desk, desk.ann)
        assert await desk.ask(f"deny {desk.ann}") == f"telegram:{desk.ann} may not use the bot."
        assert not await may_use(desk, desk.ann) and not await may_use(desk, desk.ann, desk.group)
        # Back again; the reply says what it was, and by whom.
        assert await desk.ask(f"approve {desk.ann}") == (
            f"telegram:{desk.ann} may use the bot.\n"
            f"telegram:{desk.ann} was denied before, by telegram:{desk.boss}."
        )
        assert await may_use(desk, desk.ann)


async def test_an_approved_person_opens_no_denied_group(desk: Desk) -> None:
    async with at_work(desk):
        await desk.ask(f"deny {desk.group}")
        await desk.ask(f"approve {desk.ann}")
        assert await may_use(desk, desk.ann)
        assert not await may_use(desk, desk.ann, desk.group)
        other = desk.telegram.add_chat(members={desk.ann: "member"})
        assert not await may_use(desk, desk.ann, other), "that group asks for itself"


async def test_a_decision_that_a_list_makes_void_is_called_so(desk: Desk) -> None:
    ann, ben = f"telegram:{desk.ann}", f"telegram:{desk.ben}"
    async with at_work(desk, allowed_chats=(str(desk.ben),), denied_chats=(ben,)):
        told = await desk.ask(f"approve {desk.ann}")
        assert told.startswith(f"{ann} may use the bot.\nBut ALLOWED_CHATS does not name {ann}")
        await desk.ask(f"ban {desk.ben}")
        for word in ("unban", "approve"):
            assert f"But DENIED_CHATS names {ben}" in await desk.ask(f"{word} {ben}")
        assert not await may_use(desk, desk.ann) and not await may_use(desk, desk.ben)


async def test_what_a_ban_suspends_holds_again_after_it(desk: Desk) -> None:
    ann = f"telegram:{desk.ann}"
    async with at_work(desk) as store:
        assert await desk.ask(f"unban {desk.ann}") == f"{ann} is not banned."
        await desk.ask(f"approve {desk.ann}")
        assert await desk.ask(f"unban {desk.ann}") == f"{ann} is not banned."
        assert await may_use(desk, desk.ann)
        for _ in range(2):
            assert (await desk.ask(f"ban {desk.ann}")).startswith(f"{ann} is banned.")
        assert not await may_use(desk, desk.ann)
        # A restart changes nothing.
        store.admissions.decisions.clear()
        await store.load()
        assert await desk.ask(f"unban {desk.ann}") == (
            f"{ann} is no longer banned.\n{ann} may use the bot."
        )
        assert await may_use(desk, desk.ann)
        assert await desk.log() == [f"{one} {ann}" for one in ("unbanned", "banned", "approved")]


async def test_a_group_that_gets_a_new_id_stays_banned(desk: Desk) -> None:
    async with at_work(desk, allowed_chats=()) as store:
        assert await may_use(desk, desk.ann, desk.group)
        await desk.ask(f"ban {desk.group}")
        moved = desk.telegram.migrate(desk.group)
        assert not await may_use(desk, desk.ann, moved)
        store.admissions.decisions.clear()
        await store.load()
        assert store.admissions.decisions == {("telegram", str(moved)): Decision.BANNED}


async def test_a_decision_about_the_new_id_holds(store: Store, clock: Clock) -> None:
    decide, old, new = store.admissions.decide, Chat("t", "1", "-5"), Chat("t", "1", "-1005")
    await decide("t:1", "t", old.chat_id, Decision.BANNED)
    await decide("t:1", "t", new.chat_id, Decision.APPROVED)
    await store.chats.move(old, new)
    assert store.admissions.decisions["t", new.chat_id] is Decision.APPROVED


async def test_no_operator_can_be_banned_from_any_platform(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    async with DiscordServer() as discord:
        other = discord.add_user("Other")
        keys = {"discord_bot_token": discord.token, "discord_api_base_url": discord.api_base_url}
        desk = Desk(telegram, tmp_path, allowed_chats="", **keys)
        admins = (f"telegram:{desk.boss}", f"discord:{other}")
        async with at_work(desk, admin_ids=admins) as store:
            await discord.wait_for(lambda: discord.commands() and discord.connected())
            for words in (f"ban discord:{other}", f"deny discord:{other}", f"ban {desk.boss}"):
                assert await desk.ask(words) == "Operators cannot be banned."
            dm = discord.dm(other)
            sent = discord.send_text(dm, other, f"/admin ban telegram:{desk.boss}")
            [told] = await discord.wait_for(partial(discord.replies_to, sent))
            assert told.content == "Operators cannot be banned."
            code = await store.links.create_code("discord", other)
            await store.links.link("telegram", str(desk.ann), code, "job")
            assert await desk.ask(f"ban {desk.ann}") == "Operators cannot be banned."
            assert store.admissions.decisions == {}
            assert "Say whom" in await desk.ask("ban telegrm:7"), "a typing error bans nobody"


async def test_a_ban_holds_for_the_accounts_that_somebody_has_linked(desk: Desk) -> None:
    async with at_work(desk, allowed_chats=()) as store:
        code = await store.links.create_code("telegram", str(desk.ann))
        await store.links.link("discord", "70", code, "job")
        both = f"telegram:{desk.ann}, discord:70"
        assert await desk.ask(f"ban {desk.ann}") == f"{both} is banned."
        banned = {("telegram", str(desk.ann)), ("discord", "70")}
        assert store.admissions.decisions == dict.fromkeys(banned, Decision.BANNED)
        assert await desk.ask(f"unban {desk.ann}") == f"{both} is no longer banned."
        assert store.admissions.decisions == {}


async def test_the_end_of_a_ban_names_the_accounts_that_were_banned(desk: Desk) -> None:
    ann = f"telegram:{desk.ann}"
    async with at_work(desk) as store:
        code = await store.links.create_code("telegram", str(desk.ann))
        await store.links.link("discord", "70", code, "job")
        await desk.ask(f"ban {desk.ann}")
        await desk.ask(f"approve {ann} anyway")
        ended = await desk.ask(f"unban {ann}")
        assert ended == f"discord:70 is no longer banned.\n{ann} may use the bot."
        assert await desk.ask(f"unban {ann}") == f"{ann} is not banned."


async def test_two_operators_do_not_undo_each_other_unknowingly(
    telegram: TelegramServer, desk: Desk, clock: Clock
) -> None:
    second, ann = telegram.add_user("Second"), f"telegram:{desk.ann}"
    admins = (f"telegram:{desk.boss}", f"telegram:{second}")
    async with at_work(desk, admin_ids=admins) as store:
        telegram.send_text(desk.ann, desk.ann, "hello")
        await desk.reply(desk.boss, 1)
        question = telegram.replies(second)[0]
        await desk.press("Deny")
        await desk.reply(desk.boss, 2)

        async def press(message_id: int, label: str) -> str:
            telegram.press_button(second, second, message_id, label)
            await clock.sleep(10)
            return desk.texts(second)[-1]

        asked = await press(question.message_id, "Approve")
        assert asked == f"{ann} was denied before, by telegram:{desk.boss}. Decide otherwise?"
        assert not await may_use(desk, desk.ann)
        told = await press(telegram.replies(second)[-1].message_id, "Approve")
        assert told.startswith(f"{ann} may use the bot.")
        assert await may_use(desk, desk.ann)
        assert [one.operator for one in await store.audit.recent()] == [*admins[::-1]]
        # Who was told of the denial is told of this, too.
        assert any("can use it after all" in text for text in desk.texts(desk.ann))
        # The same once more asks nothing, and changes nothing.
        assert await press(question.message_id, "Approve") == f"{ann} may use the bot."
        assert len(await desk.log()) == 2
