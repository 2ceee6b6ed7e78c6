"""A message that is deleted while its job is under way: nothing of it is published."""

from __future__ import annotations

import pytest

from bots.discord_bot import DiscordBot as Bot
from core.commands.deletion import DELETED
from core.models import Reply
from tests.chaos.notes import read_sound
from tests.emulators.discord import DiscordServer as Server
from tests.emulators.discord.events import GUILD_MESSAGES
from tests.emulators.mimo import MimoServer
from tests.support import audio_samples
from tests.support.discord_program import DiscordProgram
from tests.support.discord_server_chat import ServerChannel, only

#: The program is a process of its own.
pytestmark = [pytest.mark.finding(3), pytest.mark.real_time]

VOICE = audio_samples.file("ogg-opus", audio_samples.speech(4.0))
#: The request that sends a message.
SEND = "POST /channels/{channel}/messages"


@pytest.mark.parametrize("is_bulk", [False, True])
async def test_a_note_deleted_while_it_is_transcribed_is_not_published(
    program: DiscordProgram, mimo: MimoServer, server: Server, ann: str, *, is_bulk: bool
) -> None:
    """With `/auto on`; the next note of the channel does not wait for the first one's call."""
    guild = server.add_guild(members=[ann])
    channel_id = server.channel(guild)
    await program.enable_auto(channel_id)
    await program.start()
    mimo.add_fault("hang")
    note = server.send_voice(channel_id, ann, VOICE, duration=4.0)
    await server.wait_for(lambda: mimo.requests, 30)
    if is_bulk:
        payload = {"ids": [note], "channel_id": channel_id, "guild_id": guild}
        with server.world.lock:
            server.world.emit("MESSAGE_DELETE_BULK", payload, guild_id=guild, intent=GUILD_MESSAGES)
    else:
        server.delete(note)
    later = server.send_voice(channel_id, ann, VOICE, duration=4.0)
    assert await program.settle(2) == {"cancelled": 1, "done": 1}
    assert [one.reply_to for one in server.replies(channel_id)] == [later]


async def test_a_note_deleted_while_its_transcript_is_sent_leaves_nothing(
    program: DiscordProgram, mimo: MimoServer, server: Server, ann: str, channel_id: str
) -> None:
    """The first message of a long transcript is sent already; Discord takes its time."""
    await program.enable_auto(channel_id)
    mimo.set_text(await read_sound(VOICE), " ".join(f"word{number}" for number in range(900)))
    await program.start()
    server.fault(SEND, "delay", delay_s=0.5, count=None)
    note = server.send_voice(channel_id, ann, VOICE, duration=4.0)
    await server.wait_for(lambda: any("word1" in m.content for m in server.replies(channel_id)), 30)
    server.delete(note)
    assert await program.settle(1) == {"cancelled": 1}
    await server.wait_for(lambda: not server.replies(channel_id), 30)


async def test_who_asked_about_a_deleted_note_is_told_so(
    program: DiscordProgram, mimo: MimoServer, server: Server, ann: str, channel_id: str
) -> None:
    await program.start()
    await server.wait_for(lambda: "Transcribe" in server.commands(), 30)
    note = server.send_voice(channel_id, ann, VOICE, duration=4.0)
    mimo.add_fault("hang")
    interaction_id = server.context_menu(note, ann, "Transcribe")
    await server.wait_for(lambda: mimo.requests, 30)
    server.delete(note)
    assert await program.settle(1) == {"cancelled": 1}
    assert [one.content for one in server.responses_to(interaction_id)] == [DELETED]
    assert server.replies(channel_id) == server.responses_to(interaction_id)


async def test_a_note_deleted_while_the_bot_is_stopped_is_neither_transcribed_nor_published(
    program: DiscordProgram, mimo: MimoServer, server: Server, ann: str, channel_id: str
) -> None:
    await program.enable_auto(channel_id)
    await program.start()
    mimo.add_fault("hang")
    note = server.send_voice(channel_id, ann, VOICE, duration=4.0)
    await server.wait_for(lambda: mimo.requests, 30)
    await program.stop()
    server.delete(note)
    calls = len(mimo.requests)
    await program.start()
    assert await program.settle(1) == {"cancelled": 1}
    assert server.replies(channel_id, has_deleted=True) == [] and len(mimo.requests) == calls


async def test_a_note_deleted_before_its_kept_transcript_is_sent_is_not_published(
    program: DiscordProgram, mimo: MimoServer, server: Server, ann: str, channel_id: str
) -> None:
    """The transcript is saved, but Discord takes no messages; then the bot is killed."""
    await program.enable_auto(channel_id)
    await program.start()
    server.fault(SEND, "status", status=503, count=None)
    deleted, kept = (server.send_voice(channel_id, ann, VOICE, duration=4.0) for _ in range(2))
    is_saved = "select job_id from jobs where reply is not null"
    await server.wait_for(lambda: program.rows(is_saved), 30)
    await program.kill()
    server.delete(deleted)
    server.clear_faults()
    await program.start()
    assert await program.settle(2) == {"cancelled": 1, "done": 1}
    assert [one.reply_to for one in server.replies(channel_id)] == [kept]
    assert len(mimo.requests) == 1


@pytest.mark.parametrize("is_resumed", [True, False])
async def test_a_note_deleted_while_the_gateway_is_away_is_not_published(
    program: DiscordProgram, mimo: MimoServer, server: Server, ann: str, channel_id: str,
    *, is_resumed: bool,
) -> None:  # fmt: skip
    """Its deletion is told when the session is resumed, and never when that is lost."""
    await program.enable_auto(channel_id)
    await program.start()
    if is_resumed:
        mimo.add_fault("hang")
    else:
        mimo.rules.latency_s = 3.0
    note = server.send_voice(channel_id, ann, VOICE, duration=4.0)
    await server.wait_for(lambda: mimo.max_concurrent, 30)
    if is_resumed:
        server.drop()
    else:
        server.lose_sessions()
    server.delete(note)
    assert await program.settle(1) == {"cancelled": 1}
    assert server.replies(channel_id) == [] and server.resumes() == is_resumed


async def test_a_sent_reply_can_be_corrected_when_its_note_was_deleted_since(
    bot: Bot, channel: ServerChannel
) -> None:
    target, ledger = await channel.answer(bot, Reply("Mr Kowalsky"))
    channel.server.delete(target.message.message_id)
    ledger.outdate()
    await bot.deliver(target, Reply("Mr Kowalski"))
    assert only(channel.server.replies(channel.id)).content == "Mr Kowalski"


async def test_a_recording_that_only_the_asker_sees_is_not_taken_for_deleted_after_a_restart(
    program: DiscordProgram, mimo: MimoServer, server: Server, ann: str, channel_id: str
) -> None:
    """Discord answers "Unknown Message" when a bot asks for an ephemeral one."""
    await program.start()
    await server.wait_for(lambda: "Transcribe" in server.commands(), 30)
    note = server.send_voice(channel_id, ann, VOICE, duration=4.0)
    text = await program.answer(server.context_menu(note, ann, "Transcribe for me"))
    spoken = await program.answer(server.press(text.message_id, ann, label="Listen"))
    assert spoken.is_ephemeral and spoken.files
    calls = len(mimo.requests)
    mimo.add_fault("hang")
    asked = server.context_menu(spoken.message_id, ann, "Transcribe for me")
    await server.wait_for(lambda: len(mimo.requests) > calls, 30)
    await program.kill()
    await program.start()
    assert await program.settle(3) == {"done": 3}
    assert (await program.answer(asked)).content != DELETED
