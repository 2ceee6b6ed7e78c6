"""The local Telegram server keeps the rules of the real one, seen through the real clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeAllGroupChats,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    MessageEntity,
    ReplyParameters,
)
from telegram.constants import ReactionEmoji
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    RetryAfter,
)

from tests.emulators.telegram import ANONYMOUS_ADMIN, TelegramServer
from tests.emulators.telegram.client import build_bot, call, refusal
from tests.emulators.telegram.methods import REACTIONS
from tests.support.virtual_time import current_clock

OPUS = b"OggS" + bytes(24) + b"OpusHead" + bytes(900)
MIB = 1 << 20


@pytest.fixture
async def bot(telegram: TelegramServer) -> AsyncIterator[Bot]:
    async with build_bot(telegram) as client:
        yield client


# --- receiving


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


# --- webhook


class Hook:
    """A small web server that takes updates, as slowly and as badly as it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, str, int]] = []
        self.statuses: list[int] = []
        self.body = b""
        self.headers = b""
        self.open = self.most_open = 0
        self.delay_s = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        size = int(head.split("content-length:")[1].split("\r\n")[0])
        update = json.loads(await reader.readexactly(size))
        secret = head.split("secret-token:")[1].split("\r\n")[0].strip()
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.seen.append((current_clock().monotonic(), secret, update["update_id"]))
        await asyncio.sleep(self.delay_s)
        self.open -= 1
        status = self.statuses.pop(0) if self.statuses else 200
        start = f"HTTP/1.1 {status} X\r\nContent-Length: {len(self.body)}\r\n".encode()
        writer.write(start + self.headers + b"Connection: close\r\n\r\n" + self.body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def hook() -> AsyncIterator[tuple[Hook, str]]:
    target = Hook()
    server = await asyncio.start_server(target.serve, "127.0.0.1", 0)
    async with server:
        yield target, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"


async def test_a_webhook_gets_one_update_per_chat_until_it_takes_it(
    telegram: TelegramServer, bot: Bot, hook: tuple[Hook, str]
) -> None:
    target, url = hook
    target.statuses = [500, 500]
    await bot.set_webhook(url, secret_token="s3cret")
    with pytest.raises(Conflict, match="webhook is active"):
        await bot.get_updates()
    ann = telegram.add_user()
    for text in "ab":
        telegram.send_text(ann, ann, text)
    first, second = telegram.pending()
    await telegram.wait_for(lambda: not telegram.pending())
    assert [seen[2] for seen in target.seen] == [first, first, first, second]
    assert {seen[1] for seen in target.seen} == {"s3cret"}
    times = [seen[0] - target.seen[0][0] for seen in target.seen]
    assert times[:3] == pytest.approx([0, 0, 2])
    info = await bot.get_webhook_info()
    assert info.url == url and "500" in (info.last_error_message or "")
    await bot.delete_webhook()
    assert await bot.get_updates(timeout=0) == ()


async def test_a_webhook_may_say_when_to_come_back(
    telegram: TelegramServer, bot: Bot, hook: tuple[Hook, str]
) -> None:
    target, url = hook
    target.statuses, target.headers = [429], b"Retry-After: 1\r\n"
    ann = telegram.add_user()
    telegram.send_text(ann, ann, "kept from before")
    await bot.set_webhook(url, secret_token="x")
    await telegram.wait_for(lambda: not telegram.pending())
    assert target.seen[1][0] - target.seen[0][0] == pytest.approx(1)  # else at once
    telegram.send_text(ann, ann, "dropped")
    await bot.delete_webhook(drop_pending_updates=True)
    assert telegram.pending() == []


async def test_a_webhook_works_on_chats_side_by_side_and_may_answer_with_a_call(
    telegram: TelegramServer, bot: Bot, hook: tuple[Hook, str]
) -> None:
    target, url = hook
    target.delay_s = 0.2
    people = [telegram.add_user() for _ in range(4)]
    target.body = json.dumps({"method": "sendMessage", "chat_id": people[0], "text": "ok"}).encode()
    for person in people * 2:
        telegram.send_text(person, person, "hi")
    await bot.set_webhook(url, secret_token="x")
    with pytest.raises(RetryAfter):
        await bot.set_webhook(url, secret_token="y")
    await telegram.wait_for(lambda: len(telegram.answers(people[0])) == 8)
    assert target.most_open == 4
    target.body = b'{"method":"getMe"}'
    telegram.send_text(people[0], people[0], "hi")
    await telegram.wait_for(lambda: not telegram.pending())
    assert len(telegram.calls_of("getMe")) == 1  # the client's own at its start


# --- sending


async def test_what_the_bot_sends_and_edits_is_visible(telegram: TelegramServer, bot: Bot) -> None:
    ann = telegram.add_user()
    note = telegram.send_voice(ann, ann, OPUS)
    reply = ReplyParameters(note)
    buttons = InlineKeyboardMarkup([[InlineKeyboardButton("Go", callback_data="x" * 64)]])
    sent = await bot.send_message(ann, "…", reply_parameters=reply, reply_markup=buttons)
    bold = MessageEntity("bold", 0, 5)
    await bot.edit_message_text("hello", ann, sent.message_id, entities=[bold])
    await bot.send_document(ann, b"1,2", filename="a.csv", caption="table")

    text, table = telegram.answers(ann)
    assert telegram.answers_to(ann, note) == [text]
    assert (text.text, text.versions, text.buttons) == ("hello", ["…", "hello"], [])
    assert text.entities == [{"type": "bold", "offset": 0, "length": 5}]
    assert table.file and (table.file.data, table.file.name, table.text) == (
        b"1,2",
        "a.csv",
        "table",
    )
    await bot.delete_message(ann, text.message_id)
    assert len(telegram.answers(ann)) == 1 and len(telegram.answers(ann, has_deleted=True)) == 2


async def test_a_voice_is_a_bubble_only_in_the_right_form(
    telegram: TelegramServer, bot: Bot
) -> None:
    ann = telegram.add_user()
    assert (await bot.send_voice(ann, OPUS)).voice
    assert (await bot.send_voice(ann, OPUS + bytes(MIB))).document
    assert (await bot.send_voice(ann, b"RIFF" + bytes(100))).document
    known = telegram.answers(ann)[0].file
    assert known and (await bot.send_voice(ann, known.file_id)).voice
    telegram.change(ann, is_voice_forbidden=True)
    with pytest.raises(BadRequest, match="Voice_messages_forbidden"):
        await bot.send_voice(ann, OPUS)
    assert (await bot.send_audio(ann, b"ID3abc")).audio


async def test_texts_are_refused_as_telegram_refuses_them(telegram: TelegramServer) -> None:
    ann = telegram.add_user()

    async def said(text: str, **more: Any) -> str:
        return await refusal(telegram, "sendMessage", chat_id=ann, text=text, **more)

    assert await said("") == "Bad Request: message text is empty"
    assert await said(" \n\u200b ") == "Bad Request: text must be non-empty"
    assert await said("x" * 4097) == "Bad Request: message is too long"
    assert await said("😀" * 2049) == "Bad Request: message is too long"
    bold = {"type": "bold", "offset": 0, "length": 1}
    assert await said("hi", entities=[bold] * 101) == "Bad Request: ENTITIES_TOO_LONG"
    assert "middle of a UTF-16 symbol at byte offset 4" in await said("😀", entities=[bold])
    assert await said("hi", entities=[bold | {"length": 3}]) == (
        "Bad Request: entity beginning at UTF-16 offset 0 ends after the end of the text at "
        "UTF-16 offset 3"
    )
    assert "entity begins after the end" in await said("hi", entities=[bold | {"offset": 9}])
    assert "incorrect offset -1" in await said("hi", entities=[bold | {"offset": -1}])
    assert "unsupported parse_mode" in await said("a", parse_mode="TeX")
    long = {"inline_keyboard": [[{"text": "a", "callback_data": "é" * 33}]]}
    assert await said("x", reply_markup=long) == "Bad Request: BUTTON_DATA_INVALID"
    bare = {"inline_keyboard": [[{"text": "a"}]]}
    assert "text buttons are unallowed" in await said("x", reply_markup=bare)
    assert "can't parse parameters" in await said("x", entities=[{"type": "bold"}])
    assert "can't parse reply markup JSON" in await said("x", reply_markup="{")
    assert telegram.answers(ann) == []
    assert (await call(telegram, "sendMessage", chat_id=ann, text="😀" * 2048))["ok"]


async def test_edits_replies_and_deletions_of_what_is_not_there(telegram: TelegramServer) -> None:
    ann = telegram.add_user()
    note = telegram.send_text(ann, ann, "hi")
    sent = (await call(telegram, "sendMessage", chat_id=ann, text="a"))["result"]["message_id"]

    async def edited(message_id: int, text: str = "a") -> str:
        where = {"chat_id": ann, "message_id": message_id}
        return await refusal(telegram, "editMessageText", text=text, **where)

    assert (await edited(sent)).startswith("Bad Request: message is not modified: specified new")
    assert await edited(99) == "Bad Request: message to edit not found"
    assert await edited(note) == "Bad Request: message can't be edited"
    telegram.delete_message(ann, sent)
    assert await edited(sent, "b") == "Bad Request: message to edit not found"
    gone = {"chat_id": ann, "message_id": sent}
    assert await refusal(telegram, "deleteMessage", **gone) == (
        "Bad Request: message to delete not found"
    )
    reply = {"message_id": 99}
    params = {"chat_id": ann, "text": "x", "reply_parameters": reply}
    assert await refusal(telegram, "sendMessage", **params) == (
        "Bad Request: message to be replied not found"
    )
    reply["allow_sending_without_reply"] = True
    assert (await call(telegram, "sendMessage", **params))["ok"]
    assert telegram.answers(ann)[-1].reply_to is None
    assert await refusal(telegram, "sendMessage", chat_id=4, text="x") == (
        "Bad Request: chat not found"
    )


async def test_topics(telegram: TelegramServer, bot: Bot) -> None:
    ann = telegram.add_user()
    forum = telegram.add_chat(members={ann: "creator"}, is_forum=True)
    topic = telegram.add_topic(forum)
    question = telegram.send_text(forum, ann, "hi", thread=topic)
    await bot.send_message(forum, "in General")
    await bot.send_message(forum, "in the topic", reply_parameters=ReplyParameters(question))
    assert [message.thread_id for message in telegram.answers(forum)] == [None, topic]
    for wrong in (1, 12345):
        with pytest.raises(BadRequest, match="Message thread not found"):
            await bot.send_message(forum, "x", message_thread_id=wrong)
    telegram.close_topic(forum, topic)
    with pytest.raises(BadRequest, match="Topic_closed"):
        await bot.send_message(forum, "x", message_thread_id=topic)
    telegram.delete_topic(forum, topic)
    with pytest.raises(BadRequest, match="Message thread not found"):
        await bot.send_message(forum, "x", message_thread_id=topic)


async def test_chats_where_the_bot_may_not_write(telegram: TelegramServer, bot: Bot) -> None:
    ann, bob, eve = (telegram.add_user() for _ in range(3))
    group = telegram.add_chat("group", members={ann: "creator"})
    mute, strict = telegram.add_chat(), telegram.add_chat()
    telegram.block(ann)
    telegram.change(bob, is_deactivated=True)
    telegram.kick(group, by=ann)
    telegram.change(mute, is_write_forbidden=True)
    telegram.change(strict, is_text_restricted=True)
    for chat, words in (
        (ann, "Forbidden: bot was blocked by the user"),
        (bob, "Forbidden: user is deactivated"),
        (group, "Forbidden: bot was kicked from the group chat"),
        (mute, "Bad Request: CHAT_WRITE_FORBIDDEN"),
        (strict, "Bad Request: not enough rights to send text messages to the chat"),
    ):
        assert await refusal(telegram, "sendMessage", chat_id=chat, text="x") == words
    with pytest.raises(Forbidden):
        await bot.send_message(ann, "x")
    updates = await bot.get_updates()
    assert [u.my_chat_member.new_chat_member.status for u in updates if u.my_chat_member] == [
        "kicked",
        "kicked",
    ]
    telegram.set_member(group, telegram.world.bot.user_id, "left")
    words = await refusal(telegram, "sendMessage", chat_id=group, text="x")
    assert words == "Forbidden: bot is not a member of the group chat"
    telegram.change(eve, is_gone=True)
    with pytest.raises(Forbidden, match="deleted"):
        await bot.send_message(eve, "x")


async def test_a_group_that_moved_names_its_new_id(telegram: TelegramServer, bot: Bot) -> None:
    ann = telegram.add_user()
    group = telegram.add_chat("group", members={ann: "creator"})
    await bot.send_message(group, "x")
    moved = telegram.migrate(group)
    with pytest.raises(ChatMigrated) as caught:
        await bot.send_message(group, "x")
    assert caught.value.new_chat_id == moved
    assert (await bot.send_message(moved, "x")).message_id == 2  # after the service message
    old, new = await bot.get_updates()
    assert old.message and old.message.migrate_to_chat_id == moved
    assert new.message and new.message.migrate_from_chat_id == group
    assert telegram.migrate(telegram.add_chat("group"), is_announced=False)
    assert len(telegram.pending()) == 2


async def test_drafts_actions_and_reactions(telegram: TelegramServer, bot: Bot) -> None:
    ann = telegram.add_user()
    group = telegram.add_chat(members={ann: "member"})
    note = telegram.send_voice(group, ann, OPUS)
    for text in ("", "he", "hello"):
        await bot.send_message_draft(ann, 7, text)
    assert telegram.drafts(ann) == {7: ["", "he", "hello"]}
    with pytest.raises(BadRequest, match="Textdraft_peer_invalid"):
        await bot.send_message_draft(group, 7, "x")
    await bot.send_chat_action(group, "typing")
    assert telegram.actions(group) == ["typing"]
    await bot.set_message_reaction(group, note, "👀")
    assert telegram.reactions(group, note) == ["👀"]
    await bot.set_message_reaction(group, note, [])
    assert telegram.reactions(group, note) == []
    with pytest.raises(BadRequest, match="Reaction_invalid"):
        await bot.set_message_reaction(group, note, "🧇")
    with pytest.raises(BadRequest, match="Message to react not found"):
        await bot.set_message_reaction(group, 999, "👀")
    telegram.change(group, has_reactions=False)
    with pytest.raises(BadRequest, match="Reaction_invalid"):
        await bot.set_message_reaction(group, note, "👀")
    assert {str(emoji.value).replace("\ufe0f", "") for emoji in ReactionEmoji} == REACTIONS


async def test_buttons_are_pressed_and_answered(telegram: TelegramServer, bot: Bot) -> None:
    ann = telegram.add_user()
    buttons = InlineKeyboardMarkup([[InlineKeyboardButton("More", callback_data="t0ken")]])
    sent = await bot.send_message(ann, "x", reply_markup=buttons)
    query = telegram.press_button(ann, ann, sent.message_id, "More")
    telegram.press_button(ann, ann, sent.message_id, "forged")
    first, forged = await bot.get_updates()
    assert first.callback_query and forged.callback_query
    assert (first.callback_query.data, forged.callback_query.data) == ("t0ken", "forged")
    await first.callback_query.answer("done")
    assert telegram.callback_answer(query) == "done"
    with pytest.raises(BadRequest, match="Message_too_long"):
        await first.callback_query.answer("x" * 201)


async def test_members_menus_and_the_rest(telegram: TelegramServer, bot: Bot) -> None:
    ann, bob = telegram.add_user("Ann"), telegram.add_user("Bob")
    statuses = {ann: "creator", bob: "restricted"}
    group = telegram.add_chat(members=statuses, bot_status="administrator")
    eve = telegram.add_user("Eve")
    found = [(await bot.get_chat_member(group, user)).status for user in (ann, bob, eve)]
    assert found == ["creator", "restricted", "left"]
    scope = BotCommandScopeAllGroupChats()
    menu = [BotCommand("help", "What I can do")]
    await bot.set_my_commands(menu, scope=scope, language_code="zh")
    assert await bot.get_my_commands(scope=scope, language_code="zh") == tuple(menu)
    assert await bot.get_my_commands() == ()
    with pytest.raises(BadRequest, match="Bot_command_invalid"):
        await bot.set_my_commands([("Help!", "x")])
    assert "method not found" in await refusal(telegram, "sendNonsense")
    assert (await call(telegram, "GETME"))["result"]["id"] == 123456


async def test_a_wrong_token_is_refused(telegram: TelegramServer) -> None:
    with pytest.raises(InvalidToken):
        async with build_bot(telegram, "123456:AAAwrong"):
            pass
    assert telegram.calls[-1].status == 401
