"""Cloning one's voice: who says the sentence, when, where and how."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.errors import EngineBusy
from core.models import Attachment, Audio, Message, Reply, SavedVoice, Transcript
from core.store import Store
from core.store.database.tables import transcripts
from core.synthesis.voice_consent import MAX_TRIES
from core.text.scripts import split_words
from tests.emulators.mimo.tones import make_recording, read_words
from tests.support.group_talk import ADA, BEN, GROUP, Group
from tests.support.loopback import ScriptedTranscriber, run_loopback

NOTE = Attachment("file-1", "voice", duration_s=20.0)


class HearsTones(ScriptedTranscriber):
    """Hears each tone as the word that it stands for, so that recordings can be put together."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.languages: list[str | None] = []

    def record(self, text: str) -> bytes:
        """Return a recording of a text."""
        said = split_words(text)
        self.words += [word for word in said if word not in self.words]
        return make_recording([self.words.index(word) for word in said], gap_s=0.1)

    async def transcribe(self, audio: Audio, **options: Any) -> Transcript:
        self.calls.append(audio.duration_s)
        self.languages.append(options["language"])
        await asyncio.sleep(self.latency_s)
        self.fail()
        with wave.open(io.BytesIO(audio.data)) as file:
            tones = read_words(file.readframes(file.getnframes()), file.getframerate())
        heard = " ".join(self.words[one.number] for one in tones if one.number is not None)
        return Transcript(heard, duration_s=audio.duration_s)


@pytest.fixture
async def talk(store: Store) -> AsyncIterator[Group]:
    async with run_loopback(store, HearsTones()) as loopback:
        yield Group(loopback, replace(GROUP, chat_id=ADA), is_private=True)


async def say(talk: Group, text: str | bytes, **changes: Any) -> Reply:
    """Send a recording of a text as a new voice message, and return the last reply to it."""
    engine: Any = talk.loopback.engine
    sound = text if isinstance(text, bytes) else engine.record(text)
    talk.loopback.platform.recording = sound
    message = await talk.speak(**{"attachment": NOTE, **changes})
    return talk.answers(message)[-1]


async def voices(talk: Group, person_id: str = ADA) -> list[SavedVoice]:
    return await talk.loopback.store.voices.usable(talk.chat, person_id)


async def kept(talk: Group) -> int:
    """Return how many transcripts are stored."""
    database = talk.loopback.store._database
    return len(await database.rows(transcripts.select()))


def code_of(sentence: str) -> list[str]:
    return sentence.rstrip(".").split(" ")[-6:]


async def test_a_clone_is_made_by_saying_the_sentence_and_is_for_its_owner_only(
    talk: Group,
) -> None:
    assert "private" in (await talk.ask("voice clone", is_private=False)).text
    asked = await talk.ask("voice clone")
    assert "within five minutes" in asked.text and len(set(code_of(asked.quote))) == 6
    assert "only you can use it" in (await say(talk, asked.quote)).text
    [own] = await voices(talk)
    assert own.is_clone and own.consented_at and own.sample.data[:4] == b"RIFF"
    assert await voices(talk, BEN) == [] and await kept(talk) == 0
    engine: Any = talk.loopback.engine
    assert engine.languages == ["en"]
    assert "Unknown voice" in (await talk.ask("say voice:me hi", sender_id=BEN)).text
    assert "only be used by its owner" in (await talk.ask("voice chat me")).text
    await talk.ask("voice me")
    await talk.ask("say hi")
    assert talk.loopback.synthesizer.utterances[-1].sample == own.sample
    await talk.ask("voice delete me")
    assert await voices(talk) == []
    # Once it is made, notes are notes, and this one says nothing any more.
    assert (await say(talk, asked.quote)).quote.startswith("i am the speaker")


@pytest.mark.parametrize("seconds", [0, 240, 3600, 100_000])
async def test_a_note_that_was_accepted_is_worth_nothing_later(talk: Group, seconds: int) -> None:
    asked = await talk.ask("voice clone")
    engine: Any = talk.loopback.engine
    sound = engine.record(asked.quote)
    await say(talk, sound)
    await talk.ask("voice delete me")
    await asyncio.sleep(seconds)
    await talk.ask("voice clone")
    refused = await say(talk, sound)
    assert "words of the code" in refused.text or "another order" in refused.text
    assert await voices(talk) == []


def swap(words: list[str], one: int, other: int) -> str:
    words = [*words]
    words[one], words[other] = words[other], words[one]
    return " ".join(words)


async def attack(talk: Group, name: str, sentence: str) -> str:
    words = split_words(sentence)
    return {
        "backwards": " ".join(words[::-1]),
        "sorted": " ".join(sorted(words)),
        "two words of the code swapped": swap(words, -1, -4),
        "two other words swapped": swap(words, 3, 6),
        "code first": " ".join([*words[-6:], *words[:-6]]),
        "only the code": " ".join(words[-6:]),
        "another code": " ".join([*words[:-6], *["banana", "apple"] * 3]),
        "one word of the code replaced": " ".join([*words[:-1], "xylophone"]),
        "two words of the code misheard": " ".join([*words[:-2], *(f"{w}s" for w in words[-2:])]),
        "a word within the code": " ".join([*words[:-3], "banjo", *words[-3:]]),
        "one word missing in the code": " ".join([*words[:-3], *words[-2:]]),
        "said twice": f"{sentence} {sentence}",
        "words before": f"hello my dear friends {sentence}",
        "words after": f"{sentence} and so it goes on",
        "words within": sentence.replace("agree", "agree and i also do so gladly"),
        "half of it": " ".join(words[: len(words) // 2]),
        "the opposite": sentence.replace("agree", "disagree"),
        "never": sentence.replace("I agree", "I never agree"),
        "something else": "an ordinary note about the weather and the garden",
    }[name]


ATTACKS = {
    "backwards": "another order", "sorted": "another order",
    "two words of the code swapped": "another order", "two other words swapped": "another order",
    "code first": "another order", "only the code": "too many words are different",
    "another code": "words of the code", "one word of the code replaced": "words of the code",
    "two words of the code misheard": "words of the code",
    "a word within the code": "words of the code",
    "one word missing in the code": "words of the code",
    "said twice": "more than the sentence", "words before": "more than the sentence",
    "words after": "more than the sentence", "words within": "more than the sentence",
    "half of it": "words of the code", "the opposite": "did not agree", "never": "did not agree",
    "something else": "words of the code",
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
async def test_what_is_put_together_is_refused_and_not_kept(talk: Group, name: str) -> None:
    asked = await talk.ask("voice clone")
    refused = await say(talk, await attack(talk, name, asked.quote))
    assert ATTACKS[name] in refused.text
    assert await voices(talk) == [] and await kept(talk) == 0
    # There is another sentence now, and the one before is worth nothing.
    assert refused.quote and code_of(refused.quote) != code_of(asked.quote)
    assert "code" in (again := await say(talk, asked.quote)).text or "order" in again.text
    assert "only you can use it" in (await say(talk, again.quote)).text


NOT_HERE = [
    ({"forwarded_from": "Ben"}, "forwarded"),
    ({"attachment": replace(NOTE, kind="audio", name="consent.ogg")}, "no file, and no video"),
    ({"attachment": replace(NOTE, kind="document")}, "no file, and no video"),
    ({"attachment": replace(NOTE, kind="video_note")}, "no file, and no video"),
    ({"attachment": replace(NOTE, duration_s=61.0)}, "longer than a minute"),
    ({"edit_id": "1"}, "no file, and no video"),
]


@pytest.mark.parametrize(("changes", "reason"), NOT_HERE)
async def test_only_a_voice_message_recorded_here_counts(
    talk: Group, changes: dict[str, Any], reason: str
) -> None:
    asked = await talk.ask("voice clone")
    refused = await say(talk, asked.quote, **changes)
    assert reason in refused.text and not talk.loopback.engine.calls
    assert await voices(talk) == []
    assert "only you can use it" in (await say(talk, asked.quote)).text, "it still counts"


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [({"sender_id": BEN}, 0), ({}, 300), ({"sent_at": -1}, 0), ({"sent_at": -86400}, 0)],
)
async def test_notes_of_others_and_of_another_time_are_ordinary(
    talk: Group, changes: dict[str, Any], seconds: int
) -> None:
    asked = await talk.ask("voice clone")
    await asyncio.sleep(seconds)
    if "sent_at" in changes:
        now = talk.loopback.store._database.now()
        changes = {"sent_at": now + timedelta(seconds=changes["sent_at"])}
    answer = await say(talk, asked.quote, **changes)
    assert answer.quote.startswith("i am the speaker")
    assert await voices(talk) == [] and await voices(talk, BEN) == []


async def test_tries_are_limited(talk: Group) -> None:
    await talk.ask("voice clone")
    for number in range(MAX_TRIES):
        refused = await say(talk, f"something else number {number}")
    assert refused.text.endswith(
        "That was tried 5 times within an hour. Try again later: /voice clone"
    )
    assert refused.quote == ""
    assert "tried 5 times" in (await talk.ask("voice clone")).text
    await talk.ask("voice clone off")
    assert "tried 5 times" in (await talk.ask("voice clone")).text
    await asyncio.sleep(3600)
    asked = await talk.ask("voice clone")
    assert "only you can use it" in (await say(talk, asked.quote)).text


async def test_a_busy_engine_is_no_try(talk: Group) -> None:
    """The job runs again, and counts once."""
    asked = await talk.ask("voice clone")
    talk.loopback.engine.failures = [EngineBusy(), EngineBusy()]
    assert "only you can use it" in (await say(talk, asked.quote)).text
    own = await talk.loopback.store.voices.choice("test", ADA)
    assert len(own.clone_tries) == 1 and len(talk.loopback.engine.calls) == 3


@pytest.mark.parametrize("is_right", [True, False])
async def test_a_job_that_runs_again_says_the_same(talk: Group, is_right: bool) -> None:
    """The process ends between what is saved and the reply that tells of it."""
    asked = await talk.ask("voice clone")
    jobs, failures = talk.loopback.store.jobs, [ValueError("the end of the process")]
    save_reply = jobs.save_reply

    async def fail_once(*arguments: Any) -> Reply:
        if failures:
            raise failures.pop()
        return await save_reply(*arguments)

    jobs.save_reply = fail_once  # type: ignore[assignment, method-assign]
    answer = await say(talk, asked.quote if is_right else "something else")
    assert not failures and len(talk.loopback.engine.calls) == 1
    assert ("only you can use it" in answer.text) is is_right
    assert (code_of(answer.quote) == code_of(asked.quote)) is False
    assert len(await voices(talk)) == is_right
    if not is_right:
        assert "only you can use it" in (await say(talk, answer.quote)).text


async def test_what_was_transcribed_before_stays_as_it_was(talk: Group) -> None:
    """The same recording, first as an ordinary note: it is heard anew, and only that is deleted."""
    engine: Any = talk.loopback.engine
    sound = engine.record("something else")
    await talk.ask("language en")
    await say(talk, sound)
    await talk.ask("voice clone")
    await say(talk, sound)
    assert len(engine.calls) == 2 and await kept(talk) == 1


async def test_two_notes_at_once_have_one_sentence(talk: Group) -> None:
    asked = await talk.ask("voice clone")
    engine: Any = talk.loopback.engine
    engine.latency_s = 10.0
    talk.loopback.platform.recording = engine.record(asked.quote)
    notes: list[Message] = [talk.write(attachment=NOTE) for _ in range(2)]
    for note in notes:
        await talk.loopback.inbox.accept(note)
    await talk.loopback.settle()
    answers = sorted(talk.answers(note)[-1].text for note in notes)
    assert answers[0].startswith("No recording is expected")
    assert len(await voices(talk)) == 1
