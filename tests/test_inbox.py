"""The inbox as platforms use it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from core.inbox import Inbox
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
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.support.thread_media import ThreadMedia

ELSEWHERE = Chat("test", "1", "200")


@pytest.fixture
def loopback(store: Store) -> Loopback:
    return Loopback(store, ScriptedTranscriber(), ThreadMedia())


@pytest.fixture
def inbox(loopback: Loopback) -> Inbox:
    return loopback.inbox


def counted(result: str) -> float:
    labels = {"platform": "test", "result": result}
    return REGISTRY.get_sample_value("hearsay_messages_total", labels) or 0


async def test_a_message_is_taken_in_once(
    inbox: Inbox, new_message: NewMessage, store: Store
) -> None:
    woken: list[bool] = []
    store.on_job(lambda: woken.append(True))
    before = [counted("job"), counted("passed")]
    message = new_message()
    job = await inbox.accept(message, b"sound")
    assert job and (job.command, job.message) == ("transcribe", message)
    assert await inbox.accept(message, b"sound") is None
    assert await inbox.accept(new_message(is_private=False, attachment=None)) is None
    assert (len(woken), counted("job"), counted("passed")) == (1, before[0] + 1, before[1] + 2)
    assert await inbox.find_recording(message.chat, message.message_id) == b"sound"
    assert await inbox.find_recording(ELSEWHERE, message.message_id) is None


async def test_a_job_is_shown_to_its_own_chat_alone(inbox: Inbox, new_message: NewMessage) -> None:
    jobs = [await inbox.accept(new_message()) for _ in range(3)]
    await inbox.accept(new_message("200"))
    first, chat = jobs[0], new_message().chat
    assert first and await inbox.job(chat, first.job_id) == first
    assert await inbox.job(ELSEWHERE, first.job_id) is None
    assert await inbox.job(chat, "none") is None
    assert await inbox.recent(chat, 2) == jobs[1:], "the newest last"


async def test_retry_wakes_the_worker_only_for_a_dead_letter(
    inbox: Inbox, new_message: NewMessage, store: Store
) -> None:
    job = await inbox.accept(new_message())
    assert job
    woken: list[bool] = []
    store.on_job(lambda: woken.append(True))
    assert not await inbox.retry(job.job_id) and woken == []
    await store.jobs.finish(job.job_id, JobState.DEAD)
    assert await inbox.retry(job.job_id) and woken == [True]
    [done] = await store.audit.recent()
    assert (done.operator, done.action, done.subject) == ("page", "retry", job.job_id)


async def test_what_platforms_remember_by_us(inbox: Inbox, store: Store) -> None:
    await inbox.save_watermarks("test", "1", {"100": "7"})
    assert await inbox.watermarks("test", "1") == {"100": "7"}
    old, new = Chat("test", "1", "100"), Chat("test", "1", "-100")
    for language, chat in (("de", old), ("zh", ELSEWHERE)):
        settings = await store.chats.settings(chat)
        await store.chats.save_settings(chat, replace(settings, language=language))
    await inbox.move_chat("test", "1", "100", "-100")
    assert (await store.chats.settings(new)).language == "de"
    begun = Chat("test", "1", "300")
    await inbox.begin(begun, ELSEWHERE)
    assert (await store.chats.settings(begun)).language == "zh"


async def test_a_refusal_of_voice_goes_with_the_next_answers(
    inbox: Inbox, new_message: NewMessage, store: Store
) -> None:
    job = await inbox.accept(new_message())
    assert job and not store.deliveries.target(job).has_no_voice
    await inbox.note_no_voice(job.message.chat)
    again = await store.jobs.find(job.job_id)
    assert again and store.deliveries.target(again).has_no_voice
    target = store.deliveries.target(replace(job, outcome=JobState.REFUSED))
    assert (target.job_id, target.message) == (job.job_id, job.message)
    assert target.is_refusal and not store.deliveries.target(job).is_refusal
    await target.ledger.start(0)
    found = await store.deliveries.target(job).ledger.find(0)
    assert found and found.state is not DeliveryState.SENT


async def test_choices_have_the_names_of_voices(
    inbox: Inbox, loopback: Loopback, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    voices = (Voice("v-1", "Mia", "en", "female"), Voice("v-2", "Tom", "en", "male"))
    monkeypatch.setattr(loopback.synthesizer, "voices", lambda: voices)
    chat = Chat("test", "1", "100")
    for chosen, shown in (("v-2", "Tom"), ("one of my own", "one of my own")):
        await store.voices.save_choice("test", "7", SpeechSettings(voice=chosen, style="calm"))
        settings, mine = await inbox.choices(chat, "7")
        assert settings == await store.chats.settings(chat)
        assert mine == SpeechSettings(voice=shown, style="calm")


async def test_readiness_is_that_of_the_platforms(inbox: Inbox, loopback: Loopback) -> None:
    for is_ready in (True, False):
        loopback.platform.is_ready = is_ready
        assert inbox.readiness() == {"test": is_ready}


async def test_fields_are_offered_what_may_stand_in_them(
    inbox: Inbox, new_message: NewMessage
) -> None:
    message = new_message(attachment=None, command="digest", language="en")
    assert "off" in [one.value for one in await inbox.suggest(message, "time")]
    assert await inbox.suggest(message, "no such field") == []
    assert await inbox.suggest(replace(message, command="help"), "time") == []


async def test_a_transcript_is_shown_as_it_was_corrected(
    inbox: Inbox, new_message: NewMessage, store: Store
) -> None:
    job = await inbox.accept(new_message())
    assert job and await inbox.transcript(job) is None
    await store.results.save("key", Transcript("Kovalsky came."))
    shown = replace(job, reply=Reply("x", heard_key="key"))
    found = await inbox.transcript(shown)
    assert found and found.text == "Kovalsky came."
    talk = replace(job.settings.talk, glossary=(Correction("Kovalsky", "Kowalski"),))
    found = await inbox.transcript(replace(shown, settings=replace(job.settings, talk=talk)))
    assert found and found.text == "Kowalski came."
    assert await inbox.transcript(replace(job, reply=Reply("", heard_key="gone"))) is None


async def test_conversations_are_those_of_the_person(inbox: Inbox, new_message: NewMessage) -> None:
    mine = await inbox.accept(new_message("7-1"))
    await inbox.accept(new_message("8-1"))
    assert mine
    found = await inbox.conversations(Chat("test", "1", "7"), 50)
    assert [conversation.chat for conversation in found] == [mine.message.chat]
