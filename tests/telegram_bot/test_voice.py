"""Spoken replies in an emulated Telegram: voice messages, music, captions."""

from __future__ import annotations

import io
from typing import Any

import av
import pytest
from pydantic import TypeAdapter

from bots.telegram_bot.bot import TelegramBot as Bot
from bots.telegram_bot.outgoing.requests import MAX_VOICE_BYTES, FilePart, TextPart, build_parts
from core.audio.voice_note import AI_NOTICE, VoiceNoteEncoder
from core.config import Settings
from core.errors import PlatformBusy
from core.models import Button, File, Reply
from tests.emulators.telegram import Message
from tests.emulators.telegram import TelegramServer as Server
from tests.support.audio_samples import decode, speech
from tests.support.telegram_inbox import FakeInbox, ambiguous_sends, make_target, only
from tests.support.virtual_time import current_clock

NOTE = b"OggS"
BUTTONS = (Button("Again", "say", token="t1"),)


async def make_file(seconds: float = 2.6, **fields: Any) -> File:
    encoder = VoiceNoteEncoder(24_000, title="Good morning", comment="speaker-2")
    await encoder.feed(speech(seconds, 24_000))
    note = await encoder.finish()
    return File("speech.ogg", note.mime, note.data, note.duration_s, note.waveform, **fields)


def kinds(messages: list[Message]) -> list[str]:
    return [message.file.kind if message.file else "text" for message in messages]


async def test_a_spoken_reply_is_a_voice_message(telegram: Server, bot: Bot, ann: int) -> None:
    question = telegram.send_voice(ann, ann, NOTE)
    target, ledger = make_target(ann, question)
    await bot.deliver(target, Reply(files=(await make_file(7.6),), buttons=BUTTONS))
    answer = only(telegram.replies_to(ann, question))
    assert answer.file is not None
    assert (answer.file.kind, answer.file.mime) == ("voice", "audio/ogg")
    assert answer.labels == ["Again"]
    assert ledger.ids() == {0: str(answer.message_id)}
    call = telegram.requests_to("sendVoice")[0]
    assert call.params["duration"] == "8"
    assert "caption" not in call.params
    with av.open(io.BytesIO(answer.file.data)) as heard:
        assert heard.streams.audio[0].metadata["comment"] == AI_NOTICE
    assert len(decode(answer.file.data)) / 32_000 == pytest.approx(7.6, abs=0.001)


@pytest.mark.parametrize(
    ("reply", "parts"),
    [
        (Reply("😀" * 512), ["voice"]), (Reply("x" * 1025), ["text", "voice"]),
        (Reply("x", quote="heard"), ["text", "voice"]), (Reply("\u200b"), ["voice"]),
        (Reply("x" * 5000), ["text", "text", "voice"]),
        (Reply("x" * 50_000), ["text", "document", "voice"]),
    ],
)  # fmt: skip
def test_parts_are_the_same_each_time(reply: Reply, parts: list[str]) -> None:
    file = File("speech.ogg", "audio/ogg", NOTE, 1.5, b"\x00\xff", "Title")
    reply = Reply(reply.text, reply.quote, (file,))
    kept: TypeAdapter[Reply] = TypeAdapter(Reply)
    again = kept.validate_json(kept.dump_json(reply))
    assert again == reply
    built = build_parts(reply)
    assert [p.kind if isinstance(p, FilePart) else "text" for p in built] == parts
    assert build_parts(again) == built
    texts = [p.text if isinstance(p, TextPart) else p.caption for p in built]
    if len(reply.text) <= 5000:
        assert "".join(texts).strip("\u200b") == "\n\n".join(
            t for t in (reply.text.strip("\u200b"), reply.quote) if t
        )


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        (File("a.ogg", "audio/ogg", NOTE.ljust(MAX_VOICE_BYTES, b"x"), 250.4), "voice"),
        (File("a.ogg", "audio/ogg", NOTE.ljust(MAX_VOICE_BYTES + 1, b"x"), 250.4), "audio"),
        (File("a.json", "application/json", b"{}"), "document"),
    ],
)
def test_the_kind_depends_on_type_and_size(file: File, kind: str) -> None:
    assert build_parts(Reply(files=(file,))) == [FilePart(file, kind)]  # type: ignore[arg-type]


async def test_other_audio_is_sent_as_music(telegram: Server, bot: Bot, ann: int) -> None:
    file = await make_file(1)
    large = File(file.name, file.mime, file.data.ljust(MAX_VOICE_BYTES + 1, b"\0"), file.duration_s)
    song = File("a.mp3", "audio/mpeg", b"ID3x", 61.7, title="Good\x00 morning\u202e")
    await bot.deliver(make_target(ann, job_id="a")[0], Reply("x", files=(large,)))
    await bot.deliver(make_target(ann, job_id="b")[0], Reply(files=(song,)))
    first, second = telegram.replies(ann)
    assert kinds([first, second]) == ["audio", "audio"]
    assert first.text == "x"
    one, two = telegram.requests_to("sendAudio")
    assert (one.params["performer"], one.params["duration"]) == ("Hearsay (AI)", "1")
    assert "title" not in one.params
    assert (two.params["title"], two.params["duration"]) == ("Good morning", "62")
    assert second.file is not None
    assert second.file.name == "a.mp3"


@pytest.mark.parametrize(("duration_s", "shown"), [(0.2, "1"), (None, None), (2.5, "2")])
async def test_the_duration_is_in_whole_seconds(
    duration_s: float | None, shown: str | None, telegram: Server, bot: Bot, ann: int
) -> None:
    file = File("a.ogg", "audio/ogg", b"OggS" + b"OpusHead", duration_s)
    await bot.deliver(make_target(ann)[0], Reply(files=(file,)))
    assert telegram.requests_to("sendVoice")[0].params.get("duration") == shown


async def test_a_chat_without_voice_messages_gets_music(
    telegram: Server, bot: Bot, inbox: FakeInbox, ann: int
) -> None:
    ben = telegram.add_user("Ben")
    telegram.change(ann, is_voice_forbidden=True)
    question, before = telegram.send_voice(ann, ann, NOTE), ambiguous_sends()
    file = await make_file()
    reply = Reply("words", files=(file,), buttons=BUTTONS)
    target, ledger = make_target(ann, question, job_id="a")
    await bot.deliver(target, reply)
    answer = only(telegram.replies_to(ann, question))
    assert answer.file is not None
    assert (answer.file.kind, answer.file.data) == ("audio", file.data)
    assert (answer.text, answer.labels) == ("words", ["Again"])
    assert ledger.ids() == {0: str(answer.message_id)}
    assert telegram.requests_to("sendAudio")[0].params["performer"] == "Hearsay (AI)"
    # Known from now on, for this chat only.
    await bot.deliver(make_target(ann, job_id="b")[0], reply)
    await bot.deliver(make_target(ben, job_id="c")[0], reply)
    assert kinds(telegram.replies(ann)) == ["audio", "audio"]
    assert kinds(telegram.replies(ben)) == ["voice"]
    assert len(telegram.requests_to("sendVoice", chat=ann)) == 1
    assert [chat.chat_id for chat in inbox.without_voice] == [str(ann)]
    assert ambiguous_sends() == before


async def test_a_chat_without_voice_and_music_gets_a_file(telegram: Server, bot: Bot) -> None:
    group = telegram.add_chat(members={telegram.add_user("Ann"): "creator"})
    for method, what in (("sendVoice", "voice notes"), ("sendAudio", "music")):
        words = f"not enough rights to send {what} to the chat"
        telegram.fault(method, "status", status=400, description=words, count=None)
    reply = Reply("words", files=(await make_file(),))
    for job in ("a", "b"):
        await bot.deliver(make_target(group, job_id=job)[0], reply)
    answers = telegram.replies(group)
    assert kinds(answers) == ["document"] * 2
    assert [a.text for a in answers] == ["words"] * 2
    assert len(telegram.requests_to("sendVoice")) == 1


async def test_a_caption_that_is_too_long_becomes_a_message(
    telegram: Server, bot: Bot, ann: int
) -> None:
    telegram.fault("sendVoice", "status", status=400, description="message caption is too long")
    target, ledger = make_target(ann)
    await bot.deliver(target, Reply("words", files=(await make_file(),), buttons=BUTTONS))
    text, voice = telegram.replies(ann)
    assert (text.text, text.labels, kinds([text])) == ("words", [], ["text"])
    assert (voice.text, voice.labels, kinds([voice])) == ("", ["Again"], ["voice"])
    assert ledger.ids() == {0: str(voice.message_id)}


async def test_an_ambiguous_voice_message_is_sent_again_after_a_crash(
    telegram: Server, bot: Bot, settings: Settings, inbox: FakeInbox, ann: int
) -> None:
    before = ambiguous_sends()
    telegram.change(ann, is_voice_forbidden=True)
    target, ledger = make_target(ann)
    reply = Reply("Which one?", files=(await make_file(1), await make_file(1.5)), buttons=BUTTONS)
    telegram.fault("sendAudio", "lose_reply")
    with pytest.raises(PlatformBusy):
        await bot.deliver(target, reply)
    # Another process knows only the ledger.
    second = Bot(settings, inbox, menu=(), clock=current_clock())
    await second.deliver(target, reply)
    await second.close()
    assert kinds(telegram.replies(ann)) == ["text", "audio", "audio", "audio"]
    assert [a.labels for a in telegram.replies(ann)] == [[], [], [], ["Again"]]
    assert list(ledger.ids()) == [0, 1, 2]
    assert ambiguous_sends() == before + 1
