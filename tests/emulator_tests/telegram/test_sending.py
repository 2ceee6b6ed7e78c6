"""The local Telegram server takes and refuses what is sent to it as the real one does."""

from __future__ import annotations

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
    Forbidden,
    InvalidToken,
)

from tests.emulators.telegram import TelegramServer
from tests.emulators.telegram.client import build_bot, call, refusal
from tests.emulators.telegram.methods import REACTIONS

OPUS = b"OggS" + bytes(24) + b"OpusHead" + bytes(900)
MIB = 1 << 20


@pytest.fixture
async def bot(telegram: TelegramServer) -> AsyncIterator[Bot]:
    async with build_bot(telegram) as client:
        yield client


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
