"""Spoken replies on the emulated Discord: voice messages, and files in their place."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from bots.discord_bot import DiscordBot as Bot
from core.models import Reply
from tests.support.discord_inbox import FakeInbox
from tests.support.discord_server_chat import (
    AGAIN,
    SEND,
    ServerChannel,
    make_server_channel,
    make_voice,
    only,
)


async def test_a_spoken_reply_is_a_voice_message(bot: Bot, channel: ServerChannel) -> None:
    voice = await make_voice(2.6)
    target, ledger = await channel.answer(bot, Reply(files=(voice,)))
    answer = only(channel.server.replies_to(target.message.message_id))
    assert answer.is_voice and not answer.content and ledger.ids() == {0: answer.message_id}
    [file] = answer.files
    assert file.data == voice.data and file.duration_s == pytest.approx(2.6, abs=0.05)
    assert base64.b64decode(file.waveform or "") == voice.waveform
    assert 1 <= len(voice.waveform) <= 256
    [call] = channel.server.requests_to(SEND)
    assert isinstance(call.body, dict) and call.body["flags"] == 1 << 13


async def test_text_and_buttons_come_before_the_voice_message(
    bot: Bot, channel: ServerChannel
) -> None:
    voice = await make_voice()
    await channel.answer(bot, Reply("hello", files=(voice,), buttons=AGAIN))
    text, spoken = channel.server.replies(channel.id)
    assert text.content == "hello" and text.labels == ["Again"]
    assert spoken.is_voice and not spoken.parts
    target, _ = await channel.answer(bot, Reply(files=(voice,), buttons=AGAIN), "other")
    under, spoken = channel.server.replies_to(target.message.message_id)
    assert under.labels == ["Again"] and not under.content and spoken.is_voice


@pytest.mark.parametrize("code", [50173, 50013, 50159, 50160, 50161])
async def test_a_refused_voice_message_becomes_a_file_for_good(
    bot: Bot, channel: ServerChannel, inbox: FakeInbox, code: int
) -> None:
    voice = await make_voice()
    channel.server.fault(SEND, "status", status=403 if code in (50173, 50013) else 400, code=code)
    for job_id in ("a", "b"):
        target, _ = await channel.answer(bot, Reply(files=(voice,)), job_id)
    assert len(channel.server.requests_to(SEND)) == 3
    assert inbox.without_voice == [target.message.chat]
    # What was remembered of another chat saves the try there.
    other = make_server_channel(channel.server)
    target, _ = other.note()
    await bot.deliver(replace(target, has_no_voice=True), Reply(files=(voice,)))
    assert len(channel.server.requests_to(SEND)) == 4
    answers = channel.server.replies(channel.id) + channel.server.replies(other.id)
    assert [(one.is_voice, one.files[0].data) for one in answers] == [(False, voice.data)] * 3


async def test_a_closed_channel_is_not_remembered_as_refusing_voice(
    bot: Bot, channel: ServerChannel, inbox: FakeInbox
) -> None:
    channel.server.deny(channel.id, channel.guild, "ATTACH_FILES", "SEND_VOICE_MESSAGES")
    await channel.answer(bot, Reply(files=(await make_voice(),)))
    answer = only(channel.server.replies(channel.id))
    assert "send files in this channel" in answer.content and not answer.files
    assert len(channel.server.requests_to(SEND)) <= 3


async def test_a_crash_after_the_send_makes_no_second_voice_message(
    bot: Bot, channel: ServerChannel
) -> None:
    voice = await make_voice()
    target, ledger = await channel.answer(bot, Reply("hello", files=(voice,)))
    for part in (0, 1):
        await ledger.forget(part)
        await ledger.start(part)
    await bot.deliver(target, Reply("hello", files=(voice,)))
    assert len(channel.server.replies(channel.id)) == 2 == len(ledger.ids())


async def test_a_changed_voice_message_replaces_the_first(bot: Bot, channel: ServerChannel) -> None:
    target, ledger = await channel.answer(bot, Reply(files=(await make_voice(2.0),)))
    first = ledger.ids()[0]
    ledger.outdate()
    await bot.deliver(target, Reply(files=(await make_voice(4.0),)))
    answer = only(channel.server.replies(channel.id))
    assert answer.is_voice and answer.message_id != first
    assert answer.files[0].duration_s == pytest.approx(4.0, abs=0.1)
    ledger.outdate()
    await bot.deliver(target, Reply("in words"))
    assert only(channel.server.replies(channel.id)).content == "in words"


async def test_a_command_gets_a_voice_message_in_the_channel(
    bot: Bot, channel: ServerChannel
) -> None:
    target, ledger, interaction_id = await channel.ask(bot)
    await bot.deliver(target, Reply(files=(await make_voice(),)))
    spoken = only(channel.server.replies(channel.id))
    assert spoken.is_voice and ledger.ids() == {0: spoken.message_id}
    assert channel.server.thinking(channel.id) == [] == channel.server.responses_to(interaction_id)
    target, _, interaction_id = await channel.ask(bot, job_id="other")
    await bot.deliver(target, Reply("hello", files=(await make_voice(),)))
    assert only(channel.server.responses_to(interaction_id)).content == "hello"
    assert channel.server.replies(channel.id)[-1].is_voice


@pytest.mark.parametrize("flags", ["e", "p"])
async def test_ephemeral_speech_is_a_file_of_the_response(
    bot: Bot, channel: ServerChannel, flags: str
) -> None:
    voice = await make_voice()
    target, _, interaction_id = await channel.ask(bot, flags)
    await bot.deliver(target, Reply(files=(voice,)))
    assert only(channel.server.responses_to(interaction_id)).files[0].data == voice.data
    assert not [one for one in channel.server.replies(channel.id) if one.interaction_id is None]


async def test_a_command_gets_a_file_where_voice_messages_are_refused(
    bot: Bot, channel: ServerChannel, inbox: FakeInbox
) -> None:
    channel.server.deny(channel.id, channel.guild, "SEND_VOICE_MESSAGES", "ATTACH_FILES")
    target, _, interaction_id = await channel.ask(bot)
    await bot.deliver(target, Reply(files=(await make_voice(),)))
    answer = only(channel.server.responses_to(interaction_id))
    assert len(answer.files) == 1 and not answer.is_voice and inbox.without_voice


@pytest.mark.finding(18)
async def test_who_used_say_in_a_server_stays_visible(bot: Bot, channel: ServerChannel) -> None:
    target, ledger, interaction_id = await channel.ask(bot)
    asked = replace(target.message, command="say", text='voice:"Mia" Good *morning*')
    target = replace(target, message=asked)
    for _ in range(2):
        await bot.deliver(target, Reply(files=(await make_voice(),)))
        shown = only(channel.server.responses_to(interaction_id))
        assert (shown.content, shown.files) == ("> Good \\*morning\\*", [])
        spoken = channel.server.replies(channel.id)[-1]
        assert spoken.is_voice and spoken.reply_to == shown.message_id
        assert ledger.ids() == {0: shown.message_id, 1: spoken.message_id}
        # As after a crash before it was noted.
        await ledger.forget(1)
        await ledger.start(1)


@pytest.mark.finding(18)
@pytest.mark.parametrize("flags", ["e", "p"])
async def test_say_for_oneself_is_one_message(bot: Bot, channel: ServerChannel, flags: str) -> None:
    target, _, interaction_id = await channel.ask(bot, flags)
    target = replace(target, message=replace(target.message, command="say", text="Hi"))
    await bot.deliver(target, Reply(files=(await make_voice(),)))
    assert not only(channel.server.responses_to(interaction_id)).content
