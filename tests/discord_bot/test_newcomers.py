"""First contact on Discord: a server is told who was added; people who join, what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial

import pytest

from bots.discord_bot import DiscordBot
from core.clock import Clock
from core.config import Settings
from core.models import Chat, ChatSettings, TalkSettings
from core.store import Store
from tests.emulators.discord import DiscordServer as Server
from tests.support import audio_samples
from tests.support.loopback import Loopback, ScriptedTranscriber

HOUR_S = 3600.0
NOTE = audio_samples.file("ogg-opus", audio_samples.speech(4.0))
#: Discord's flag of a message that notifies nobody.
SILENT = 1 << 12


@pytest.fixture
async def whole(
    server: Server, settings: Settings, store: Store, clock: Clock
) -> AsyncIterator[Loopback]:
    """The whole assistant on a real store, and a bot on an emulated Discord."""
    loopback = Loopback(store, ScriptedTranscriber())
    bot = DiscordBot(settings, loopback.inbox, clock)
    loopback.inbox.platforms["discord"] = bot  # type: ignore[index]
    async with loopback.running():
        task = asyncio.create_task(bot.run())
        while not bot.is_ready:
            await asyncio.sleep(0.01)
        yield loopback
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bot.close()


async def test_a_server_that_adds_the_bot_is_told_that_it_is_an_ai(
    whole: Loopback, server: Server, ann: str
) -> None:
    old = server.add_guild(members=[ann])
    guild = server.add_guild(members=[ann], has_bot=False)
    channel = server.channel(guild)
    server.invite_bot(guild, is_new=True)
    await server.wait_for(lambda: server.replies(channel))
    [hello] = server.replies(channel)
    assert server.replies(server.channel(old)) == []
    assert "AI assistant" in hello.content and "/privacy" in hello.content


async def test_a_direct_message_that_begins_with_a_recording_is_told_first_that_an_ai_answers(
    whole: Loopback, server: Server, ann: str
) -> None:
    channel = server.dm(ann)
    for _ in range(2):
        note = server.send_voice(channel, ann, NOTE, duration=4.0)
        await server.wait_for(partial(server.replies_to, note))
    told, *answers = [reply.content for reply in server.replies(channel)]
    assert "I am Hearsay, an AI assistant" in told and "/privacy" in told
    assert answers == ["> call 1", "> call 1"]


async def test_a_command_in_a_new_direct_message_keeps_its_response(
    whole: Loopback, server: Server, ann: str
) -> None:
    channel = server.dm(ann)
    await server.wait_for(server.commands)
    used = server.slash(channel, ann, "help")
    await server.wait_for(lambda: server.responses_to(used))
    [told], [answer] = server.replies(channel), server.responses_to(used)
    assert "AI assistant" in told.content and "/ask" in answer.content


async def test_whoever_is_greeted_anyway_is_not_told_again(
    whole: Loopback, server: Server, ann: str
) -> None:
    """Plain words in a private chat get what /start says."""
    channel = server.dm(ann)
    server.send_text(channel, ann, "Hello")
    await server.wait_for(lambda: server.replies(channel))
    server.send_voice(channel, ann, NOTE, duration=4.0)
    await server.wait_for(lambda: len(server.replies(channel)) == 2)
    greeting, answer = [reply.content for reply in server.replies(channel)]
    assert "AI assistant" in greeting and answer == "> call 1"


@pytest.mark.parametrize(
    ("command", "arguments", "answer"),
    [("help", {}, "/ask"), ("find", {"words": "tea"}, "Nothing found")],
)
async def test_the_app_of_a_person_says_in_its_first_response_that_an_ai_answers(
    whole: Loopback, server: Server, command: str, arguments: dict[str, str], answer: str
) -> None:
    """Nothing else can be sent where the bot is no member; a refusal is a response, too."""
    eve = server.add_user("Eve", has_app=True)
    foreign = server.channel(server.add_guild(members=[eve], has_bot=False))
    await server.wait_for(server.commands)
    told = []
    for _ in range(2):
        used = server.slash(foreign, eve, command, arguments)
        [response] = await server.wait_for(partial(server.responses_to, used))
        told.append(response.content)
    first, second = told
    assert first.startswith("Hi, I am Hearsay, an AI assistant") and "</privacy:" in first
    assert answer in first and answer in second and "AI assistant" not in second


async def test_the_app_of_a_person_says_it_before_a_transcript_and_after_a_form(
    whole: Loopback, server: Server
) -> None:
    eve, bob = server.add_user("Eve", has_app=True), server.add_user("Bob", has_app=True)
    chat = server.private_chat(eve, bob)
    note = server.send_voice(chat, bob, NOTE, duration=4.0)
    await server.wait_for(server.commands)
    used = server.context_menu(note, eve, "Transcribe")
    [response] = await server.wait_for(partial(server.responses_to, used))
    assert response.content.startswith("Hi, I am Hearsay, an AI assistant")
    assert response.content.endswith("> call 1")
    opened = server.context_menu(note, bob, "Ask about this")
    await server.wait_for(lambda: server.interaction(opened).modal)
    sent = server.submit(opened, bob, {"text": "Who is it?"})
    [response] = await server.wait_for(partial(server.responses_to, sent))
    assert response.content.startswith("Hi, I am Hearsay, an AI assistant")


async def test_who_joined_later_is_told_at_their_first_message(
    whole: Loopback, server: Server, ann: str, clock: Clock
) -> None:
    ben, eve = server.add_user("Ben"), server.add_user("Eve")
    guild = server.add_guild(members=[ann])
    channel = server.channel(guild)
    since_at = datetime.fromtimestamp(server.world.clock.now() - 60, UTC)
    talk = TalkSettings(remember_days=7, remembered_since_at=since_at)
    chat = Chat("discord", server.world.bot.user_id, channel)
    await whole.store.chats.save_settings(chat, ChatSettings(talk=talk))
    server.send_text(channel, ann, "I was here before")
    await clock.sleep(HOUR_S)
    assert server.replies(channel) == []
    for person in (ben, eve):
        server.add_member(guild, person)
        server.send_text(channel, person, "hello all")
    await clock.sleep(HOUR_S / 2)
    [note] = server.replies(channel)
    assert "7 days" in note.content and "me off keeps yours out" in note.content
    assert note.flags & SILENT and not note.mentions
    server.send_text(channel, ben, "hello again")
    await clock.sleep(3 * HOUR_S)
    assert len(server.replies(channel)) == 1
