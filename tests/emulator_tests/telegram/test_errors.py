"""Errors of the local Telegram, with the descriptions of the real server."""

from __future__ import annotations

from typing import Any

import pytest
from telegram import Bot
from telegram.constants import ReactionEmoji

from tests.emulator_tests.telegram.conftest import PostMethod
from tests.emulators.telegram import TelegramServer
from tests.emulators.telegram.methods import REACTIONS

MIB = 1 << 20
OPUS = b"OggS" + bytes(24) + b"OpusHead" + bytes(900)
BOLD = {"type": "bold", "offset": 0, "length": 1}


def text(words: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "sendMessage", {"text": words, **more}


def key(**button: str) -> tuple[str, dict[str, Any]]:
    return text("x", reply_markup={"inline_keyboard": [[{"text": "a", **button}]]})


def menu(command: str, words: str = "x") -> tuple[str, dict[str, Any]]:
    return "setMyCommands", {"commands": [{"command": command, "description": words}]}


def at(method: str, message_id: int, **more: Any) -> tuple[str, dict[str, Any]]:
    return method, {"message_id": message_id, **more}


#: In a private chat that holds a person's message 1 and the bot's message 2, "a".
REFUSED: list[tuple[tuple[str, dict[str, Any]], str]] = [
    (text(""), "message text is empty"),
    (text(" \n\u200b "), "text must be non-empty"),
    (text("x" * 4097), "message is too long"),
    (text("😀" * 2049), "message is too long"),
    (text("hi", entities=[BOLD] * 101), "ENTITIES_TOO_LONG"),
    (text("😀", entities=[BOLD]), "in a middle of a UTF-16 symbol at byte offset 4"),
    (text("hi", entities=[BOLD | {"length": 3}]), "offset 0 ends after the end of the text at"),
    (text("hi", entities=[BOLD | {"offset": 9}]), "entity begins after the end"),
    (text("hi", entities=[BOLD | {"offset": -1}]), "incorrect offset -1"),
    (text("hi", entities=[{"type": "bold"}]), "can't parse parameters"),
    (text("a", parse_mode="TeX"), "unsupported parse_mode"),
    (text("x", reply_markup="{"), "can't parse reply markup JSON"),
    (text("x", reply_parameters={"message_id": 99}), "message to be replied not found"),
    (text("x", chat_id=4), "chat not found"),
    (key(callback_data="é" * 33), "BUTTON_DATA_INVALID"),
    (key(url="nowhere"), "BUTTON_URL_INVALID"),
    (key(), "text buttons are unallowed in the inline keyboard"),
    (at("editMessageText", 2, text="a"), "message is not modified: specified new"),
    (at("editMessageText", 99, text="b"), "message to edit not found"),
    (at("editMessageText", 1, text="b"), "message can't be edited"),
    (at("deleteMessage", 99), "message to delete not found"),
    (at("setMessageReaction", 1, reaction=[{"emoji": "🧇"}]), "REACTION_INVALID"),
    (at("setMessageReaction", 99, reaction=[{"emoji": "👀"}]), "message to react not found"),
    (("sendMessageDraft", {"text": "x"}), "RANDOM_ID_INVALID"),
    (("sendChatAction", {"action": "sing"}), "wrong parameter action in request"),
    (("sendVoice", {"voice": "https://example.org/a.ogg"}), "wrong file identifier/HTTP URL"),
    (("getFile", {"file_id": "nonsense"}), "invalid file_id"),
    (("answerCallbackQuery", {"callback_query_id": "9"}), "query is too old"),
    (menu("Help!"), "BOT_COMMAND_INVALID"),
    (menu("help", ""), "BOT_COMMAND_DESCRIPTION_INVALID"),
    (("sendNonsense", {}), "method not found"),
]


@pytest.mark.parametrize(("request_", "description"), REFUSED, ids=range(len(REFUSED)))
async def test_invalid_requests_are_rejected(
    telegram: TelegramServer,
    post: PostMethod,
    request_: tuple[str, dict[str, Any]],
    description: str,
) -> None:
    ann = telegram.add_user()
    telegram.send_text(ann, ann, "hi")
    await post("sendMessage", chat_id=ann, text="a")
    method, params = request_
    body = await post(method, **{"chat_id": ann, **params})
    assert body["description"].startswith(("Bad Request: ", "Not Found: "))
    assert description in body["description"]
    [answer] = telegram.replies(ann)
    assert answer.versions == ["a"]


async def test_valid_requests_at_the_limits_are_accepted(
    telegram: TelegramServer, post: PostMethod
) -> None:
    ann = telegram.add_user()
    reply = {"message_id": 99, "allow_sending_without_reply": True}
    body = await post("sendMessage", chat_id=ann, text="😀" * 2048, reply_parameters=reply)
    assert body["ok"]
    assert telegram.replies(ann)[0].reply_to is None
    assert (await post("GETME"))["result"]["id"] == 123456
    assert {str(emoji.value).replace("\ufe0f", "") for emoji in ReactionEmoji} == REACTIONS


async def test_voice_is_a_document_unless_small_and_of_a_voice_format(
    telegram: TelegramServer, bot: Bot
) -> None:
    ann = telegram.add_user()
    assert (await bot.send_voice(ann, OPUS)).voice
    assert (await bot.send_voice(ann, OPUS + bytes(MIB))).document
    assert (await bot.send_voice(ann, b"RIFF" + bytes(100))).document


async def test_groups_without_the_bot_as_a_member(
    telegram: TelegramServer, post: PostMethod
) -> None:
    group = telegram.add_chat(bot_status="left")
    body = await post("sendMessage", chat_id=group, text="x")
    assert body["description"] == "Forbidden: bot is not a member of the supergroup chat"
    telegram.set_member(group, telegram.world.bot.user_id, "member")
    body = await post("sendMessageDraft", chat_id=group, draft_id=7, text="x")
    assert body["description"] == "Bad Request: TEXTDRAFT_PEER_INVALID"


async def test_callback_query_expires_after_150_seconds(
    telegram: TelegramServer, post: PostMethod
) -> None:
    ann = telegram.add_user()
    telegram.send_text(ann, ann, "x")
    query = telegram.press_button(ann, ann, 1, "forged")
    long = await post("answerCallbackQuery", callback_query_id=query, text="x" * 201)
    assert long["description"] == "Bad Request: MESSAGE_TOO_LONG"
    telegram.advance(seconds=151)
    late = await post("answerCallbackQuery", callback_query_id=query)
    assert late["description"].startswith("Bad Request: query is too old")
    assert len(telegram.queue.waiting()) == 1, "the press is no longer handed out"


@pytest.mark.parametrize(
    ("size", "claim"), [(20 * MIB, None), (20 * MIB + 1, 5), (5, 20 * MIB + 1)]
)
async def test_files_above_20_mib_are_rejected_whatever_their_metadata(
    telegram: TelegramServer, post: PostMethod, size: int, claim: int | None
) -> None:
    ann = telegram.add_user()
    sent = telegram.send_document(ann, ann, bytes(size), claims={"claimed_bytes": claim})
    file = telegram.message(ann, sent).file
    assert file
    body = await post("getFile", file_id=file.file_id)
    assert body["ok"] == (claim is None)
    assert body.get("description") == (None if claim is None else "Bad Request: file is too big")


async def test_reply_stays_in_its_topic(telegram: TelegramServer, post: PostMethod) -> None:
    forum = telegram.add_chat(is_forum=True)
    topic = telegram.add_topic(forum)
    await post("sendMessage", chat_id=forum, text="x", reply_parameters={"message_id": topic})
    await post("sendMessage", chat_id=forum, text="in General")
    assert [message.thread_id for message in telegram.replies(forum)[-2:]] == [topic, None]
