"""ALLOWED_CHATS=ask: whoever is new waits for an operator, and nothing of theirs is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from core.admission import Decision
from core.clock import Clock
from core.config import Settings
from core.models import Chat, ChatSettings, JobState, Message
from core.operations.access_requests import CHECK_S, AccessRequests
from core.operations.alerts import Alerts
from core.store import Store
from tests.emulators.discord import DiscordServer
from tests.emulators.telegram import TelegramServer
from tests.engines.conftest import make_settings
from tests.operations.test_alerts import on_telegram, running
from tests.support.virtual_time import current_clock

ASKED, DENIED = (
    "I am an AI assistant. I have asked the operator",
    "has decided that you cannot use it",
)
KNOWN = "Hi, I am Hearsay"


@asynccontextmanager
async def asking(settings: Settings) -> AsyncIterator[Store]:
    async with running(settings) as (program, platforms):
        store, clock = program.store, current_clock()
        alerts = Alerts(store.intake, platforms, settings.admin_ids, clock)
        is_on = "ask" in settings.allowed_chats
        requests = AccessRequests(store.admissions, alerts, clock, is_on=is_on)
        task = asyncio.create_task(requests.run())
        try:
            yield store
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


class Scene:
    """An operator, a stranger, and a group of strangers."""

    def __init__(self, telegram: TelegramServer, home: Path, **values: Any) -> None:
        self.telegram = telegram
        self.boss, self.ann, self.ben = (telegram.add_user(name) for name in ("Boss", "Ann", "Ben"))
        self.group = telegram.add_chat(members={self.ann: "member", self.ben: "member"})
        values = {"allowed_chats": "ask", "admin_ids": f"telegram:{self.boss}"} | values
        self.settings = make_settings(**on_telegram(home, telegram), **values)

    def texts(self, chat: int) -> list[str]:
        return [reply.text for reply in self.telegram.replies(chat)]

    async def reply(self, chat: int, count: int) -> str:
        """Wait until the bot has sent that many messages in a chat; return the last."""
        await self.telegram.wait_for(lambda: len(self.texts(chat)) >= count)
        await current_clock().sleep(5)
        assert len(self.texts(chat)) == count
        return self.texts(chat)[-1]

    async def press(self, label: str, number: int = -1) -> None:
        await self.telegram.wait_for(lambda: self.telegram.replies(self.boss))
        asked = self.telegram.replies(self.boss)[number]
        self.telegram.press_button(self.boss, self.boss, asked.message_id, label)


@pytest.fixture
def scene(telegram: TelegramServer, tmp_path: Path) -> Scene:
    return Scene(telegram, tmp_path)


async def test_the_first_messages_are_answered_after_the_approval(scene: Scene) -> None:
    telegram, ann = scene.telegram, scene.ann
    async with asking(scene.settings) as store:
        first = telegram.send_text(ann, ann, "hello")
        assert ASKED in await scene.reply(ann, 1)
        second = telegram.send_command(ann, ann, "/language me German")
        # Told once; the operator too.
        await scene.reply(ann, 1)
        question = await scene.reply(scene.boss, 1)
        assert "Ann wants to use this bot" in question and f"telegram:{ann}" in question
        assert await store.jobs.counts() == {JobState.DONE: 2, JobState.HELD: 2}
        await scene.press("Approve")
        assert "may use the bot" in await scene.reply(scene.boss, 2)
        await scene.reply(ann, 3)
        assert [len(telegram.replies_to(ann, one)) for one in (first, second)] == [1, 1]
        assert KNOWN in telegram.replies_to(ann, first)[0].text
        telegram.send_command(ann, ann, "/help")
        await scene.reply(ann, 4)
        assert [one.action for one in await store.audit.recent()] == ["approved"]


async def test_who_is_denied_is_told_once_and_then_ignored(scene: Scene) -> None:
    telegram, ann = scene.telegram, scene.ann
    async with asking(scene.settings) as store:
        telegram.send_text(ann, ann, "hello")
        await scene.reply(ann, 1)
        await scene.press("Deny")
        assert DENIED in await scene.reply(ann, 2)
        telegram.send_text(ann, ann, "please")
        await scene.reply(ann, 2)
        assert JobState.HELD not in await store.jobs.counts()
        # A mistake can be put right.
        telegram.send_command(scene.boss, scene.boss, f"/admin approve {ann}")
        await scene.reply(scene.boss, 3)
        assert "can use it after all" in await scene.reply(ann, 3)
        telegram.send_text(ann, ann, "and now?")
        assert KNOWN in await scene.reply(ann, 4)


async def test_a_group_is_one_request_and_its_talk_none(scene: Scene) -> None:
    telegram, group = scene.telegram, scene.group
    async with asking(scene.settings) as store:
        chat = Chat("telegram", "123456", str(group))
        await store.chats.save_settings(chat, ChatSettings(is_auto=True))
        telegram.set_privacy(is_on=False)
        telegram.send_text(group, scene.ben, "lunch?")
        for person in (scene.ann, scene.ben):
            telegram.send_command(group, person, "/help")
        assert ASKED in await scene.reply(group, 1)
        question = await scene.reply(scene.boss, 1)
        assert "in a group or server" in question and f"telegram:{group}" in question
        await scene.press("Approve")
        await scene.reply(group, 3)
        assert await store.memory.count(chat) == 0
        # The group was let in, not its members.
        telegram.send_text(scene.ann, scene.ann, "hello")
        assert ASKED in await scene.reply(scene.ann, 1)


async def test_a_group_that_gets_a_new_id_while_it_waits_is_asked_about_anew(scene: Scene) -> None:
    telegram, group = scene.telegram, scene.group
    async with asking(scene.settings):
        telegram.send_command(group, scene.ann, "/help")
        await scene.reply(scene.boss, 1)
        moved = telegram.migrate(group)
        telegram.send_command(moved, scene.ann, "/help")
        await current_clock().sleep(2 * CHECK_S)
        assert f"telegram:{moved}" in await scene.reply(scene.boss, 2)
        await scene.press("Approve")
        await scene.reply(scene.boss, 3)
        assert "may use the bot" in scene.texts(scene.boss)[-1]
        await telegram.wait_for(lambda: len(scene.texts(moved)) == 2)


async def test_a_restart_loses_nothing_and_tells_nobody_twice(scene: Scene, clock: Clock) -> None:
    telegram, ann = scene.telegram, scene.ann
    telegram.send_text(ann, ann, "hello")
    async with running(scene.settings) as (program, _):
        # The process ends before the operator was asked.
        await scene.reply(ann, 1)
        assert len(await program.store.admissions.list_untold()) == 1
    for _ in range(2):
        async with asking(scene.settings):
            await scene.reply(scene.boss, 1)
            await scene.reply(ann, 1)
    async with asking(scene.settings):
        await scene.press("Approve")
        assert KNOWN in await scene.reply(ann, 2)
    # Once nobody is asked any more, what still waits is done.
    telegram.send_text(scene.ben, scene.ben, "hello")
    async with asking(scene.settings):
        await scene.reply(scene.ben, 1)
    async with asking(scene.settings.model_copy(update={"allowed_chats": ()})):
        assert KNOWN in await scene.reply(scene.ben, 2)


async def test_a_message_that_crosses_the_approval_is_answered(scene: Scene) -> None:
    """It was judged before, and is committed after."""
    async with asking(scene.settings) as store:
        store.admissions.on_ask = lambda: None
        chat = Chat("telegram", "123456", str(scene.ann))

        def make(number: int) -> Message:
            now = current_clock().now()
            return Message(chat, str(number), now, sender_id=str(scene.ann), is_held=True)

        add = store.intake.add
        first = await add(make(901), lambda message, settings: "start")
        assert first and first.state is JobState.HELD
        await store.admissions.decide("x", "telegram", str(scene.ann), Decision.APPROVED)
        second = await add(make(902), lambda message, settings: "start")
        assert second and second.state is JobState.WAITING
        await store.admissions.decide("x", "telegram", str(scene.ann), Decision.DENIED)
        assert await add(make(903), lambda message, settings: "start") is None


async def test_the_deny_list_wins_over_everything(telegram: TelegramServer, tmp_path: Path) -> None:
    scene = Scene(telegram, tmp_path)
    listed = {"allowed_chats": (str(scene.ann), str(scene.group), "ask")}
    denied = {"denied_chats": (str(scene.ann),)}
    async with asking(scene.settings.model_copy(update=listed | denied)) as store:
        telegram.send_text(scene.ann, scene.ann, "hello")
        telegram.send_command(scene.group, scene.ann, "/help")
        telegram.send_command(scene.group, scene.ben, "/help")
        await scene.reply(scene.group, 1)
        assert scene.texts(scene.ann) == [] and await store.jobs.counts() == {JobState.DONE: 1}


async def test_a_ban_holds_at_once_and_for_what_waits(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    scene = Scene(telegram, tmp_path, allowed_chats="")
    boss, ann = scene.boss, scene.ann

    async def tell(words: str, count: int) -> str:
        telegram.send_command(boss, boss, f"/admin {words}")
        return await scene.reply(boss, count)

    async with asking(scene.settings) as store:
        assert "Paused" in await tell("pause", 1)
        telegram.send_text(ann, ann, "hello")
        await telegram.wait_for(lambda: scene.texts(ann))
        assert "is banned" in await tell(f"ban {ann}", 2)
        await tell("resume", 3)
        await current_clock().sleep(60)
        telegram.send_text(ann, ann, "hello?")
        telegram.send_command(scene.group, ann, "/help")
        await current_clock().sleep(60)
        assert not any(KNOWN in text for text in scene.texts(ann)) and not scene.texts(scene.group)
        assert "no longer banned" in await tell(f"unban telegram:{ann}", 4)
        telegram.send_text(ann, ann, "hello!")
        await telegram.wait_for(lambda: KNOWN in "".join(scene.texts(ann)))
        assert "Operators cannot be banned" in await tell(f"ban {boss}", 5)
        assert "Say whom" in await tell("ban @ann", 6)
        done = [(one.action, one.subject) for one in await store.audit.recent()]
    who = f"telegram:{ann}"
    assert done == [("unbanned", who), ("resume", ""), ("banned", who), ("pause", "")]


async def test_a_discord_server_waits_as_a_whole(telegram: TelegramServer, tmp_path: Path) -> None:
    async with DiscordServer() as discord:
        keys = {"discord_bot_token": discord.token, "discord_api_base_url": discord.api_base_url}
        scene = Scene(telegram, tmp_path, **keys)
        ann = discord.add_user("Ann")
        guild = discord.add_guild(members=[ann])
        general, other = discord.channel(guild), discord.add_channel(guild, "other")
        async with asking(scene.settings):
            await discord.wait_for(lambda: discord.commands() and discord.connected())
            used = discord.slash(general, ann, "help")
            await scene.reply(scene.boss, 1)
            discord.slash(other, ann, "help")
            assert f"discord:{guild}" in await scene.reply(scene.boss, 1)
            await scene.press("Approve")
            await discord.wait_for(
                lambda: any("/transcribe" in one.content for one in discord.responses_to(used))
            )


async def test_a_request_waits_until_an_operator_can_be_reached(
    telegram: TelegramServer, tmp_path: Path, clock: Clock
) -> None:
    """Bots cannot write first: an operator who has never written to this one is not reached."""
    scene = Scene(telegram, tmp_path, admin_ids="telegram:4040404")
    async with asking(scene.settings) as store:
        telegram.send_text(scene.ann, scene.ann, "hello")
        assert ASKED in await scene.reply(scene.ann, 1)
        await clock.sleep(3600)
        assert len(await store.admissions.list_untold()) == 1
        scene.boss = telegram.add_user("Boss", user_id=4040404)
        await clock.sleep(CHECK_S)
        assert "Ann wants to use this bot" in await scene.reply(scene.boss, 1)
        await clock.sleep(3600)
        assert len(scene.texts(scene.boss)) == 1 and not await store.admissions.list_untold()
        # Whoever has lost the message finds it here.
        telegram.send_command(scene.boss, scene.boss, "/admin status")
        assert "1 request to use this bot is open: /admin requests" in await scene.reply(
            scene.boss, 2
        )
        telegram.send_command(scene.boss, scene.boss, "/admin requests")
        assert (await scene.reply(scene.boss, 3)).endswith(f"telegram:{scene.ann} Ann")
        telegram.send_command(scene.boss, scene.boss, f"/admin approve {scene.ann}")
        await scene.reply(scene.boss, 4)
        telegram.send_command(scene.boss, scene.boss, "/admin requests")
        assert await scene.reply(scene.boss, 5) == "Nobody waits for a decision."


async def test_one_operator_who_is_reached_is_enough(
    telegram: TelegramServer, tmp_path: Path, clock: Clock
) -> None:
    scene = Scene(telegram, tmp_path)
    admins = ("telegram:4040404", f"telegram:{scene.boss}")
    async with asking(scene.settings.model_copy(update={"admin_ids": admins})) as store:
        telegram.send_text(scene.ann, scene.ann, "hello")
        assert "Ann wants to use this bot" in await scene.reply(scene.boss, 1)
        assert await store.admissions.list_untold() == []
