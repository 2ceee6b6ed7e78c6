"""Missed messages are committed once; old ones are left out."""

from __future__ import annotations

import asyncio

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.outgoing.parts import build_components
from core.config import Settings
from core.models import CANCEL_TOKEN, Button
from tests.discord_bot.conftest import run_bot
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_inbox import FakeInbox


def open_channels(server: Server, count: int) -> tuple[str, list[str]]:
    """Return a person, and channels with one message of theirs each."""
    ann = server.add_user("Ann")
    guild = server.add_guild(members=[ann])
    return ann, [server.add_channel(guild, f"channel-{n}") for n in range(count)]


async def settle(bot: Bot) -> None:
    """Wait until backfill is complete."""
    await asyncio.sleep(3)
    async with asyncio.timeout(30):
        while bot._backfill._tasks:
            await asyncio.sleep(0.01)


async def see(server: Server, inbox: FakeInbox, channels: list[str], ann: str) -> None:
    """Let the bot receive a message in each channel, so that it has watermarks."""
    before = len(inbox.messages)
    for channel in channels:
        server.send_text(channel, ann, "seen")
    await server.wait_for(lambda: len(inbox.messages) == before + len(channels))


async def test_a_lost_session_loses_no_message(
    server: Server, running: Bot, inbox: FakeInbox
) -> None:
    """D12: 60 messages in 6 channels; each is committed once, and no old one."""
    ann, channels = open_channels(server, 6)
    old = server.add_channel(next(iter(server.world.guilds)), "old")
    for n in range(20):
        server.send_text(old, ann, f"old {n}")
    await server.wait_for(lambda: len(inbox.messages) == 20)
    fresh = server.add_channel(next(iter(server.world.guilds)), "never-seen")
    await see(server, inbox, channels, ann)
    tries = inbox.tries
    server.set_gateway_down(is_down=True)
    server.lose_sessions()
    await server.wait_for(lambda: not server.connected())
    sent = {
        server.send_text(channel, ann, f"missed {n}") for channel in channels for n in range(10)
    }
    server.send_text(fresh, ann, "nobody has seen this channel before")
    server.advance(seconds=600)
    server.set_gateway_down(is_down=False)
    await server.wait_for(lambda: len(inbox.messages) >= 20 + 6 + 60, 30)
    await settle(running)
    assert {m.message_id for m in inbox.messages[26:]} == sent
    assert inbox.tries == tries + 60
    fetched = [call.path.split("/")[2] for call in server.requests_to("GET */messages")]
    assert set(fetched) == set(channels) and server.identifies() == 2


async def test_a_restart_continues_from_the_watermarks(
    server: Server, settings: Settings, inbox: FakeInbox
) -> None:
    ann, [channel] = open_channels(server, 1)
    chat, thread = server.dm(ann), server.add_thread(channel, ann)
    async with run_bot(settings, inbox):
        await see(server, inbox, [channel, chat, thread], ann)
    places = [channel, chat, thread]
    sent = [server.send_text(place, ann, f"in {place}") for place in places]
    inbox.messages.clear()
    async with run_bot(settings, inbox) as bot:
        await server.wait_for(lambda: len(inbox.messages) == 3)
        await settle(bot)
    found = {m.message_id: m for m in inbox.messages}
    assert set(found) == set(sent)
    assert [found[one].is_private for one in sent] == [False, True, False]
    assert found[sent[2]].thread_id == thread and found[sent[2]].chat.chat_id == channel


async def test_the_first_watermark_is_saved_at_once(
    server: Server, running: Bot, inbox: FakeInbox
) -> None:
    """Also while others are held: backfill skips chats without a watermark."""
    ann, [channel] = open_channels(server, 1)
    running._listening._watermarks.hold_all()
    await see(server, inbox, [channel], ann)
    await server.wait_for(lambda: channel in inbox.saved_watermarks, 0.5)


async def test_what_was_answered_after_a_backup_is_not_answered_again(
    server: Server, settings: Settings, inbox: FakeInbox
) -> None:
    """After a restore the watermarks are old. What shows how far a job is, is no answer."""
    ann, [channel, other] = open_channels(server, 2)
    async with run_bot(settings, inbox):
        await see(server, inbox, [channel, other], ann)
    old, me = dict(inbox.saved_watermarks), server.world.bot.user_id
    cancel = build_components([Button("Cancel", "cancel", token=f"{CANCEL_TOKEN}1")])
    more = build_components([Button("Longer", "summary", token="1a")])
    answered = [server.send_text(channel, ann, f"note {number}") for number in range(60)]
    begun = server.send_text(channel, ann, "long")
    server.send_text(channel, me, "50 %", reply_to=begun, components=cancel)
    for one in answered:  # on the second page
        server.send_text(channel, me, "words", reply_to=one, components=more)
    first = server.send_text(other, ann, "a question")
    opened = {begun, first, server.send_text(other, ann, "to herself", reply_to=first)}
    opened.add(server.send_text(channel, ann, "new"))
    inbox.messages.clear()
    inbox.saved_watermarks.clear()
    inbox.saved_watermarks |= old
    async with run_bot(settings, inbox) as bot:
        await server.wait_for(lambda: len(inbox.messages) >= len(opened))
        await settle(bot)
    assert {one.message_id for one in inbox.messages} == opened
