"""The assistant as platforms see it: what they hand in, ask for and show while work is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from core.assistant import Assistant
from core.clock import Clock
from core.interfaces import DeliveryTarget
from core.models import (
    Chat,
    Correction,
    DeliveryState,
    JobState,
    Reply,
    SpeechSettings,
    Transcript,
    Voice,
)
from core.store import Store
from tests.conftest import NewMessage
from tests.support.loopback import LoopbackPlatform, Road, ScriptedEngine
from tests.support.thread_media import ThreadMedia

ELSEWHERE = Chat("test", "1", "200")


class Slow(LoopbackPlatform):
    """A platform that takes a second to show a text."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.broken_off = 0

    async def show(self, target: DeliveryTarget, text: str, *, is_lasting: bool = False) -> None:
        try:
            await self._clock.sleep(1)
        except asyncio.CancelledError:
            await self._clock.sleep(0.1)  # a connection is closed
            self.broken_off += 1
            raise
        await super().show(target, text, is_lasting=is_lasting)


@pytest.fixture
async def road(store: Store, clock: Clock) -> AsyncIterator[Road]:
    road = Road(store, ScriptedEngine(), ThreadMedia())
    road.platform = Slow(clock)
    road.assistant.platforms = {"test": road.platform}
    yield road


@pytest.fixture
def assistant(road: Road) -> Assistant:
    return road.assistant


def counted(result: str) -> float:
    labels = {"platform": "test", "result": result}
    return REGISTRY.get_sample_value("hearsay_messages_total", labels) or 0


async def test_a_message_is_taken_in_once(assistant: Assistant, new_message: NewMessage) -> None:
    woken: list[bool] = []
    assistant.on_job = lambda: woken.append(True)
    before = [counted("job"), counted("passed")]
    message = new_message()
    job = await assistant.accept(message, b"sound")
    assert job and (job.command, job.message) == ("transcribe", message)
    assert await assistant.accept(message, b"sound") is None
    assert await assistant.accept(new_message(is_private=False, attachment=None)) is None
    assert (len(woken), counted("job"), counted("passed")) == (1, before[0] + 1, before[1] + 2)
    assert await assistant.blob(message.chat, message.message_id) == b"sound"
    assert await assistant.blob(ELSEWHERE, message.message_id) is None


async def test_a_job_is_shown_to_its_own_chat_alone(
    assistant: Assistant, new_message: NewMessage
) -> None:
    jobs = [await assistant.accept(new_message()) for _ in range(3)]
    await assistant.accept(new_message("200"))
    first, chat = jobs[0], new_message().chat
    assert first and await assistant.job(chat, first.job_id) == first
    assert await assistant.job(ELSEWHERE, first.job_id) is None
    assert await assistant.job(chat, "none") is None
    assert await assistant.recent(chat, 2) == jobs[1:], "the newest last"


async def test_retry_wakes_the_worker_only_for_a_dead_letter(
    assistant: Assistant, new_message: NewMessage, store: Store
) -> None:
    job = await assistant.accept(new_message())
    assert job
    woken: list[bool] = []
    assistant.on_job = lambda: woken.append(True)
    assert not await assistant.retry(job.job_id) and woken == []
    await store.jobs.finish(job.job_id, JobState.DEAD)
    assert await assistant.retry(job.job_id) and woken == [True]


async def test_what_platforms_remember_by_us(assistant: Assistant, store: Store) -> None:
    await assistant.note_seen("test", "1", {"100": "7"})
    assert await assistant.watermarks("test", "1") == {"100": "7"}
    old, new = Chat("test", "1", "100"), Chat("test", "1", "-100")
    for language, chat in (("de", old), ("zh", ELSEWHERE)):
        settings = await store.chats.settings(chat)
        await store.chats.save_settings(chat, replace(settings, language=language))
    await assistant.move_chat("test", "1", "100", "-100")
    assert (await store.chats.settings(new)).language == "de"
    begun = Chat("test", "1", "300")
    await assistant.begin(begun, ELSEWHERE)
    assert (await store.chats.settings(begun)).language == "zh"


async def test_a_refusal_of_voice_goes_with_the_next_answers(
    assistant: Assistant, new_message: NewMessage, store: Store
) -> None:
    job = await assistant.accept(new_message())
    assert job and not assistant.target(job).has_no_voice
    await assistant.note_no_voice(job.message.chat)
    again = await store.jobs.find(job.job_id)
    assert again and assistant.target(again).has_no_voice
    target = assistant.target(replace(job, outcome=JobState.REFUSED))
    assert (target.job_id, target.message) == (job.job_id, job.message)
    assert target.is_refusal and not assistant.target(job).is_refusal
    await target.ledger.start(0)
    found = await assistant.target(job).ledger.find(0)
    assert found and found.state is not DeliveryState.SENT


async def test_what_was_chosen_is_told_with_the_names_of_voices(
    assistant: Assistant, road: Road, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    voices = (Voice("v-1", "Mia", "en", "female"), Voice("v-2", "Tom", "en", "male"))
    monkeypatch.setattr(road.synthesizer, "voices", lambda: voices)
    chat = Chat("test", "1", "100")
    for chosen, shown in (("v-2", "Tom"), ("one of my own", "one of my own")):
        await store.voices.save_choice("test", "7", SpeechSettings(voice=chosen, style="calm"))
        settings, mine = await assistant.choices(chat, "7")
        assert settings == await store.chats.settings(chat)
        assert mine == SpeechSettings(voice=shown, style="calm")


async def test_readiness_is_that_of_the_platforms(assistant: Assistant, road: Road) -> None:
    for is_ready in (True, False):
        road.platform.is_ready = is_ready
        assert assistant.readiness() == {"test": is_ready}


async def test_fields_are_offered_what_may_stand_in_them(
    assistant: Assistant, new_message: NewMessage
) -> None:
    message = new_message(attachment=None, command="digest", language="en")
    assert "off" in [one.value for one in await assistant.suggest(message, "time")]
    assert await assistant.suggest(message, "no such field") == []
    assert await assistant.suggest(replace(message, command="help"), "time") == []


async def test_a_transcript_is_shown_as_it_was_corrected(
    assistant: Assistant, new_message: NewMessage, store: Store
) -> None:
    job = await assistant.accept(new_message())
    assert job and await assistant.transcript(job) is None
    await store.results.save("key", Transcript("Kovalsky came."))
    shown = replace(job, reply=Reply("x", heard_key="key"))
    found = await assistant.transcript(shown)
    assert found and found.text == "Kovalsky came."
    talk = replace(job.settings.talk, glossary=(Correction("Kovalsky", "Kowalski"),))
    found = await assistant.transcript(replace(shown, settings=replace(job.settings, talk=talk)))
    assert found and found.text == "Kowalski came."
    assert await assistant.transcript(replace(job, reply=Reply("", heard_key="gone"))) is None


async def test_conversations_are_those_of_the_person(
    assistant: Assistant, new_message: NewMessage
) -> None:
    mine = await assistant.accept(new_message("7-1"))
    await assistant.accept(new_message("8-1"))
    assert mine
    found = await assistant.conversations(Chat("test", "1", "7"))
    assert [conversation.chat for conversation in found] == [mine.message.chat]


async def test_of_texts_that_come_fast_the_newest_is_shown(
    assistant: Assistant,
    road: Road,
    new_message: NewMessage,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And nothing any more once the command has ended."""

    async def transcribe(*_: object, on_text: object = None, **__: object) -> Transcript:
        assert callable(on_text)
        for number in range(23):
            on_text(f"text {number}")
            on_text(f"text {number}")
            on_text("")
            await clock.sleep(0.1)
        return Transcript("whole", duration_s=1.0)

    monkeypatch.setattr(road.engine, "transcribe", transcribe)
    job = await assistant.accept(new_message())
    assert job
    reply = await assistant.make_reply(job)
    assert reply.quote == "whole"
    assert isinstance(road.platform, Slow) and road.platform.broken_off == 1
    await clock.sleep(60)
    # Each takes a second: the first, what had come when it was shown, and so on.
    assert [text for _, text, _ in road.platform.shown] == ["text 0", "text 9"]
