"""The local Telegram server keeps the rules of the real one, seen through the real clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
)
from telegram.error import (
    BadRequest,
    Conflict,
)

from tests.emulators.telegram import ANONYMOUS_ADMIN, TelegramServer
from tests.emulators.telegram.client import build_bot, call
from tests.support.virtual_time import current_clock

OPUS = b"OggS" + bytes(24) + b"OpusHead" + bytes(900)
MIB = 1 << 20


@pytest.fixture
async def bot(telegram: TelegramServer) -> AsyncIterator[Bot]:
    async with build_bot(telegram) as client:
        yield client


async def test_every_kind_of_message_arrives_as_the_real_bot_reads_it(
    telegram: TelegramServer, bot: Bot
) -> None:
    ann = telegram.add_user("Ann", language="de")
    group = telegram.add_chat("supergroup", members={ann: "creator"})
    topic = telegram.add_topic(group, "News")
    voice = telegram.send_voice(ann, ann, OPUS, duration=4)
    telegram.send_audio(ann, ann, b"ID3x", caption="a song", claims={"name": "a.mp3"})
    telegram.send_video_note(ann, ann, b"v")
    telegram.send_video(ann, ann, b"v", forwarded=True)
    telegram.send_document(ann, ann, b"d", claims={"name": "../x", "claimed_bytes": None})
    telegram.send_text(group, ann, "hi", thread=topic)
    telegram.send_command(ann, ann, "😀 /say hello", reply_to=voice)
    telegram.send_voice(group, ANONYMOUS_ADMIN, OPUS, extra={"media_group_id": "9"})
    telegram.edit_message(ann, voice, "now with a caption")

    updates = await bot.get_updates(timeout=5)
    messages = [update.effective_message for update in updates]
    first, audio, note, video, document, text, command, anonymous, edited = messages
    assert first and first.voice and first.voice.file_size == len(OPUS)
    assert first.from_user and first.from_user.language_code == "de"
    assert audio and audio.audio and audio.audio.file_name == "a.mp3" and audio.caption == "a song"
    assert note and note.video_note and video and video.video and video.forward_origin
    assert document and document.document and document.document.file_size is None
    assert text and text.message_thread_id == topic and text.is_topic_message
    assert command and command.entities[0].offset == 4  # "/😀" is a slash and two units
    assert command.reply_to_message and command.reply_to_message.message_id == voice
    assert anonymous and anonymous.sender_chat and anonymous.sender_chat.id == group
    assert anonymous.media_group_id == "9"
    assert updates[-1].edited_message and edited and edited.caption == "now with a caption"


async def test_an_update_stays_until_a_higher_offset_confirms_it(
    telegram: TelegramServer, bot: Bot
) -> None:
    ann = telegram.add_user()
    for number in range(5):
        telegram.send_text(ann, ann, str(number))
    ids = telegram.pending()

    assert [u.update_id for u in await bot.get_updates(limit=2)] == ids[:2]
    assert [u.update_id for u in await bot.get_updates(offset=ids[2])] == ids[2:]
    assert telegram.pending() == ids[2:]
    # An offset far beyond the queue is invalid: the head again, nothing confirmed.
    assert [u.update_id for u in await bot.get_updates(offset=ids[4] + 500)] == ids[2:]
    assert [u.update_id for u in await bot.get_updates(offset=-1)] == ids[4:]
    assert telegram.pending() == ids[4:]


async def test_at_most_a_hundred_updates_at_once(telegram: TelegramServer, bot: Bot) -> None:
    ann = telegram.add_user()
    for number in range(120):
        telegram.send_text(ann, ann, str(number))
    assert len(await bot.get_updates(limit=100)) == 100


async def test_a_long_poll_ends_as_soon_as_somebody_writes(
    telegram: TelegramServer, bot: Bot
) -> None:
    ann = telegram.add_user()
    poll = asyncio.create_task(bot.get_updates(timeout=5))
    await asyncio.sleep(2)
    started = current_clock().monotonic()
    telegram.send_text(ann, ann, "hi")
    assert len(await poll) == 1
    assert current_clock().monotonic() == started


async def test_the_same_offset_again_is_held_and_gets_one_update(telegram: TelegramServer) -> None:
    ann = telegram.add_user()
    assert (await call(telegram, "getUpdates"))["result"] == []
    started = current_clock().monotonic()
    assert (await call(telegram, "getUpdates", limit=50))["result"] == []
    assert current_clock().monotonic() - started == pytest.approx(3)
    telegram.send_text(ann, ann, "1")
    telegram.send_text(ann, ann, "2")
    await call(telegram, "getUpdates", offset=-5)
    assert len((await call(telegram, "getUpdates", offset=-5))["result"]) == 1


async def test_the_older_of_two_pollers_is_told_of_the_conflict(
    telegram: TelegramServer, bot: Bot
) -> None:
    async with build_bot(telegram) as other, build_bot(telegram) as third:
        first = asyncio.create_task(bot.get_updates(timeout=6))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(other.get_updates(timeout=6))
        with pytest.raises(Conflict, match="terminated by other getUpdates request"):
            await first
        last = asyncio.create_task(third.get_updates(timeout=6))
        started = current_clock().monotonic()
        with pytest.raises(Conflict):
            await second
        # The next conflict is told late.
        assert current_clock().monotonic() - started == pytest.approx(3, abs=0.2)
        last.cancel()
        await asyncio.gather(last, return_exceptions=True)


async def test_updates_expire_after_a_day_and_buttons_after_150_seconds(
    telegram: TelegramServer, bot: Bot
) -> None:
    ann = telegram.add_user()
    buttons = InlineKeyboardMarkup([[InlineKeyboardButton("More", callback_data="m1")]])
    sent = await bot.send_message(ann, "x", reply_markup=buttons)
    telegram.send_text(ann, ann, "early")
    query = telegram.press_button(ann, ann, sent.message_id, "More")
    assert len(telegram.pending()) == 2
    telegram.advance(seconds=151)
    assert len(telegram.pending()) == 1
    with pytest.raises(BadRequest, match="Query is too old"):
        await bot.answer_callback_query(query)
    telegram.advance(hours=25)
    telegram.send_text(ann, ann, "late")
    [update] = await bot.get_updates()
    assert update.message and update.message.text == "late"


async def test_allowed_updates_are_remembered(telegram: TelegramServer, bot: Bot) -> None:
    ann = telegram.add_user()
    await bot.get_updates(allowed_updates=["edited_message"])
    note = telegram.send_text(ann, ann, "not wanted")
    telegram.edit_message(ann, note, "wanted")
    [update] = await bot.get_updates(timeout=1)
    assert update.edited_message
    assert telegram.raw_update({"message_reaction": {}}) == 0


async def test_updates_come_again_out_of_order_and_under_new_ids(
    telegram: TelegramServer, bot: Bot
) -> None:
    ann = telegram.add_user()
    telegram.send_text(ann, ann, "1")
    [first] = await bot.get_updates()
    telegram.redeliver(first.update_id, count=2)
    again = await bot.get_updates(offset=first.update_id + 1)
    assert [update.update_id for update in again] == [first.update_id] * 2

    telegram.set_update_id(1000)
    for number in range(30):
        telegram.send_text(ann, ann, str(number))
    telegram.shuffle()
    mixed = [u.update_id for u in await bot.get_updates(offset=first.update_id + 2)]
    assert sorted(mixed) == list(range(1000, 1030)) and mixed != sorted(mixed)
    assert telegram.raw_update({"update_id": 77, "unheard_of": {"x": None}}) == 77


async def test_privacy_mode_hides_what_is_not_for_the_bot(
    telegram: TelegramServer, bot: Bot
) -> None:
    ann = telegram.add_user()
    group = telegram.add_chat(members={ann: "member"})
    telegram.set_privacy(is_on=True)
    assert not (await bot.get_me()).can_read_all_group_messages
    own = await bot.send_message(group, "I am here")
    telegram.send_voice(group, ann, OPUS)
    telegram.send_command(group, ann, "/help@other_bot")
    telegram.send_command(group, ann, "/help")
    telegram.send_text(group, ann, "what?", reply_to=own.message_id)
    texts = [u.message.text for u in await bot.get_updates() if u.message]
    assert texts == ["/help", "what?"]
    telegram.set_member(group, telegram.world.bot.user_id, "administrator")
    telegram.send_text(group, ann, "seen by admins")
    assert len(telegram.pending()) == 3


async def test_updates_are_refused_to_who_has_set_a_webhook(
    telegram: TelegramServer, bot: Bot
) -> None:
    ann = telegram.add_user()
    await bot.set_webhook("https://127.0.0.1/hook")
    telegram.send_text(ann, ann, "kept")
    info = await bot.get_webhook_info()
    assert (info.url, info.pending_update_count) == ("https://127.0.0.1/hook", 1)
    with pytest.raises(Conflict, match="webhook is active"):
        await bot.get_updates()
    await bot.delete_webhook()
    assert len(await bot.get_updates()) == 1
