"""Languages by name, of a chat and of a person, and captions that ask."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bots.discord_bot.interactions.receiving import pick_choices
from core.commands.arguments import ArgumentInput
from core.commands.language import suggest
from core.errors import AnswererMissing
from core.locale.languages import find_spoken_language
from core.models import (
    Attachment,
    Audio,
    Chat,
    ChatSettings,
    NoteMode,
    QuotedMessage,
    TalkSettings,
    Transcript,
)
from core.store import Store
from core.text.questions import is_question
from tests.commands.conftest import Talk
from tests.conftest import NewMessage
from tests.support.group_talk import ADA, BEN, GROUP, Group
from tests.support.loopback import ScriptedTranscriber, run_loopback

pytestmark = pytest.mark.finding(9)
NOTE = Attachment("file-1", duration_s=1.1)
CHAT = Chat("test", "1", "100")


NAMES = {
    "zh": "Chinese|中文|zh|mandarin|普通话", "de": "German|deutsch|ger|DE|德语|德文",
    "en": "English|eng|英文", "pt-BR": "pt-br", "ja": "日本語|Japanese", "yue": "Cantonese|粤语",
    None: "klingon|tlh|Old English|und|root|c|nonsense|../en|en de|x|",
}  # fmt: skip


@pytest.mark.parametrize(("code", "names"), NAMES.items())
def test_spoken_languages_are_known_by_name(code: str | None, names: str) -> None:
    assert {find_spoken_language(name) for name in names.split("|")} == {code}


@pytest.mark.parametrize("typed", ["Chinese", "中文", "chat zh", "  ZH ", "Chinese!"])
async def test_a_chat_s_language_is_set_by_name(talk: Talk, typed: str) -> None:
    assert "Language: Chinese" in (await talk.send(command="language", text=typed)).text
    assert (await talk.loopback.store.chats.settings(CHAT)).language == "zh"
    assert "automatically" in (await talk.send(command="language", text="auto")).text
    assert (await talk.loopback.store.chats.settings(CHAT)).language is None


async def test_taking_back_one_s_own_language_is_confirmed(talk: Talk) -> None:
    await talk.send(command="language", text="me French")
    for word in ("auto", "off"):
        reply = await talk.send(command="language", text=f"me {word}")
        assert reply.text.startswith("You have no language of your own now.\n")


async def test_unknown_languages_are_refused_with_similar_ones(talk: Talk) -> None:
    reply = await talk.send(command="language", text="klingon")
    assert "I don't know this language: klingon" in reply.text
    for whose in ("", "me "):
        reply = await talk.send(command="language", text=f"{whose}Germna")
        assert reply.buttons[0].label == "German"
        await talk.send(button=reply.buttons[0].token)
    assert (await talk.loopback.store.chats.settings(CHAT)).language == "de"
    assert (await talk.loopback.store.voices.choice("test", "7")).language == "de"


@pytest.mark.parametrize(
    ("typed", "first"), [("ger", "German"), ("chin", "Chinese"), ("icel", "Icelandic")]
)
async def test_autocomplete_finds_the_language_first(
    talk: Talk, new_message: NewMessage, typed: str, first: str
) -> None:
    message = new_message(text=typed, attachment=None, command="language")
    entered = ArgumentInput(message, talk.loopback.synthesis, talk.loopback.store, {})
    assert pick_choices(await suggest(entered), typed)[0].name == first


async def test_without_a_language_both_are_shown_with_buttons(talk: Talk) -> None:
    reply = await talk.send(command="language", language="fr-CA")
    assert "detected automatically" in reply.text and "/language me" in reply.text
    labels = [button.label for button in reply.buttons]
    assert labels == ["French", "English", "Русский", "中文", "Detect automatically"]
    await talk.send(button=reply.buttons[3].token)
    assert (await talk.loopback.store.chats.settings(CHAT)).language == "zh"
    own = await talk.send(command="language", text="me", language="fr-CA")
    await talk.send(button=own.buttons[0].token)
    assert (await talk.loopback.store.voices.choice("test", "7")).language == "fr"


class LanguageTranscriber(ScriptedTranscriber):
    """Remembers the language of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.languages: list[str | None] = []

    async def transcribe(self, audio: Audio, **options: Any) -> Transcript:
        self.languages.append(options["language"])
        return await super().transcribe(audio, **options)


async def test_a_person_s_own_language_goes_before_the_chat_s(store: Store) -> None:
    engine = LanguageTranscriber()
    async with run_loopback(store, engine) as loopback:
        await set_own_language(Group(loopback), engine)


async def set_own_language(group: Group, engine: LanguageTranscriber) -> None:
    store = group.loopback.store
    await store.chats.save_settings(GROUP, ChatSettings(language="en", is_auto=True))
    # Everybody may set their own; that of the chat is for admins.
    group.loopback.platform.can_administer = False
    reply = await group.ask("language me 中文", BEN)
    assert "你的语言：中文" in reply.text
    assert "admins" in (await group.ask("language 中文", ADA)).text
    await group.speak(ADA)
    note = await group.speak(BEN)
    assert engine.languages == ["en", "zh"]
    # Also where somebody else asks for it, and for the texts to Ben.
    quoted = QuotedMessage(note.message_id, "", NOTE, BEN)
    await group.ask("transcribe", ADA, reply_to=quoted)
    assert engine.languages == ["en", "zh"], "the same result, paid for once"
    assert "列出" in (await group.ask("xyzzy", BEN, is_private=True)).text
    assert "lists all" in (await group.ask("xyzzy", ADA, is_private=True)).text
    await group.ask("language me auto", BEN)
    assert "lists all" in (await group.ask("xyzzy", BEN, is_private=True)).text


async def test_ones_own_language_is_linked_to_other_platforms(store: Store, talk: Talk) -> None:
    await talk.send(command="language", text="me French")
    code = await store.links.create_code("test", "7")
    await store.links.link("other", "8", code, "job")
    assert (await store.voices.choice("other", "8")).language == "fr"


QUESTIONS = ["What does she say?", "what does she say", "她说了什么", "Is it good?! 😀", "对吗"]
OTHERS = ["Our meeting", "whatever", "", "Look at this!", "会议记录"]


@pytest.mark.parametrize("text", [*QUESTIONS, *OTHERS])
def test_questions_are_told_from_titles(text: str) -> None:
    assert is_question(text) is (text in QUESTIONS)


def test_captions_of_many_question_marks_are_read_in_one_go() -> None:
    """A pattern that begins anew at each of them would take an hour."""
    assert not is_question("? " * 300_000 + "a")


@pytest.mark.parametrize("notes", [NoteMode.TRANSCRIBE, NoteMode.BOTH])
async def test_a_caption_that_asks_is_answered_after_the_transcript(
    talk: Talk, notes: NoteMode
) -> None:
    settings = ChatSettings(talk=TalkSettings(notes))
    await talk.loopback.store.chats.save_settings(CHAT, settings)
    reply = await talk.send(attachment=NOTE, text="What does she say?")
    assert (reply.quote, reply.text, reply.is_quote_first) == ("call 1", "answer 1", True)
    assert "What does she say?" in talk.turns[-1].text
    assert "Fix" in [button.label for button in reply.buttons]
    assert (await talk.follow("And then?")).text == "answer 2"


@pytest.mark.parametrize(
    "changes", [{"text": "Our meeting"}, {"text": "Who?", "forwarded_from": "Ben"}]
)
async def test_other_captions_ask_nothing(talk: Talk, changes: dict[str, Any]) -> None:
    reply = await talk.send(attachment=NOTE, **changes)
    assert (reply.quote, reply.text) == ("call 1", "")


async def test_captions_in_groups_are_for_people(group: Group) -> None:
    await group.loopback.store.chats.save_settings(GROUP, ChatSettings(is_auto=True))
    note = await group.speak(text="Who is that?")
    assert [(reply.quote, reply.text) for reply in group.answers(note)] == [("call 1", "")]


async def test_a_failed_answer_leaves_the_transcript(talk: Talk) -> None:
    talk.loopback.answerer.failures = [AnswererMissing()]
    reply = await talk.send(attachment=NOTE, text="What does she say?")
    assert reply.quote == "call 1" and "language model" in reply.text
    assert replace(reply, buttons=()).heard_key
