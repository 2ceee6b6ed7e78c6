"""Mentions that ask, and files that are no recording, in chats with the whole assistant."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulators.telegram import TelegramServer as Server
from tests.support.loopback import Loopback
from tests.support.paths import SPEECH

pytestmark = pytest.mark.finding(16)
NOTE = (SPEECH / "cards-001.wav").read_bytes()
BYTES = {"mime": "application/octet-stream"}
PHOTO = {"photo": [{"file_id": "p", "file_unique_id": "u", "width": 1, "height": 1}]}
STICKER = {"sticker": {"file_id": "s", "file_unique_id": "u", "emoji": "x"}}
CONTACT = {"contact": {"phone_number": "1", "first_name": "Ben"}}
PLACE = {"location": {"latitude": 52.5, "longitude": 13.4}}
ONLY_SOUND = "I only work with recordings: send a voice message, an audio file or a video."


async def reply_to(telegram: Server, chat: int, message_id: int) -> str:
    await telegram.wait_for(lambda: telegram.replies_to(chat, message_id))
    return telegram.replies_to(chat, message_id)[0].text


@pytest.mark.parametrize(
    "text",
    [
        "@hearsay_test_bot what does she say?",
        "what does she say, @Hearsay_Test_Bot?",
        "😀 @hearsay_test_bot\nwhat does she say?",
    ],
)
async def test_a_mention_in_reply_to_a_voice_note_is_a_question(
    telegram: Server, whole: Loopback, group: int, ann: int, text: str
) -> None:
    ben = telegram.add_user("Ben")
    note = telegram.send_voice(group, ben, NOTE)
    asked = telegram.send_text(group, ann, text, reply_to=note)
    assert "answer 1" in await reply_to(telegram, group, asked)
    [question] = whole.answerer.questions
    assert "what does she say" in question.turns[-1].text
    assert "earsay_" not in question.turns[-1].text
    assert whole.answerer.sounds() == [1]


async def test_a_bare_mention_transcribes_or_says_hello(
    telegram: Server, whole: Loopback, group: int, ann: int
) -> None:
    note = telegram.send_voice(group, ann, NOTE)
    asked = telegram.send_text(group, ann, "@hearsay_test_bot", reply_to=note)
    assert "call 1" in await reply_to(telegram, group, asked)
    asked = telegram.send_text(group, ann, "@hearsay_test_bot")
    assert "Reply to a voice message" in await reply_to(telegram, group, asked)
    assert whole.answerer.questions == []


async def test_mentions_of_others_ask_nothing(
    telegram: Server, whole: Loopback, group: int, ann: int
) -> None:
    note = telegram.send_voice(group, ann, NOTE)
    for text in ("@another_bot what does she say?", "a@hearsay_test_bot.example", "hearsay?"):
        telegram.send_text(group, ann, text, reply_to=note)
    origin = telegram.add_user("Cid")
    telegram.send_text(group, ann, "@hearsay_test_bot what?", forwarded=origin)
    await telegram.wait_for(lambda: telegram.pending() == [])
    await whole.settle()
    assert telegram.replies(group) == []


async def test_a_text_in_reply_to_ones_own_note_is_a_question(
    telegram: Server, whole: Loopback, ann: int
) -> None:
    note = telegram.send_voice(ann, ann, NOTE)
    await reply_to(telegram, ann, note)
    asked = telegram.send_text(ann, ann, "What did I say?", reply_to=note)
    assert "answer 1" in await reply_to(telegram, ann, asked)
    assert whole.answerer.sounds() == [1]


@pytest.mark.usefixtures("whole")
async def test_digests_are_for_groups(telegram: Server, ann: int) -> None:
    for text in ("/digest", "/digest 09:00 Europe/Berlin", "/digest off"):
        asked = telegram.send_command(ann, ann, text)
        assert "Digests are for groups" in await reply_to(telegram, ann, asked)


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("extra", [PHOTO, STICKER, CONTACT, PLACE])
async def test_other_files_get_one_sentence_in_private(
    telegram: Server, ann: int, extra: dict[str, Any]
) -> None:
    sent = telegram.send_text(ann, ann, "", extra=extra)
    assert await reply_to(telegram, ann, sent) == ONLY_SOUND


async def test_an_album_gets_one_reply(telegram: Server, whole: Loopback, ann: int) -> None:
    for _ in range(3):
        telegram.send_text(ann, ann, "", extra={**PHOTO, "media_group_id": "77"})
    telegram.send_document(
        ann, ann, b"%PDF-1.7", claims={"name": "a.pdf", "mime": "application/pdf"}
    )
    await telegram.wait_for(lambda: telegram.pending() == [])
    await whole.settle()
    assert [reply.text for reply in telegram.replies(ann)] == [ONLY_SOUND] * 2


async def test_other_files_are_left_alone_in_groups(
    telegram: Server, whole: Loopback, group: int, ann: int
) -> None:
    telegram.send_text(group, ann, "", extra=PHOTO)
    telegram.send_document(group, ann, b"PK\x03\x04", claims={"name": "a.zip", **BYTES})
    await telegram.wait_for(lambda: telegram.pending() == [])
    await whole.settle()
    assert telegram.replies(group) == []


@pytest.mark.parametrize("name", ["recording.ogg", "recording.bin", "recording", ""])
async def test_sound_without_a_type_is_heard(
    telegram: Server, whole: Loopback, group: int, ann: int, name: str
) -> None:
    sent = telegram.send_document(ann, ann, NOTE, claims={"name": name, **BYTES})
    assert "call 1" in await reply_to(telegram, ann, sent)
    # In a group somebody has to ask for it.
    sent = telegram.send_document(group, ann, NOTE, claims={"name": name, **BYTES})
    asked = telegram.send_command(group, ann, "/transcribe", reply_to=sent)
    assert "call 2" in await reply_to(telegram, group, asked)


@pytest.mark.usefixtures("whole")
async def test_bytes_that_are_no_sound_get_one_sentence(telegram: Server, ann: int) -> None:
    sent = telegram.send_document(ann, ann, b"\x00\x01" * 500, claims={"name": "a.bin", **BYTES})
    assert "\n" not in await reply_to(telegram, ann, sent)
    assert len(telegram.replies(ann)) == 1
