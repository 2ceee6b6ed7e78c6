"""H11: replies with audio above Discord's limit."""

from __future__ import annotations

import pytest

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.outgoing.files import MAX_FILE_BYTES, fit_audio
from core.models import File, Reply
from tests.emulators.mimo import tones
from tests.support import audio_samples
from tests.support.discord_server_chat import ServerChannel, make_voice, only

#: More than Discord takes.
LARGE = tones.make_wav(audio_samples.tone(28.0, 440, 8000, 192_000), rate_hz=192_000)


async def test_large_audio_is_shrunk(bot: Bot, channel: ServerChannel) -> None:
    target, _ = channel.note()
    large = File("talk.wav", "audio/wav", LARGE, 28.0)
    assert len(large.data) > MAX_FILE_BYTES
    await bot.deliver(target, Reply("Here it is.", files=(large,)))
    answer = only(channel.server.replies_to(target.message.message_id))
    [file] = answer.files
    assert (answer.content, file.name) == ("Here it is.", "talk.ogg")
    assert len(audio_samples.decode(file.data)) == pytest.approx(28.0 * 16_000 * 2, rel=0.01)


async def test_split_audio_is_numbered_and_other_files_are_unchanged() -> None:
    voice, note = await make_voice(), File("a.pdf", "application/pdf", bytes(200_000))
    wav = File("talk.wav", "audio/wav", tones.make_recording(range(36)), 36.0, title="Talk")
    reply = await fit_audio(Reply("Here", files=(voice, wav, note)), 43_000)
    first, *parts, last = reply.files
    assert (first, last, reply.text) == (voice, note, "Here")
    assert [file.name for file in parts] == ["talk-1.ogg", "talk-2.ogg", "talk-3.ogg"]
    assert {file.title for file in parts} == {"Talk"}
    assert all(len(file.data) <= 43_000 for file in parts)


async def test_unreadable_audio_is_mentioned(bot: Bot, channel: ServerChannel) -> None:
    target, _ = channel.note()
    broken = File("talk.wav", "audio/wav", bytes(MAX_FILE_BYTES + 1))
    await bot.deliver(target, Reply("Here it is.", files=(broken,)))
    answer = only(channel.server.replies_to(target.message.message_id))
    assert not answer.files and "10 MB" in answer.content


async def test_a_large_voice_message_remains_a_voice_message(
    bot: Bot, channel: ServerChannel
) -> None:
    target, _ = channel.note()
    large = File("talk.wav", "audio/wav", LARGE, 28.0, waveform=bytes(range(60)))
    await bot.deliver(target, Reply(files=(large,)))
    assert only(channel.server.replies(channel.id)).is_voice
