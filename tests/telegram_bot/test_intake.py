"""Updates of every kind become messages, moves or nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.telegram_bot.errors import POISON
from bots.telegram_bot.incoming.updates import ChatMove, read_update
from core.models import Attachment, Chat, Message, QuotedMessage
from tests.support.telegram_updates import (
    ANN,
    CHANNEL,
    FOUND,
    GROUP,
    ME,
    NOW,
    PRIVATE,
    VOICE,
    command,
    make,
    read,
    read_message,
)


def test_voice_note() -> None:
    # Fields that this SDK cannot parse are harmless.
    later = {"rich_text": {"blocks": [None]}, "link_preview_options": 17, "reply_markup": []}
    assert read(voice=VOICE | {"file_size": 1234, "waveform_v2": [None]}, **later) == Message(
        Chat("telegram", "123456", "7"), "5", datetime.fromtimestamp(1700000000, UTC), "7",
        "Ann Lee", language="de", attachment=Attachment("v1", "voice", "", "audio/ogg", 1234, 4.0),
    )  # fmt: skip


FILE = {"file_id": "f", "file_unique_id": "u"}
SOUND_MIMES = ("audio/x-anything", "video/mp4", "application/ogg")
SOUND_NAMES = ("A.OPUS", "talk.m4a. ", "x.caf", "x.3gp", "x.aiff", "x.amr", "x.webm")


@pytest.mark.parametrize(
    ("field", "file", "kind"),
    [
        ("voice", {"duration": 1}, "voice"),
        ("audio", {"duration": 1, "file_name": "a.mp3"}, "audio"),
        ("video_note", {"duration": 1, "length": 240}, "video_note"),
        ("video", {"duration": 1, "width": 1, "height": 1}, "video"),
        *(("document", {"mime_type": mime}, "document") for mime in SOUND_MIMES),
        ("document", {"mime_type": "application/octet-stream", "file_name": "a.ogg"}, "document"),
        *(("document", {"file_name": name}, "document") for name in SOUND_NAMES),
    ],
)
def test_a_recording_is_found(field: str, file: dict[str, Any], kind: str) -> None:
    attachment = read_message(**{field: FILE | file}).attachment
    assert attachment and (attachment.kind, attachment.file_id) == (kind, "f")


@pytest.mark.parametrize(
    "fields",
    [
        {"document": FILE | {"mime_type": "application/pdf"}},
        {"document": FILE | {"file_name": "a.ogg.exe", "mime_type": "application/x-dosexec"}},
        {"document": FILE | {"mime_type": "video/mp4"},
         "animation": FILE | {"width": 1, "height": 1, "duration": 1}},
    ],
)  # fmt: skip
def test_other_documents_are_no_recordings(fields: dict[str, Any]) -> None:
    message = read_message(**fields)
    assert message.attachment is None and message.has_other_file
    assert read(chat=GROUP, **fields) is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.ogg", "passwd.ogg"), ("..\\..\\boot.ogg", "boot.ogg"),
        ("a\x00b\nc\r\td.ogg", "ab c d.ogg"), ("\u202egpj.ogg", "gpj.ogg"),
        ("-i evil;$(id)`x`.ogg", "-i evil;$(id)`x`.ogg"), ("\ud83d.ogg", ".ogg"),
        ("😀" * 300 + ".ogg", "😀" * 255),
    ],
)  # fmt: skip
def test_file_names_are_cleaned(name: str, shown: str) -> None:
    document = FILE | {"mime_type": "audio/ogg", "file_name": name}
    attachment = read_message(document=document).attachment
    assert attachment and attachment.name == shown


@pytest.mark.parametrize(("size", "read_as"), [(None, None), (0, 0), (-5, None), ("9", None)])
def test_claimed_size_may_be_missing_or_nonsense(size: Any, read_as: int | None) -> None:
    attachment = read_message(voice=VOICE | {"file_size": size}).attachment
    assert attachment and attachment.size_bytes == read_as


@pytest.mark.parametrize("length", [-1, 10**9, "9"])
def test_a_claimed_length_that_cannot_be_one_is_left_out(length: Any) -> None:
    attachment = read_message(voice=VOICE | {"duration": length}).attachment
    assert attachment and attachment.duration_s is None


def test_a_language_that_is_no_text_is_refused() -> None:
    """It would be stored, and nothing could read the job again."""
    with pytest.raises(POISON):
        read_message(**{"text": "hello", "from": ANN | {"language_code": float("inf")}})


@pytest.mark.parametrize(
    ("content", "name", "text"),
    [
        (command("/help"), "help", ""),
        (command("/say  good  morning "), "say", "good  morning"),
        (command("/Transcribe@Hearsay_Test_Bot now"), "transcribe", "now"),
        (command("/say 😀\ud83d x"), "say", "😀� x"),
        ({"text": "/help"}, "", "/help"),
        ({"text": "see /help", "entities": [{"type": "bot_command", "offset": 4, "length": 5}]}, "",
         "see /help"),
        ({"text": "hello\u202e"}, "", "hello"),
    ],
)  # fmt: skip
def test_only_real_commands_are_commands(content: dict[str, Any], name: str, text: str) -> None:
    message = read_message(**content)
    assert (message.command, message.text) == (name, text)


def test_command_in_a_caption_and_for_another_bot() -> None:
    entity = {"type": "bot_command", "offset": 0, "length": 11}
    message = read_message(voice=VOICE, caption="/transcribe en", caption_entities=[entity])
    assert (message.command, message.text, message.attachment) == ("transcribe", "en", FOUND)
    for chat in (PRIVATE, GROUP):
        assert read(chat=chat, **command("/help@other_bot")) is None


def test_a_quoted_message_has_its_recording() -> None:
    quoted = make(message_id=3, voice=VOICE, caption="note", chat=GROUP)
    message = read_message(chat=GROUP, reply_to_message=quoted, **command("/transcribe"))
    assert message.reply_to == QuotedMessage("3", "note", FOUND, "7")
    assert message.attachment is None and not message.is_private
    deep: dict[str, Any] = make(voice=VOICE)
    for _ in range(50):
        deep = make(text="x", reply_to_message=deep)
    # A reply to a reply is cut after one level.
    assert read_message(text="y", reply_to_message=deep).reply_to == QuotedMessage(
        "5", "x", None, "7"
    )


def test_thread_is_only_that_of_a_topic() -> None:
    opener = make(message_id=9, chat=GROUP, forum_topic_created={"name": "T", "icon_color": 1})
    said = {"chat": GROUP, "text": "x", "message_thread_id": 9}
    message = read_message(**said, is_topic_message=True, reply_to_message=opener)
    assert (message.thread_id, message.reply_to) == ("9", None)  # what opened it is no quote
    assert read_message(**said).thread_id is None


def test_edits_differ_from_the_original_and_from_each_other() -> None:
    for moment in (1700000001, 1700000002):
        raw = make(voice=VOICE, caption="new", edit_date=moment)
        message = read_update({"update_id": 1, "edited_message": raw}, ME, NOW)
        assert isinstance(message, Message) and message.edit_id == str(moment)


BOT = {"id": 99, "is_bot": True, "first_name": "Other"}
ANONYMOUS = {"id": 1087968824, "is_bot": True, "first_name": "Group"}


@pytest.mark.parametrize(
    "fields",
    [
        {"from": BOT}, {"from": {"id": 777000, "is_bot": False, "first_name": "Telegram"}},
        {"is_automatic_forward": True, "sender_chat": CHANNEL},
        {"via_bot": {"id": 123456, "is_bot": True, "first_name": "We"}}, {"chat": CHANNEL},
        {"voice": None, "new_chat_title": "x"}, {"voice": None, "sticker": {}},
    ],
)  # fmt: skip
def test_bots_forwards_and_service_messages_are_ignored(fields: dict[str, Any]) -> None:
    assert read(**({"chat": GROUP, "voice": VOICE} | fields)) is None


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, "voice"),
        ({"via_bot": {"id": 5, "is_bot": True, "first_name": "Sounds"}}, "audio"),
    ],
)
def test_what_an_inline_bot_made_is_not_recorded_by_a_person(
    fields: dict[str, Any], kind: str
) -> None:
    attachment = read_message(voice=VOICE, **fields).attachment
    assert attachment and attachment.kind == kind


@pytest.mark.parametrize(
    ("sender", "sender_chat", "shown"),
    [
        (ANONYMOUS, GROUP, ("-1001", "Group", "")),
        (BOT | {"id": 136817688}, CHANNEL, ("-1002", "News", "")),
        (None, None, ("", "", "")),
    ],
)
def test_a_message_in_the_name_of_a_chat_has_its_id(
    sender: Any, sender_chat: Any, shown: tuple[str, str, str]
) -> None:
    message = read_message(chat=GROUP, text="x", sender_chat=sender_chat, **{"from": sender})
    assert (message.sender_id, message.sender_name, message.language) == shown


def press(**fields: Any) -> dict[str, Any]:
    ours = {"id": 123456, "is_bot": True, "first_name": "We"}
    under = make(message_id=44, chat=GROUP, text="heard", **{"from": ours})
    query = {"id": "900", "from": ANN, "chat_instance": "1", "data": "token", "message": under}
    return {"update_id": 1, "callback_query": query | fields}


@pytest.mark.parametrize("data", ["token", "x" * 64, "\x00\udc80", "forged:' OR 1=1 --"])
def test_a_button_press(data: str) -> None:
    topic = {"message_thread_id": 9, "is_topic_message": True}
    under = press()["callback_query"]["message"] | topic
    message = read_update(press(data=data, message=under), ME, NOW)
    assert isinstance(message, Message)
    assert (message.message_id, message.thread_id) == ("callback:900", "9")
    assert message.button == data.replace("\x00\udc80", "")
    assert (message.chat.chat_id, message.sender_id, message.sent_at) == ("-1001", "7", NOW)
    assert message.reply_to == QuotedMessage("44", "heard", None, "123456")
    assert not message.is_private
    # One under an old message still works.
    message = read_update(press(message={"message_id": 44, "date": 0, "chat": GROUP}), ME, NOW)
    assert isinstance(message, Message) and message.reply_to == QuotedMessage("44")


@pytest.mark.parametrize("fields", [{"message": None}, {"data": None}, {"from": BOT}])
def test_a_press_that_cannot_be_ours_is_ignored(fields: dict[str, Any]) -> None:
    assert read_update(press(**fields), ME, NOW) is None


def test_move_is_read_from_both_chats() -> None:
    old = {"id": -5, "type": "group", "title": "G"}
    assert read(chat=old, migrate_to_chat_id=-1001) == ChatMove("-5", "-1001")
    assert read(chat=GROUP, migrate_from_chat_id=-5) == ChatMove("-5", "-1001")


@pytest.mark.parametrize(
    "raw",
    [
        {}, {"message": None}, {"my_chat_member": {"chat": PRIVATE}},
        {"guest_message": make(voice=VOICE)}, {"something_of_bot_api_12": {"a": [1, {"b": None}]}},
        {"poll": {"id": "1"}, "edited_channel_post": make(chat=CHANNEL, voice=VOICE)},
        {"channel_post": make(chat=CHANNEL, voice=VOICE)},
    ],
)  # fmt: skip
def test_unknown_updates_are_ignored(raw: dict[str, Any]) -> None:
    assert read_update({"update_id": 1} | raw, ME, NOW) is None


def test_text_that_no_database_accepts_is_cleaned() -> None:
    message = read_message(text="a\x00b\ud83dc", **{"from": ANN | {"first_name": "\x00\udfff"}})
    assert message.text == "abc"
    (message.text + message.sender_name).encode()


NONSENSE: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 2**70, 0.5, "", "x", [], [None], [[1]], {}, {"id": None}, {"a": {}}, VOICE]
)
_OTHERS = (
    "voice text entities reply_to_message edit_date caption sender_chat document external_reply "
    "migrate_to_chat_id via_bot"
)
FIELDS = st.sampled_from([*make(), *_OTHERS.split()])


@given(
    st.dictionaries(FIELDS, NONSENSE, max_size=4), st.sampled_from(["message", "edited_message"])
)
def test_broken_updates_raise_only_what_the_loop_expects(raw: dict[str, Any], kind: str) -> None:
    try:
        found = read_update({"update_id": 1, kind: make() | raw}, ME, NOW)
    except POISON:
        return
    assert found is None or isinstance(found, Message | ChatMove)
