"""What people get who have never used the bot: greetings, mistyped commands, missing speech."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.engines.offline import espeak
from core.engines.offline.synthesizer import OfflineSynthesizer
from core.engines.offline.transcriber import OfflineTranscriber
from core.errors import SynthesizerMissing
from core.models import Attachment, Chat, ChatSettings
from core.store import Store
from tests.commands.conftest import Talk
from tests.conftest import NewMessage
from tests.support.group_talk import Group
from tests.support.loopback import run_loopback

pytestmark = pytest.mark.finding(20)

NOTE = Attachment("file-1", duration_s=1.1)
CHAT = Chat("test", "1", "100")
ROUGH = "Rough English transcript, made offline: expect mistakes."


@pytest.fixture
async def mute(
    store: Store, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Talk]:
    """A private chat with the program on a machine without speech synthesis."""
    monkeypatch.setattr(espeak, "find_program", lambda: None)
    monkeypatch.setattr(espeak, "has_library", lambda: False)
    async with run_loopback(store, synthesizer=OfflineSynthesizer()) as loopback:
        yield Talk(loopback, new_message)


@pytest.fixture
async def english_only(store: Store, new_message: NewMessage) -> AsyncIterator[Talk]:
    """A private chat with the program, which transcribes offline."""
    transcriber = OfflineTranscriber()
    async with run_loopback(store, transcriber) as loopback:
        yield Talk(loopback, new_message)
    await transcriber.close()


@pytest.mark.parametrize("text", ["hi", "你好", "What can you do?", "/", "x" * 5000])
async def test_plain_text_gets_a_short_answer_with_four_buttons(talk: Talk, text: str) -> None:
    reply = await talk.send(text=text)
    assert "Send me a voice message" in reply.text
    assert len(reply.text) < 250 and "\n" not in reply.text
    labels = [button.label for button in reply.buttons]
    assert labels == ["Hear my voice", "Voices", "Language", "Help"]


async def test_no_space_parts_chinese_sentences(talk: Talk) -> None:
    for command in ("", "help"):
        reply = await talk.send(text="你好", command=command, language="zh")
        assert "。" in reply.text and "。 " not in reply.text


async def test_each_of_the_four_buttons_works(talk: Talk) -> None:
    greeting = await talk.send(text="hi")
    pressed = {b.label: await talk.send(button=b.token) for b in greeting.buttons}
    assert pressed["Hear my voice"].files[0].mime == "audio/ogg"
    assert pressed["Voices"].buttons
    assert "anguage" in pressed["Language"].text
    assert "/transcribe" in pressed["Help"].text


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("summry", "/summary"), ("transcibe", "/transcribe"), ("lang", "/language")],
)
async def test_an_unknown_command_is_named_with_the_nearest(
    talk: Talk, typed: str, offered: str
) -> None:
    reply = await talk.send(command=typed, text="200 messages")
    assert f"I don't know /{typed}." in reply.text
    assert [button.label for button in reply.buttons][:1] == [offered]
    assert reply.buttons[-1].label == "Help"
    # What was typed after the name goes with the button.
    assert reply.buttons[0].text == "200 messages"


async def test_a_command_like_no_other_is_named(talk: Talk) -> None:
    reply = await talk.send(command="xyzzy")
    assert reply.text == "I don't know /xyzzy. /help lists all commands."
    assert [button.label for button in reply.buttons] == ["Help"]


async def test_other_bots_commands_are_left_alone_in_groups(group: Group) -> None:
    assert group.answers(await group.say("", command="xyzzy")) == []


async def test_no_voices_are_offered_without_speech(mute: Talk) -> None:
    greeting = await mute.send(text="hi")
    labels = [button.label for button in greeting.buttons]
    assert labels == ["Voice messages", "Summaries", "Language", "Help"]
    for changes in ({"command": "voice"}, {"command": "say", "text": "voice:Mia hello"}):
        reply = await mute.send(**changes)
        assert reply.text == SynthesizerMissing.user_text
        assert "apt install espeak-ng" in reply.text and not reply.buttons


async def test_styles_are_refused_where_they_have_no_effect(mute: Talk) -> None:
    for text in ("", "warm"):
        assert "no styles" in (await mute.send(command="style", text=text)).text
    assert (await mute.send(command="style", text="off")).text == "Style removed."


@pytest.mark.pocketsphinx
async def test_a_rough_transcript_says_so_on_top(english_only: Talk) -> None:
    reply = await english_only.send(attachment=NOTE)
    assert (reply.text, reply.is_quote_first) == (ROUGH, False)
    assert reply.quote == "ten of clubs"
    chinese = await english_only.send(attachment=NOTE, language="zh-CN")
    assert "MIMO_API_KEY" in chinese.text


@pytest.mark.parametrize("language", ["de", "zh-Hans-CN"])
@pytest.mark.pocketsphinx
async def test_what_is_surely_not_english_is_refused_with_the_remedy(
    english_only: Talk, language: str
) -> None:
    await english_only.loopback.store.chats.save_settings(CHAT, ChatSettings(language=language))
    reply = await english_only.send(attachment=NOTE)
    assert "transcribes English only" in reply.text and not reply.quote
    assert "MIMO_API_KEY" in reply.text and "/language English" in reply.text
    await english_only.send(command="language", text="en")
    assert (await english_only.send(attachment=NOTE)).quote == "ten of clubs"
