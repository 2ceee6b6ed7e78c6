"""/say, /voice, /style, /replies, and voice cloning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.commands.say import read_call
from core.models import (
    Chat,
    QuotedMessage,
    SpeechSettings,
)
from core.store import Store
from core.synthesis.voice_choice import Choices
from tests.support.group_talk import Group
from tests.support.loopback import run_loopback

CHAT = Chat("test", "1", "100")
NONE, MIA, DEAN, LI = (SpeechSettings(voice) for voice in ("", "Mia", "Dean", "白桦"))


@pytest.mark.parametrize(
    ("choices", "found"),
    [
        (Choices(MIA, DEAN, LI), ("Mia", "this call")),
        (Choices(NONE, DEAN, LI), ("Dean", "your choice")),
        (Choices(NONE, NONE, LI), ("白桦", "this chat")),
        (Choices(NONE, NONE, NONE), ("", "the default")),
    ],
)
def test_voice_of_call_person_or_chat(choices: Choices, found: tuple[str, str]) -> None:
    assert choices.find("voice") == found


@pytest.mark.parametrize(
    ("typed", "voice", "style", "text"),
    [
        ("good morning", "", "", "good morning"),
        ('voice:Mia style:"warm, slow" good morning', "Mia", "warm, slow", "good morning"),
        ("style:happy voice:白桦 早上好", "白桦", "happy", "早上好"),
        ("the word voice:Mia in the middle", "", "", "the word voice:Mia in the middle"),
    ],
)
def test_options_of_say(typed: str, voice: str, style: str, text: str) -> None:
    assert read_call(typed) == (SpeechSettings(voice, style), text)


@pytest.fixture
async def talk(store: Store) -> AsyncIterator[Group]:
    async with run_loopback(store) as loopback:
        yield Group(loopback, CHAT, is_private=True)


async def test_say_speaks_a_text_or_the_quoted_message(talk: Group) -> None:
    assert (await talk.ask("say good morning")).files[0].mime == "audio/ogg"
    await talk.ask("say", reply_to=QuotedMessage("5", "what you wrote"))
    assert [u.text for u in talk.loopback.synthesizer.utterances] == [
        "good morning",
        "what you wrote",
    ]
    assert "/say" in (await talk.ask("say")).text
    assert talk.loopback.platform.played, "it is heard while it is spoken"


@pytest.mark.finding(19)
async def test_a_message_without_text_is_not_read_aloud(talk: Group) -> None:
    """As with "Apps → Read aloud" on a voice message, where nothing can be entered."""
    reply = await talk.ask("say", reply_to=QuotedMessage("5"))
    assert reply.text == "That message contains no text to read aloud."


async def test_too_long_text_offers_its_beginning(talk: Group) -> None:
    talk.loopback.synthesizer.char_s = 0.001
    reply = await talk.ask("say " + "One sentence is as long as the other. " * 200)
    assert not reply.files
    spoken = await talk.press(reply, "Read the beginning aloud")
    assert spoken.files and (spoken.files[0].duration_s or 0) > 2


async def test_person_and_chat_choose_voices(talk: Group) -> None:
    group: dict[str, Any] = {"is_private": False, "thread_id": "4"}
    for typed in (
        *("voice chat 白桦", "say one", "voice mia", "say two", "say voice:白桦 three"),
        *("voice off", "say four"),
    ):
        await talk.ask(typed, **group)
    await talk.ask("voice mia", **group)
    await talk.ask("say five", sender_id="8", **group)
    voices = [(u.text, u.voice) for u in talk.loopback.synthesizer.utterances]
    li = [(text, "白桦") for text in ("one", "three", "four", "five")]
    assert voices == [li[0], ("two", "Mia"), *li[1:]]


async def test_voice_shows_the_current_voice_and_plays_samples(talk: Group) -> None:
    reply = await talk.ask("voice")
    assert reply.text.startswith("Voice: default voice\n")
    assert [b.label for b in reply.buttons] == ["Mia · English · female", "白桦 · Chinese · male"]
    preview = await talk.press(reply, "Mia · English · female")
    assert preview.files and preview.text == "Mia"
    await asyncio.sleep(5)  # else the press belongs to the one before
    await talk.press(reply, "Mia · English · female")
    assert len(talk.loopback.synthesizer.utterances) == 1, "a preview is made once"
    await talk.press(preview, "For me")
    assert "your choice" in (await talk.ask("voice")).text
    assert "Unknown voice" in (await talk.ask("voice Nobody")).text


async def test_members_cannot_change_the_chats_settings(talk: Group) -> None:
    talk.loopback.platform.can_administer = False
    before = await talk.loopback.store.chats.settings(CHAT)
    for command in ("voice chat Mia", "style chat warm", "replies always"):
        reply = await talk.ask(command, is_private=False)
        assert "admins" in reply.text
    assert await talk.loopback.store.chats.settings(CHAT) == before


async def test_styles_are_set_and_removed(talk: Group) -> None:
    await talk.ask("style warm, tired")
    assert "warm, tired" in (await talk.ask("style")).text
    await talk.ask("say one")
    await talk.ask("say style:(Happy) two")
    await talk.ask("style off")
    await talk.ask("say three")
    reply = [(u.text, u.styles, u.direction) for u in talk.loopback.synthesizer.utterances]
    assert reply == [("one", (), "warm, tired"), ("two", ("Happy",), ""), ("three", (), "")]


async def test_listen_button_and_voice_replies(talk: Group) -> None:
    [transcript] = talk.answers(await talk.speak())
    assert not transcript.files
    assert (await talk.press(transcript, "Listen")).files
    assert [u.text for u in talk.loopback.synthesizer.utterances] == [transcript.quote]
    assert "Listen" in (await talk.ask("replies")).text
    assert "voice message" in (await talk.ask("replies always")).text
    assert "voice message" in (await talk.ask("replies")).text
    assert "always" in (await talk.ask("replies sometimes")).text


async def test_voice_is_designed_saved_renamed_used_and_deleted(talk: Group) -> None:
    takes = await talk.ask("voice design calm older woman")
    assert [file.title for file in takes.files] == ["A", "B", "C"]
    utterances = talk.loopback.synthesizer.utterances
    assert [u.description for u in utterances] == ["calm older woman"] * 3
    await talk.press(takes, "Keep B")
    assert len(utterances) == 3, "the take that was heard is what is kept"
    assert "Grandma" in (await talk.ask("voice rename calm older woman = Grandma")).text
    assert (await talk.ask("voice list")).text == "– Grandma"
    await talk.ask("voice Grandma")
    await talk.ask("say hello")
    assert utterances[-1].sample is not None
    await talk.ask("voice delete Grandma")
    assert "No saved voices" in (await talk.ask("voice list")).text
    await talk.ask("say hello again")
    assert utterances[-1].sample is None, "the default speaks when the voice is gone"
