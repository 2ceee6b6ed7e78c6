"""The local Discord keeps the rules of the real one, seen through the real discord.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.emulators.discord import DiscordServer
from tests.emulators.discord.client import LocalClient, Rest, discord

OPUS = b"OggS" + bytes(24) + b"OpusHead" + bytes(900)


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as running:
        yield running


@pytest.fixture
async def rest(server: DiscordServer) -> AsyncIterator[Rest]:
    async with Rest(server) as client:
        yield client


class Ears(LocalClient):
    """A bot that remembers what it hears."""

    def __init__(self, server: DiscordServer, **options: Any) -> None:
        super().__init__(server, guild_ready_timeout=0.2, **options)
        self.heard: list[discord.Message] = []
        self.edits: list[discord.RawMessageUpdateEvent] = []
        self.gone: list[int] = []
        self.asked: list[discord.Interaction] = []

    async def on_message(self, message: discord.Message) -> None:
        self.heard.append(message)

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        self.edits.append(event)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        self.gone.append(event.message_id)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        self.asked.append(interaction)


async def test_every_kind_of_message_arrives_as_the_real_client_reads_it(
    server: DiscordServer,
) -> None:
    ann = server.add_user("Ann")
    guild = server.add_guild(members=[ann])
    room, forum = server.channel(guild), server.add_forum(guild)
    async with Ears(server) as bot:
        voice = server.send_voice(room, ann, OPUS, duration=4.5)
        server.send_file(room, ann, b"ID3x", "my song.mp3", text="listen")
        server.forward(room, ann, voice)
        server.send_text(room, ann, f"hi <@{server.world.bot.user_id}> @everyone", reply_to=voice)
        server.post(forum, ann, "A question", "words")
        thread = server.add_thread(room, ann, "Side", message=voice)
        server.send_text(thread, ann, "in the thread")
        server.send_text(server.dm(ann), ann, "in private")
        server.send_webhook(room, "from a machine")
        await server.wait_for(lambda: len(bot.heard) == 8)
        first, song, forwarded, reply, post, side, private, machine = bot.heard
        assert first.flags.voice and first.attachments[0].duration == 4.5
        assert first.attachments[0].is_voice_message() and await first.attachments[0].read() == OPUS
        assert song.attachments[0].filename == "my_song.mp3" and song.content == "listen"
        [snapshot] = forwarded.message_snapshots
        assert snapshot.attachments[0].duration == 4.5
        assert reply.reference and reply.reference.message_id == int(voice)
        assert bot.user in reply.mentions and not reply.mention_everyone
        assert isinstance(post.channel, discord.Thread) and post.channel.parent_id == int(forum)
        assert isinstance(side.channel, discord.Thread) and side.channel.id == int(voice)
        assert isinstance(private.channel, discord.DMChannel) and private.author.name == "ann"
        assert machine.webhook_id and first.author.display_name == "Ann"
        server.edit(voice, "changed")
        server.delete(voice)
        await server.wait_for(lambda: bot.gone and bot.edits)
        assert server.identifies() == 1 and server.connected() == 1


async def test_a_command_is_deferred_edited_and_followed_up(server: DiscordServer) -> None:
    ann = server.add_user("Ann", locale="zh-CN")
    guild = server.add_guild(members=[ann])
    room = server.channel(guild)
    async with Ears(server) as bot:
        tree = discord.app_commands.CommandTree(bot)

        @tree.command(name="say", description="Say something")
        async def say(
            asked: discord.Interaction, text: str, sound: discord.Attachment | None = None
        ) -> None:
            await asked.response.defer(ephemeral=text == "secret")
            data = await sound.read() if sound else b""
            await asked.edit_original_response(content=f"{text} {data.decode()} {asked.locale}")
            await asked.followup.send("and more", ephemeral=True)

        await tree.sync()
        assert list(server.commands()) == ["say"] and server.command_writes() == [["say"]]
        asked = server.slash(
            room, ann, "say", {"text": "hello"}, attachments={"sound": ("a.ogg", b"data")}
        )
        await server.wait_for(lambda: len(server.answers_of(asked)) == 2)
        shown, more = server.answers_of(asked)
        assert shown.content == "hello data zh-CN" and shown.versions == ["", shown.content]
        assert not shown.is_ephemeral and more.is_ephemeral
        assert [one.message_id for one in server.ephemeral(room, ann)] == [more.message_id]
        assert [one.message_id for one in server.answers(room)] == [shown.message_id]
        secret = server.slash(room, ann, "say", {"text": "secret"})
        await server.wait_for(lambda: len(server.answers_of(secret)) == 2)
        assert all(one.is_ephemeral for one in server.answers_of(secret))
        assert server.visible_counts([asked, secret]) == {asked: 2, secret: 2}
        assert 0 <= server.latencies()[-1] < 3 and not server.thinking(room)
        with pytest.raises(ValueError, match="required"):
            server.slash(room, ann, "say")


async def test_a_dropped_socket_is_resumed_and_hears_what_it_missed(server: DiscordServer) -> None:
    ann = server.add_user()
    async with Ears(server) as bot:
        server.send_text(server.dm(ann), ann, "before")
        await server.wait_for(lambda: bot.heard)
        server.drop()
        server.send_text(server.dm(ann), ann, "meanwhile")
        await server.wait_for(lambda: len(bot.heard) == 2)
        assert server.resumes() == 1 and server.identifies() == 1


async def test_requests_over_the_limit_wait_and_the_ledger_knows(server: DiscordServer) -> None:
    ann = server.add_user()
    async with Ears(server) as bot:
        server.set_limits(is_strict=True)
        server.fault("POST */messages", "rate_limit", retry_after=0.3, scope="shared")
        user = await bot.fetch_user(int(ann))
        sent = await asyncio.gather(*(user.send(f"{number}") for number in range(4)))
        assert len(sent) == len(server.answers(server.dm(ann))) == 4
        first = server.calls_of("POST /channels/*/messages")[0]
        assert (first.status, first.is_invalid) == (429, False)
        assert server.invalid_requests() == 0 and not server.violations()
