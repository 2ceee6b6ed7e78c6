"""/translate through the whole program: texts, voice messages, the button, names of languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.answering.translation_prompt import PART_CHARS
from core.commands.translate import cut, read_target
from core.interfaces import AnswererLimits
from core.locale.languages import find_language
from core.models import Answer, Attachment, QuotedMessage, Reply
from tests.support.group_talk import ADA, BEN, Group

NOTE = Attachment("file-1", duration_s=3.0)


@pytest.fixture
async def group(group: Group) -> Group:
    group.loopback.engine.text = "Guten Morgen, Kovalsky"
    group.loopback.answerer.scripts = {"Guten Morgen": "Good morning", "this is German": "SAME"}
    return group


NAMES = {
    "de": "de|DE|German|deutsch|德语", "zh": "中文", "zh-Hans": "Simplified  Chinese",
    "pt-BR": "pt-BR|pt_br", "es": "español", "ru": "русский", "ja": "日本語", "tlh": "Klingon",
    None: "nonsense|../en|",
}  # fmt: skip


@pytest.mark.parametrize(("language", "names"), NAMES.items())
def test_languages_are_found_by_common_names(language: str | None, names: str) -> None:
    assert {find_language(name) for name in names.split("|")} == {language}


@pytest.mark.parametrize(
    ("text", "target", "rest"),
    [
        *(("to de", "de", ""), ("into French: hi", "fr", "hi"), ("翻译成德语", "de", "")),
        *(("de Guten Tag", "de", "Guten Tag"), ("中文 Good morning", "zh", "Good morning")),
        *(("is", "is", ""), ("is: hello", "is", "hello"), ("", None, "")),
        *((text, None, text) for text in ("is this right", "to be or not to be")),
        *((text, None, text) for text in ("no\nthat is wrong", "Good morning all")),
    ],
)
def test_target_language_comes_before_the_text(text: str, target: str | None, rest: str) -> None:
    assert read_target(text) == (target, rest)


@given(st.text(st.sampled_from("ab .\n。王"), max_size=3 * PART_CHARS))
def test_parts_fit_and_lose_no_character(text: str) -> None:
    parts = cut(text)
    assert all(part.strip() and len(part) <= PART_CHARS for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


async def test_text_after_the_command_is_translated(group: Group) -> None:
    reply = await group.ask("translate German: the words")
    [question] = group.loopback.answerer.questions
    assert "into German" in question.instructions
    assert question.turns[-1].text == "<data>\nthe words\n</data>"
    assert (reply.text, reply.aloud) == ("answer 1", "answer 1")
    assert [button.label for button in reply.buttons] == ["Listen"]


@pytest.mark.parametrize(
    ("language", "name"), [("en-GB", "British English"), ("zh-hans", "Simplified Chinese")]
)
async def test_default_target_is_the_senders_language(
    group: Group, language: str, name: str
) -> None:
    quoted = QuotedMessage("5", "Guten Morgen", sender_id=BEN)
    reply = await group.ask("translate", reply_to=quoted, language=language)
    assert reply.text == "Good morning"
    assert name.split()[-1] in group.loopback.answerer.questions[0].instructions


async def test_voice_message_is_transcribed_and_corrected_first(group: Group) -> None:
    shown = await transcript(group)
    pressed = group.write(ADA, button=shown.buttons[0].token, language="en")
    await group.send(pressed)
    assert shown.buttons[0].label == "Translate"
    assert [reply.text for reply in group.answers(pressed)] == ["Good morning"]
    assert len(group.loopback.engine.calls) == 1
    await group.say("Kovalsky = Kowalski", reply_to=QuotedMessage("sent-1", "x"))
    reply = await group.ask("translate to en", reply_to=QuotedMessage("5", attachment=NOTE))
    assert reply.text == "Good morning"
    assert "Kowalski" in group.loopback.answerer.questions[-1].words
    assert reply.heard_key


async def transcript(group: Group) -> Reply:
    return await group.ask("transcribe", attachment=NOTE)


async def test_transcript_in_several_messages_is_translated_whole(group: Group) -> None:
    group.loopback.engine.text = "Guten Morgen. " * 400
    await transcript(group)
    await group.ask("translate en", reply_to=QuotedMessage("sent-1", "Guten Mor…"))
    words = "".join(question.words for question in group.loopback.answerer.questions)
    assert words.count("Guten") == 400


async def test_long_texts_are_translated_in_parts_and_paid_once(group: Group) -> None:
    text = "\n".join(f"Line {number}: " + "words and words. " * 30 for number in range(30))
    reply = await group.ask(f"translate German {text}")
    asked = len(group.loopback.answerer.questions)
    assert asked > 3
    assert reply.text.splitlines() == [f"answer {number + 1}" for number in range(asked)]
    again = await group.ask(f"translate German {text}")
    assert (again.text, len(group.loopback.answerer.questions)) == (reply.text, asked)


async def test_long_translations_are_folded(group: Group) -> None:
    group.loopback.answerer.scripts = {".": "Worte " * 200}
    reply = await group.ask("translate German some words")
    assert reply.text == "" and reply.quote == reply.aloud == ("Worte " * 200).strip()


async def test_text_in_the_target_language_is_reported(group: Group) -> None:
    reply = await group.ask("translate German this is German")
    assert reply.text == "This is already in German. For another language: /translate German"
    # Chinese is seen without a model.
    reply = await group.ask("translate 中文 你好，早上好")
    assert "already in Chinese" in reply.text
    assert len(group.loopback.answerer.questions) == 1


async def test_translation_that_was_cut_off_is_noted(group: Group) -> None:
    group.loopback.answerer.scripts = {".": Answer("only the begin", is_cut=True)}
    reply = await group.ask("translate German some words")
    assert reply.text.startswith("only the begin")
    assert "was cut off" in reply.text


async def test_missing_translation_engine_is_reported(group: Group) -> None:
    group.loopback.answerer.limits = AnswererLimits(can_translate=False)
    reply = await group.ask("translate German some words")
    assert reply.text == "Nothing can be translated here: no language model is set up."
    assert group.loopback.answerer.questions == []


async def test_nothing_to_translate(group: Group) -> None:
    assert "/translate German Good morning" in (await group.ask("translate")).text
    assert "/translate German Good morning" in (await group.ask("translate German")).text
