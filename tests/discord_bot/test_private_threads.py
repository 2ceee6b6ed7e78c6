"""Private threads: chats of their own, which the channel that they belong to does not see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bots.common.members import CACHE_S
from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.wording import WORDING
from core.clock import Clock
from core.config import Settings
from core.errors import NotMember
from core.models import Button, Chat, ChatSettings, Job, Membership, Reply, TalkSettings
from core.summaries.ranges import RangeContext, SummaryCopy, dump_copy, parse_request
from tests.discord_bot.conftest import run_bot
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_inbox import FakeInbox, make_message
from tests.support.discord_server_chat import ServerChannel
from tests.support.loopback import Loopback

SECRET = "The salary of Kim will be cut."
ONLY_MEMBERS = WORDING.get(NotMember.user_text, NotMember.user_text)
KEEPS_HISTORY = ChatSettings(talk=TalkSettings(remember_days=7))


class Office:
    """A channel of Ann, Ben and Eve, with a private thread of Ann and Ben."""

    def __init__(self, server: Server, whole: Loopback, bot: Bot) -> None:
        self.server, self.whole, self.bot = server, whole, bot
        self.ann, self.ben, self.eve = (server.add_user(name) for name in ("Ann", "Ben", "Eve"))
        self.guild = server.add_guild(members=[self.ann, self.ben, self.eve])
        self.channel = server.channel(self.guild)
        self.thread = server.add_private_thread(self.channel, self.ann, self.ben)

    def chat(self, chat_id: str) -> Chat:
        return Chat("discord", self.server.world.bot.user_id, chat_id)

    async def remember(self, chat_id: str) -> None:
        await self.whole.store.chats.save_settings(self.chat(chat_id), KEEPS_HISTORY)

    async def say(self, place: str, who: str, text: str) -> None:
        self.server.send_text(place, who, text)
        await self.whole.settle()
        await asyncio.sleep(1)

    async def ask(self, place: str, who: str, command: str, **options: str) -> Job:
        """Use a slash command and return its job."""
        used = self.server.slash(place, who, command, options)
        return await self.job(place, used)

    async def job(self, place: str, interaction: str) -> Job:
        await self.server.wait_for(lambda: self.server.responses_to(interaction))
        await asyncio.sleep(1)
        job = await self.whole.store.jobs.of_message(self.chat(place), f"interaction:{interaction}")
        assert job and job.reply
        return job


@pytest.fixture
async def office(server: Server, whole: tuple[Loopback, Bot]) -> AsyncIterator[Office]:
    office = Office(server, *whole)
    await server.wait_for(lambda: office.bot.client.get_channel(int(office.thread)))
    yield office


def text_of(job: Job) -> str:
    assert job.reply
    return job.reply.text


async def test_what_is_said_there_is_found_there_only(office: Office) -> None:
    for place in (office.channel, office.thread):
        await office.remember(place)
    await office.say(office.thread, office.ann, SECRET)
    outside = await office.ask(office.channel, office.eve, "find", words="salary")
    assert text_of(outside).startswith("Nothing found")
    inside = await office.ask(office.thread, office.ben, "find", words="salary")
    assert "The salary of Kim will be cut" in text_of(inside)
    assert inside.reply and inside.reply.links[0].message_id.isdecimal()
    await office.ask(office.channel, office.eve, "summary")
    assert office.whole.answerer.questions == []


async def test_its_history_is_off_until_it_is_turned_on_there(office: Office) -> None:
    await office.remember(office.channel)
    await office.say(office.thread, office.ann, SECRET)
    off = await office.ask(office.thread, office.ben, "find", words="salary")
    assert text_of(off).startswith("Message history is off in this channel.")
    assert await office.whole.store.memory.count(office.chat(office.channel)) == 0


async def test_its_summary_is_for_those_who_see_it_when_they_press(office: Office) -> None:
    await office.remember(office.thread)
    await office.say(office.thread, office.ann, SECRET)
    assert await press_private(office, office.ben) != ONLY_MEMBERS
    office.server.remove_from_thread(office.thread, office.ben)
    assert await press_private(office, office.ben) == ONLY_MEMBERS


async def press_private(office: Office, who: str) -> str:
    """Press a button for the thread's summary that was offered before; return the reply."""
    server, store = office.server, office.whole.store
    job = await office.ask(office.channel, who, "help")
    request = parse_request("last 2h", RangeContext(job.message.sent_at))
    payload = dump_copy(SummaryCopy(office.thread, request))
    offer = Button("Read in private", "private_summary", payload, is_private=True)
    assert job.reply and await store.jobs.redo(job.job_id, replace(job.reply, buttons=(offer,)))
    job = await office.job(office.channel, job.message.message_id.removeprefix("interaction:"))
    assert job.reply
    under = server.responses_to(job.message.message_id.removeprefix("interaction:"))[0]
    token = job.reply.buttons[0].token
    pressed = server.press(under.message_id, who, f"p:{token}", is_forged=True)
    return text_of(await office.job(f"user:{who}", pressed))


async def test_who_sees_it(office: Office, clock: Clock) -> None:
    server, guild = office.server, office.guild
    admin, moderator, manager = (server.add_user(n) for n in ("Admin", "Mod", "Manny"))
    server.add_role(guild, "Mod", "MANAGE_THREADS")
    server.add_role(guild, "Clerk", "MANAGE_GUILD")
    server.add_role(guild, "Chief", "ADMINISTRATOR")
    for who, role in ((admin, "Chief"), (moderator, "Mod"), (manager, "Clerk")):
        server.add_member(guild, who, role)
    # What the gateway did not tell of is asked for.
    office.bot.client._connection._remove_guild(office.bot.client.guilds[0])

    async def ask(*people: str) -> list[Membership]:
        chat = office.chat(office.thread)
        return [await office.bot.membership(chat, who) for who in people]

    owner = server.world.guilds[guild].owner_id
    seen = [Membership.OWNER, Membership.ADMIN, Membership.MEMBER, Membership.MEMBER]
    assert await ask(owner, admin, moderator, office.ben) == seen
    assert await ask(manager, office.eve) == [Membership.NONE] * 2
    server.add_to_thread(office.thread, manager, office.eve)
    assert await ask(manager, office.eve) == [Membership.ADMIN, Membership.MEMBER]
    # Who no longer sees the channel sees none of its threads.
    server.deny(office.channel, office.ben, "VIEW_CHANNEL")
    server.remove_from_thread(office.thread, office.eve)
    await clock.sleep(CACHE_S)
    assert await ask(office.ben, office.eve) == [Membership.NONE] * 2
    server.remove_from_thread(office.thread, server.world.bot.user_id)
    await clock.sleep(CACHE_S)
    assert await ask(owner, manager) == [Membership.NONE] * 2


async def test_the_bot_is_called_into_one_by_a_mention(
    server: Server, running: Bot, inbox: FakeInbox, ann: str
) -> None:
    guild = server.add_guild(members=[ann])
    channel, me = server.channel(guild), server.world.bot.user_id
    thread = server.add_private_thread(channel, ann)
    server.remove_from_thread(thread, me)
    await server.wait_for(lambda: running.client.get_channel(int(channel)))
    server.send_text(thread, ann, "nobody hears this")
    unseen = make_message(thread, sender_id=ann, is_private=False, parent_id=channel)
    running.client.guilds[0]._threads.clear()
    assert "Mention me in it" in await running.explain_blindness(unseen)
    server.send_text(thread, ann, f"<@{me}> hello")
    await server.wait_for(lambda: inbox.messages)
    [message] = inbox.messages
    assert message.text == "hello" and message.chat.chat_id == thread
    assert (message.thread_id, message.parent_id, message.server_id) == (None, channel, guild)
    assert await running.explain_blindness(unseen) == ""


async def test_a_restart_continues_from_its_own_watermark(
    server: Server, settings: Settings, inbox: FakeInbox, ann: str
) -> None:
    guild = server.add_guild(members=[ann])
    thread = server.add_private_thread(server.channel(guild), ann)
    async with run_bot(settings, inbox):
        server.send_text(thread, ann, "first")
        await server.wait_for(lambda: inbox.saved_watermarks)
    assert inbox.saved_watermarks.keys() == {thread}
    server.send_text(thread, ann, "second")
    async with run_bot(settings, inbox):
        await server.wait_for(lambda: inbox.texts() == ["first", "second"])
    assert {m.chat.chat_id for m in inbox.messages} == {thread}


async def test_a_long_reply_there_starts_no_thread(bot: Bot, channel: ServerChannel) -> None:
    bot._delivery.long_answers = "thread"
    thread = channel.server.add_private_thread(channel.id, channel.ann)
    where = ServerChannel(channel.server, channel.ann, channel.guild, thread)
    await where.answer(bot, Reply("A line.\n" * 600), parent_id=channel.id)
    assert len(channel.server.replies(thread)) == 3
    assert channel.server.requests_to("POST */threads") == []


@pytest.mark.parametrize("setting", ["allowed_chats", "denied_chats"])
async def test_what_is_decided_about_the_channel_holds_there(
    server: Server, settings: Settings, inbox: FakeInbox, ann: str, setting: str
) -> None:
    guild = server.add_guild(members=[ann])
    channel, other = server.channel(guild), server.add_channel(guild)
    settings = settings.model_copy(update={setting: (channel,)})
    async with run_bot(settings, inbox) as bot:
        await server.wait_for(lambda: bot.client.get_channel(int(other)))
        for place in (channel, other):
            server.send_text(server.add_private_thread(place, ann), ann, f"below {place}")
        server.send_text(other if setting == "denied_chats" else channel, ann, "last")
        await server.wait_for(lambda: inbox.texts()[-1:] == ["last"])
    is_open = setting == "allowed_chats"
    assert inbox.texts() == [f"below {channel if is_open else other}", "last"]
