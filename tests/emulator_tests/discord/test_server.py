"""The local Discord keeps the rules of the real one, seen through the real discord.py."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

from tests.emulators.discord import DiscordServer
from tests.emulators.discord.client import LocalClient, Rest, discord

OPUS = b"OggS" + bytes(24) + b"OpusHead" + bytes(900)


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


async def test_requests_over_the_limit_wait_and_the_ledger_knows(server: DiscordServer) -> None:
    ann = server.add_user()
    async with Ears(server) as bot:
        server.set_limits(is_strict=True)
        server.fault("POST */messages", "rate_limit", retry_after=0.3, scope="shared")
        chat = bot.get_partial_messageable(int(server.dm(ann)))
        sent = await asyncio.gather(*(chat.send(f"{number}") for number in range(4)))
        assert len(sent) == len(server.answers(server.dm(ann))) == 4
        first = server.calls_of("POST /channels/*/messages")[0]
        assert (first.status, first.is_invalid) == (429, False)
        assert server.invalid_requests() == 0 and not server.violations()


async def test_the_real_client_writes_everything_a_bot_writes(server: DiscordServer) -> None:
    ann = server.add_user()
    guild = server.add_guild(members=[ann])
    room = server.channel(guild)
    note = server.send_voice(room, ann, OPUS)
    async with Ears(server, allowed_mentions=discord.AllowedMentions.none()) as bot:
        channel = bot.get_channel(int(room))
        assert isinstance(channel, discord.TextChannel)
        target = await channel.fetch_message(int(note))
        async with channel.typing():
            sent = await target.reply("hello", mention_author=False)
        file = discord.File(io.BytesIO(b"words"), "a b.txt")
        await sent.edit(content="changed", attachments=[file])
        [answer] = server.answers_to(note)
        assert answer.versions == ["hello", "changed"] and answer.files[0].data == b"words"
        assert server.typing(room) and not server.pings()
        thread = await target.create_thread(name="Side")
        await thread.send("in the thread")
        assert [one.content for one in server.answers_to(note)] == ["changed", "in the thread"]
        await sent.delete()
        assert not server.answers(room) and server.answers(room, has_deleted=True)
        member = await (await bot.fetch_guild(int(guild))).fetch_member(int(ann))
        assert not member.guild_permissions.manage_guild and channel.permissions_for(
            channel.guild.me
        ).send_voice_messages  # fmt: skip


async def test_commands_arrive_from_everywhere(server: DiscordServer) -> None:
    ann, ben = server.add_user(has_app=True), server.add_user()
    home = server.channel(server.add_guild(members=[ann]))
    foreign = server.channel(server.add_guild(members=[ann], has_bot=False))
    async with Ears(server) as bot:
        tree = discord.app_commands.CommandTree(bot)

        @tree.command(name="where", description="Where it was said")
        @discord.app_commands.allowed_installs(guilds=True, users=True)
        @discord.app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
        async def where(asked: discord.Interaction) -> None:
            await asked.response.send_message(f"{asked.context.to_array()} {asked.guild_id}")

        await tree.sync()
        places = [home, foreign, server.dm(ann), server.private_chat(ann, ben)]
        asked = [server.slash(place, ann, "where") for place in places]
        await server.wait_for(lambda: set(server.visible_counts(asked).values()) == {1})
        texts = [server.answers_of(one)[0].content.split()[0] for one in asked]
        assert texts == ["[0]", "[0]", "[1]", "[2]"]


async def test_a_token_that_was_taken_away_ends_the_client(server: DiscordServer) -> None:
    bot = Ears(server)
    await bot.__aenter__()
    server.revoke_token()
    with pytest.raises(discord.ConnectionClosed) as closed:
        await bot.__aexit__(None, None, None) if bot.is_closed() else await bot._task
    assert closed.value.code == 4004
    async with Rest(server, token=server.token) as stranger:
        assert await stranger.code("GET", "/users/@me") == (401, 0)
