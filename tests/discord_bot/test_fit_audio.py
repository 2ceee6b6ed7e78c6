"""H11: an answer with sound that is larger than Discord takes."""

from __future__ import annotations

import pytest

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.outgoing.parts import MAX_FILE_BYTES, fit_audio
from core.models import File, Reply
from tests.emulators.mimo import tones
from tests.support import sounds
from tests.support.discord_server_chat import Room, make_voice, only

#: More than Discord takes.
LARGE = tones.make_wav(sounds.tone(28.0, 440, 8000, 192_000), rate_hz=192_000)


async def test_large_sound_goes_out_smaller(bot: Bot, room: Room) -> None:
    target, _ = room.note()
    large = File("talk.wav", "audio/wav", LARGE, 28.0)
    assert len(large.data) > MAX_FILE_BYTES
    await bot.deliver(target, Reply("Here it is.", files=(large,)))
    answer = only(room.server.answers_to(target.message.message_id))
    [file] = answer.files
    assert (answer.content, file.name) == ("Here it is.", "talk.ogg")
    assert len(sounds.decode(file.data)) == pytest.approx(28.0 * 16_000 * 2, rel=0.01)


async def test_parts_are_named_and_the_rest_is_left_alone() -> None:
    voice, note = await make_voice(), File("a.pdf", "application/pdf", bytes(200_000))
    wav = File("talk.wav", "audio/wav", tones.make_recording(range(36)), 36.0, title="Talk")
    reply = await fit_audio(Reply("Here", files=(voice, wav, note)), 43_000)
    first, *parts, last = reply.files
    assert (first, last, reply.text) == (voice, note, "Here")
    assert [file.name for file in parts] == ["talk-1.ogg", "talk-2.ogg", "talk-3.ogg"]
    assert {file.title for file in parts} == {"Talk"}
    assert all(len(file.data) <= 43_000 for file in parts)


async def test_what_cannot_be_read_is_told(bot: Bot, room: Room) -> None:
    target, _ = room.note()
    broken = File("talk.wav", "audio/wav", bytes(MAX_FILE_BYTES + 1))
    await bot.deliver(target, Reply("Here it is.", files=(broken,)))
    answer = only(room.server.answers_to(target.message.message_id))
    assert not answer.files and "10 MB" in answer.content


async def test_a_large_voice_message_stays_one(bot: Bot, room: Room) -> None:
    target, _ = room.note()
    large = File("talk.wav", "audio/wav", LARGE, 28.0, waveform=bytes(range(60)))
    await bot.deliver(target, Reply(files=(large,)))
    assert only(room.server.answers(room.channel)).is_voice
