"""Messages over the real gateway protocol: committed once, before anything else."""

from __future__ import annotations

import asyncio

from discord.http import Route

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.client.pacing import TYPING_S
from bots.discord_bot.client.shards import IDENTIFY_S
from core.config import Settings
from core.errors import StoreError
from tests.discord_bot.conftest import run_bot
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_inbox import FakeInbox, make_message

OGG = b"OggS" + bytes(200)


async def test_a_voice_message_is_committed(
    server: Server, running: Bot, inbox: FakeInbox, ann: str
) -> None:
    note = server.send_voice(server.dm(ann), ann, OGG, duration=4.0)
    await server.wait_for(lambda: inbox.messages)
    [message] = inbox.messages
    assert message.message_id == note and message.is_private
    assert message.attachment and message.attachment.kind == "voice"
    assert message.attachment.duration_s == 4.0
    assert await running.fetch(message) == OGG
    # It shows at once that it was heard.
    await server.wait_for(lambda: server.world.channels[message.chat.chat_id].typing)


async def test_an_event_delivered_three_times_is_committed_once(
    server: Server, running: Bot, inbox: FakeInbox, ann: str, channel_id: str
) -> None:
    server.repeat_events(3)
    server.hold_events()
    sent = {server.send_text(channel_id, ann, f"number {n}") for n in range(10)}
    server.release_events(is_shuffled=True)
    await server.wait_for(lambda: inbox.tries == 30)
    assert {m.message_id for m in inbox.messages} == sent and len(inbox.messages) == 10


async def test_failed_commits_are_retried_in_order(
    server: Server, running: Bot, inbox: FakeInbox, ann: str
) -> None:
    chat = server.dm(ann)
    inbox.failures = [StoreError("locked"), StoreError("full"), OSError("?")]
    for n in range(3):
        server.send_text(chat, ann, f"number {n}")
    await server.wait_for(lambda: len(inbox.messages) == 3)
    assert inbox.texts() == ["number 0", "number 1", "number 2"]


async def test_an_unreadable_event_is_skipped(
    server: Server, running: Bot, inbox: FakeInbox, ann: str
) -> None:
    chat = server.dm(ann)
    server.send_text(chat, ann, "for us", extra={"mentions": [{"no": "id"}]})
    with server.world.lock:  # for the library
        server.world.emit("CHANNEL_CREATE", {"nothing": "of use"}, intent=1)
    server.send_text(chat, ann, "whole")
    await server.wait_for(lambda: inbox.messages)
    assert inbox.texts() == ["whole"]
    assert running.is_ready and server.identifies() == 1


async def test_edits_and_deletions_are_committed(
    server: Server, running: Bot, inbox: FakeInbox, ann: str, channel_id: str
) -> None:
    sent = server.send_text(channel_id, ann, "first")
    server.edit(sent, "second")
    server.delete(sent)
    await server.wait_for(lambda: inbox.forgotten)
    assert inbox.texts() == ["first", "second"]
    assert [bool(m.edit_id) for m in inbox.messages] == [False, True]
    assert inbox.forgotten == [(channel_id, sent)]


async def test_threads_and_posts_belong_to_their_channels_chat(
    server: Server, running: Bot, inbox: FakeInbox, ann: str
) -> None:
    guild = server.add_guild(members=[ann])
    channel, forum = server.channel(guild), server.add_forum(guild)
    thread = server.add_thread(channel, ann)
    server.send_text(thread, ann, "in a thread")
    post, _ = server.post(forum, ann, "Title", "in a post")
    await server.wait_for(lambda: len(inbox.messages) == 2)
    assert [(m.chat.chat_id, m.thread_id) for m in inbox.messages] == [
        (channel, thread),
        (forum, post),
    ]
    assert not any(m.is_private for m in inbox.messages)


async def test_bots_and_webhooks_are_ignored(
    server: Server, running: Bot, inbox: FakeInbox
) -> None:
    ann, robot = server.add_user("Ann"), server.add_user("Robot", is_bot=True)
    guild = server.add_guild(members=[ann, robot])
    channel = server.channel(guild)
    server.send_webhook(channel, "from a webhook")
    server.send_text(channel, robot, "from a bot")
    route = Route("POST", f"/channels/{channel}/messages")
    await running.client.http.request(route, json={"content": "from us"})
    server.send_text(channel, ann, "from Ann")
    await server.wait_for(lambda: inbox.messages)
    assert inbox.texts() == ["from Ann"]


async def test_only_allowed_chats_are_answered(
    server: Server, settings: Settings, inbox: FakeInbox, ann: str
) -> None:
    ours = server.add_guild(members=[ann])
    theirs = server.add_guild(members=[ann])
    async with run_bot(settings.model_copy(update={"allowed_chats": (ours,)}), inbox):
        server.send_text(server.channel(theirs), ann, "there")
        server.send_text(server.dm(ann), ann, "alone")
        server.send_text(server.channel(ours), ann, "here")
        await server.wait_for(lambda: inbox.messages)
        assert inbox.texts() == ["here"]


async def test_all_shards_receive_and_disconnect(
    server: Server, settings: Settings, inbox: FakeInbox, ann: str
) -> None:
    channels = [server.channel(server.add_guild(members=[ann])) for _ in range(4)]
    async with run_bot(settings.model_copy(update={"discord_shard_count": 2}), inbox):
        assert server.connected() == 2
        first, second = server.api.identifies
        assert second - first >= IDENTIFY_S - 1e-6
        for channel in channels:
            server.send_text(channel, ann, channel)
        await server.wait_for(lambda: len(inbox.messages) == 4)
        assert sorted(inbox.texts()) == sorted(channels)
    await asyncio.sleep(0.1)
    assert server.connected() == 0 and server.gateway.closes == [1000] * 2


async def test_the_language_comes_from_the_app_or_the_server(
    server: Server, running: Bot, inbox: FakeInbox
) -> None:
    ann = server.add_user("Ann", locale="zh-CN")
    channel = server.channel(server.add_guild(members=[ann], locale="de"))
    await server.wait_for(lambda: running.client.guilds)
    server.send_text(channel, ann, "in the server")
    await server.wait_for(lambda: inbox.messages)
    await running._accept_interaction(make_message(channel, language="zh-CN", sender_id=ann))
    server.send_text(channel, ann, "after a command")
    await server.wait_for(lambda: len(inbox.messages) == 3)
    assert [m.language for m in inbox.messages] == ["de", "zh-CN", "zh-CN"]


async def test_typing_stops_in_a_channel_that_forbids_it(
    server: Server, running: Bot, inbox: FakeInbox, ann: str, channel_id: str
) -> None:
    """H7."""
    server.fault("POST */typing", "status", status=403, code=50013, count=None)
    for n in range(6):
        server.send_voice(channel_id, ann, OGG)
        await server.wait_for(lambda n=n: len(inbox.messages) == n + 1)  # type: ignore[misc]
        await asyncio.sleep(TYPING_S)
    assert len(server.requests_to("POST */typing")) == 3
