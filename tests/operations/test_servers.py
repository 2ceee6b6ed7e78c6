"""Servers and people on Discord, whose chats have other ids: what the program sends there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bots.discord_bot import DiscordBot
from core.admission import Admission, Decision
from core.clock import Clock
from core.interfaces import Platform
from core.jobs.runner import JobRunner
from core.models import (
    Account,
    BudgetPeriod,
    Chat,
    ChatSettings,
    DigestSchedule,
    TalkSettings,
)
from core.store import Store
from tests.emulators.discord import DiscordServer
from tests.emulators.telegram import TelegramServer
from tests.operations.test_access_requests import asking
from tests.operations.test_admin import Desk
from tests.support.discord_inbox import make_settings
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.support.virtual_time import current_clock

TEXT = "Tonight the bot is down."


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as server:
        yield server


@pytest.fixture
def ann(discord: DiscordServer) -> str:
    return discord.add_user("Ann")


@asynccontextmanager
async def connected(store: Store, discord: DiscordServer, **lists: str) -> AsyncIterator[Loopback]:
    """Run the assistant with a bot on Discord, and these lists of who may use it."""
    whole = Loopback(store, ScriptedTranscriber())
    whole.answerer.scripts = {".": "## Boats\n- A boat is bought [#1]\n"}
    address = {"discord_bot_token": discord.token, "discord_api_base_url": discord.api_base_url}
    bot = DiscordBot(make_settings(**address, **lists), whole.inbox, current_clock())
    platforms: dict[str, Platform] = {"discord": bot}  # type: ignore[dict-item]
    whole.inbox.platforms = platforms
    whole.worker = JobRunner(store, whole.assistant, platforms)
    async with whole.running():
        task = asyncio.create_task(bot.run())
        await discord.wait_for(lambda: bot.is_ready)
        yield whole
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bot.close()


def texts(discord: DiscordServer, channel: str) -> str:
    return "\n".join(reply.content for reply in discord.replies(channel))


async def test_a_broadcast_reaches_the_servers_and_people_of_the_list(
    telegram: TelegramServer, tmp_path: Path, discord: DiscordServer, ann: str, clock: Clock
) -> None:
    ben = discord.add_user("Ben")
    guild, other = discord.add_guild(members=[ann]), discord.add_guild(members=[ann, ben])
    general, elsewhere, dm = discord.channel(guild), discord.channel(other), discord.dm(ann)
    keys = {"discord_bot_token": discord.token, "discord_api_base_url": discord.api_base_url}
    desk = Desk(telegram, tmp_path, allowed_chats="", **keys)
    async with asking(desk.settings):
        await discord.wait_for(lambda: discord.commands() and discord.connected())
        for channel, person in ((general, ann), (elsewhere, ben)):
            used = discord.slash(channel, person, "help")
            await discord.wait_for(partial(discord.responses_to, used))
        sent = discord.send_text(dm, ann, "/help")
        await discord.wait_for(partial(discord.replies_to, sent))
    listed = desk.settings.model_copy(update={"allowed_chats": (guild, ann)})
    async with asking(listed):
        await discord.wait_for(discord.connected)
        await desk.ask(f"broadcast {TEXT}")
        asked = telegram.replies(desk.boss)[-1]
        telegram.press_button(desk.boss, desk.boss, asked.message_id, "Send to 2 chats")
        await clock.sleep(10)
    assert desk.texts(desk.boss)[-1] == "Sent to 2 chats."
    assert [TEXT in texts(discord, one) for one in (general, dm, elsewhere)] == [True, True, False]


async def prepare_digest(store: Store, discord: DiscordServer, place: str) -> Chat:
    """Let a channel or thread keep a history, and have a digest in twenty minutes."""
    chat = Chat("discord", discord.world.bot.user_id, place)
    await store.chats.save_settings(chat, ChatSettings(talk=TalkSettings(remember_days=7)))
    due_at = current_clock().now() + timedelta(minutes=20)
    at = ("09:00", "UTC", False, None, False, "en")
    await store.schedules.add(DigestSchedule("s", chat, *at, next_at=due_at))
    return chat


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "listed"])
@pytest.mark.parametrize("state", ["admitted", "banned", "denied"])
@pytest.mark.parametrize("is_thread", [False, True], ids=["server", "private thread"])
async def test_what_a_server_gets_by_the_clock_depends_on_the_server(
    discord: DiscordServer, ann: str, store: Store, clock: Clock, state: str, is_open: bool,
    is_thread: bool,
) -> None:  # fmt: skip
    """A digest, which costs money, and the note to people who have joined.

    What a private thread gets depends on its channel.
    """
    guild = discord.add_guild(members=[ann])
    place, who = discord.channel(guild), guild
    if is_thread:
        place, who = discord.add_private_thread(place, ann), place
    chat = await prepare_digest(store, discord, place)
    lists = {
        "allowed_chats": "" if is_open else who,
        "denied_chats": who if state == "denied" else "",
    }
    async with connected(store, discord):
        discord.send_text(place, ann, "We buy a boat.")
        await clock.sleep(1)
    if state == "banned":
        await store.admissions.decide("x", "discord", who, Decision.BANNED)
    async with connected(store, discord, **lists) as whole:
        await store.newcomers.add(chat, ["7"])
        await clock.sleep(1500)
        questions = len(whole.answerer.questions)
    sent, is_admitted = texts(discord, place), state == "admitted"
    assert ("Boats" in sent) is ("If you are new here" in sent) is is_admitted
    assert questions == int(is_admitted), "nothing is paid for the others"


async def test_a_broadcast_reaches_private_threads_of_channels_of_the_list(
    discord: DiscordServer, ann: str, store: Store
) -> None:
    guild = discord.add_guild(members=[ann])
    listed, other = discord.channel(guild), discord.add_channel(guild)
    threads = [discord.add_private_thread(one, ann) for one in (listed, other)]
    async with connected(store, discord):
        await discord.wait_for(discord.commands)
        for thread in threads:
            used = discord.slash(thread, ann, "help")
            await discord.wait_for(partial(discord.responses_to, used))
    settings = make_settings(allowed_chats=listed)
    store.admissions.rules = Admission.read(settings, store.admissions.decisions)
    assert await store.controls.count_active() == 1
    async with connected(store, discord, allowed_chats=listed) as whole:
        assert await store.controls.broadcast("x", "1", TEXT) == 1
        await whole.settle()
    assert [TEXT in texts(discord, one) for one in threads] == [True, False]
    await store.admissions.decide("x", "discord", listed, Decision.DENIED)
    assert await store.controls.count_active() == 0


async def test_a_channel_pays_for_the_digests_in_its_private_threads(
    discord: DiscordServer, ann: str, store: Store, clock: Clock
) -> None:
    guild = discord.add_guild(members=[ann])
    channel = discord.channel(guild)
    thread = discord.add_private_thread(channel, ann)
    chat = await prepare_digest(store, discord, thread)
    async with connected(store, discord):
        discord.send_text(thread, ann, "We buy a boat.")
        await clock.sleep(1500)
    assert "Boats" in texts(discord, thread)
    accounts = [Account.of_group(one) for one in (replace(chat, chat_id=channel), chat)]
    found = await store.budgets.standings(accounts, clock.now().date())
    assert [one.used[BudgetPeriod.DAY].requests for one in found] == [1, 0]


async def test_a_person_of_the_list_is_told_first_that_an_ai_answers(
    discord: DiscordServer, ann: str, store: Store
) -> None:
    dm = discord.dm(ann)
    async with connected(store, discord, allowed_chats=ann):
        sent = discord.send_text(dm, ann, "/help")
        await discord.wait_for(partial(discord.replies_to, sent))
    assert "an AI assistant" in discord.replies(dm)[0].content
