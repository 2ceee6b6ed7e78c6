from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from core import jobs as jobs_module
from core.audio import Media
from core.errors import (
    AssistantError,
    ChatGone,
    ChatMoved,
    EngineBadReply,
    EngineBusy,
    EngineLocked,
    EngineRefused,
    PlatformBusy,
    UserError,
)
from core.jobs import Decision, decide
from core.models import Chat, Job, JobState
from core.store import Store
from core.store.tables import jobs
from tests.conftest import NewMessage
from tests.support import sounds
from tests.support.loopback import Road, ScriptedEngine

NOW, LONG_AGO = timedelta(0), timedelta(days=2)


@pytest.fixture
async def road(store: Store) -> AsyncIterator[Road]:
    media = Media(workers=1)
    yield Road(store, ScriptedEngine(), media)
    await media.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a hundredth of what would be waited."""
    monkeypatch.setattr(jobs_module, "_jitter", lambda delay_s: delay_s / 100)


@pytest.mark.parametrize(
    ("error", "attempts", "age", "kind", "delay_s", "is_attempt"),
    [
        (UserError("no"), 1, NOW, "tell", 0, True),
        (EngineRefused("no"), 1, NOW, "tell", 0, True),
        (ChatGone(), 1, NOW, "cancel", 0, True),
        (ChatMoved("2"), 1, NOW, "retry", 0, False),
        (EngineBusy("503"), 1, NOW, "retry", 2, True),
        (EngineBusy("503"), 4, NOW, "retry", 16, True),
        (EngineBusy("503"), 5, NOW, "give_up", 0, True),
        (EngineBadReply(), 5, NOW, "give_up", 0, True),
        (EngineBusy("429", retry_after_s=3), 9, NOW, "retry", 3, False),
        (EngineBusy("429", retry_after_s=3), 1, LONG_AGO, "give_up", 0, True),
        (EngineLocked("402"), 9, NOW, "retry", 60, False),
        (EngineLocked("402"), 9, LONG_AGO, "give_up", 0, True),
        (PlatformBusy("flood", retry_after_s=70), 9, NOW, "retry", 70, True),
        (PlatformBusy("timeout"), 9, NOW, "retry", 60, True),
        (ValueError("a bug"), 1, NOW, "retry", 2, True),
        (ValueError("a bug"), 5, NOW, "give_up", 0, True),
        (AssistantError("not to be repeated"), 1, NOW, "give_up", 0, True),
    ],
)
def test_what_becomes_of_a_job(
    error: Exception,
    attempts: int,
    age: timedelta,
    kind: str,
    delay_s: float,
    is_attempt: bool,
) -> None:
    decision = decide(error, attempts, age)
    assert decision.kind == kind
    assert delay_s * 0.8 <= decision.delay_s <= delay_s * 1.2
    assert decision.is_attempt is is_attempt
    assert isinstance(decision, Decision)


async def test_a_voice_note_is_answered_once(road: Road, new_message: NewMessage) -> None:
    message = new_message()
    async with road.running():
        for _ in range(3):
            await road.assistant.accept(message)
        assert await road.settle() == {JobState.DONE: 1}
    assert [(to, reply.quote) for to, reply in road.platform.sent] == [("1", "call 1")]


async def test_a_repeat_of_the_same_sound_is_free(road: Road, new_message: NewMessage) -> None:
    async with road.running():
        for _ in range(3):
            await road.assistant.accept(new_message())
        await road.settle()
    assert len(road.platform.sent) == 3
    assert len(road.engine.calls) == 1


@pytest.mark.usefixtures("hasty")
async def test_a_failed_call_is_tried_again(road: Road, new_message: NewMessage) -> None:
    road.engine.failures = [EngineBusy("503"), EngineBadReply("empty")]
    async with road.running():
        await road.assistant.accept(new_message())
        assert await road.settle() == {JobState.DONE: 1}
    assert len(road.engine.calls) == 3
    assert len(road.platform.sent) == 1


async def test_a_job_that_becomes_due_while_we_look_is_run_at_once(
    road: Road, new_message: NewMessage, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = road.store.jobs.claim

    async def claim_slowly() -> Job | None:
        job = await claim()
        await asyncio.sleep(0 if job else 0.05)  # the wait for the next try is over meanwhile
        return job

    monkeypatch.setattr(road.store.jobs, "claim", claim_slowly)
    road.engine.failures = [EngineBusy("503")] * 4
    await road.assistant.accept(new_message())
    async with road.running():
        assert await road.settle(timeout_s=20.0) == {JobState.DONE: 1}


async def test_a_job_that_waits_for_another_hides_nothing(
    road: Road, new_message: NewMessage, hasty: None
) -> None:
    road.engine.failures = [EngineBusy("503")] * 4
    for _ in range(3):
        await road.assistant.accept(new_message())
    async with road.running():
        assert await road.settle(timeout_s=20.0) == {JobState.DONE: 3}


@pytest.mark.usefixtures("hasty")
async def test_after_five_attempts_the_person_is_told_once_and_can_retry(
    road: Road, new_message: NewMessage
) -> None:
    road.engine.failures = [ValueError("a bug")] * 5  # type: ignore[list-item]
    async with road.running():
        job = await road.assistant.accept(new_message())
        assert await road.settle() == {JobState.DEAD: 1}
        assert job
        [(_, reply)] = road.platform.sent
        assert job.job_id in reply.text
        dead = await road.store.jobs.find(job.job_id)
        assert dead and dead.attempts == 5
        press = new_message(attachment=None, button=reply.buttons[0].token)
        await road.assistant.accept(press)
        assert await road.settle() == {JobState.DONE: 2}
    assert [reply.quote for _, reply in road.platform.sent if reply.quote] == ["call 6"]


async def test_what_the_person_can_mend_is_said_at_once(
    road: Road, new_message: NewMessage
) -> None:
    road.platform.sound = b"this is no sound"
    async with road.running():
        await road.assistant.accept(new_message(language="en"))
        await road.assistant.accept(new_message(language="zh"))
        assert await road.settle() == {JobState.REFUSED: 2}
    english, chinese = (reply.text for _, reply in road.platform.sent)
    assert english and chinese and english != chinese
    assert road.engine.calls == []


async def test_silence_costs_nothing(road: Road, new_message: NewMessage) -> None:
    road.platform.sound = sounds.wav(sounds.silence(3.0))
    async with road.running():
        await road.assistant.accept(new_message())
        assert await road.settle() == {JobState.REFUSED: 1}
    assert road.engine.calls == []
    assert road.platform.sent[0][1].text == "I heard no speech in this recording."


async def test_a_job_parked_for_the_operator_lets_others_pass(
    road: Road, new_message: NewMessage
) -> None:
    road.engine.failures = [EngineLocked("402: no balance")]
    async with road.running():
        await road.assistant.accept(new_message())
        await road.assistant.accept(new_message(attachment=None, command="help"))
        async with asyncio.timeout(10):
            while not road.platform.sent:
                await asyncio.sleep(0.01)
    assert [lasting for _, _, lasting in road.platform.shown] == [True]
    assert "/transcribe" in road.platform.sent[0][1].text
    assert await road.store.jobs.counts() == {JobState.WAITING: 1, JobState.DONE: 1}


@pytest.mark.usefixtures("hasty")
async def test_a_reply_is_made_once_however_often_sending_fails(
    road: Road, new_message: NewMessage
) -> None:
    road.platform.failures = [PlatformBusy("timeout") for _ in range(7)]
    async with road.running():
        await road.assistant.accept(new_message())
        assert await road.settle() == {JobState.DONE: 1}
    assert len(road.engine.calls) == 1
    assert len(road.platform.sent) == 1


async def test_a_chat_that_moved_gets_its_answer_where_it_is_now(
    road: Road, new_message: NewMessage
) -> None:
    road.platform.failures = [ChatMoved("-100500")]
    async with road.running():
        job = await road.assistant.accept(new_message())
        assert await road.settle() == {JobState.DONE: 1}
    assert job
    found = await road.store.jobs.find(job.job_id)
    assert found and found.message.chat == Chat("test", "1", "-100500")


async def test_a_chat_that_is_gone_is_called_once(road: Road, new_message: NewMessage) -> None:
    road.platform.failures = [ChatGone("blocked")] * 9
    for _ in range(5):
        await road.assistant.accept(new_message())
    async with road.running():
        assert await road.settle() == {JobState.CANCELLED: 5}
    assert len(road.platform.failures) == 8


async def test_a_poison_message_does_not_hold_up_other_chats(
    road: Road, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its second try is not to come before the others are answered.
    monkeypatch.setattr(jobs_module, "_jitter", lambda delay_s: 60.0)
    poison = new_message("bad")
    await road.assistant.accept(poison)
    road.engine.failures = [ValueError("poison")]  # type: ignore[list-item]
    async with road.running():
        async with asyncio.timeout(10):
            while road.engine.failures:
                await asyncio.sleep(0.001)
            for number in range(20):
                await road.assistant.accept(new_message(str(number)))
            while len(road.platform.sent) < 20:
                await asyncio.sleep(0.01)
    assert poison.message_id not in [to for to, _ in road.platform.sent]


async def test_what_has_reached_its_end_goes_a_while_after_the_start(
    road: Road, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "CATCH_UP_S", 0.5)
    monkeypatch.setattr(jobs_module, "PURGE_S", 0.1)
    message, long_ago = new_message(), datetime.now(UTC) - 20 * LONG_AGO
    async with road.running(), asyncio.timeout(30):
        await road.assistant.accept(message)
        await road.settle()
        assert await road.assistant.recent(message.chat, 9)
        async with road.store._database.write() as connection:
            await connection.execute(update(jobs).values(finished_at=long_ago))
        while await road.assistant.recent(message.chat, 9):
            await asyncio.sleep(0.05)


async def test_stopping_leaves_the_rest_to_the_next_start(
    road: Road, new_message: NewMessage
) -> None:
    road.engine.latency_s = 60.0
    async with road.running():
        await road.assistant.accept(new_message())
        async with asyncio.timeout(10):
            while not road.engine.calls:
                await asyncio.sleep(0.01)
    assert road.platform.sent == []
    road.engine.latency_s = 0.0
    again = Road(road.store, road.engine, road.hearing._media)
    async with again.running():
        assert await again.settle() == {JobState.DONE: 1}
    assert len(again.platform.sent) == 1


async def test_commands_answer_in_the_senders_language(road: Road, new_message: NewMessage) -> None:
    async with road.running():
        for command, text in [("start", ""), ("help", ""), ("language", "zh"), ("language", "")]:
            message = new_message(attachment=None, command=command, text=text, language="en")
            await road.assistant.accept(message)
        await road.settle()
    texts = [reply.text for _, reply in road.platform.sent]
    assert "AI" in texts[0]
    assert "/language" in texts[1] and "/export" not in texts[1]
    assert "Chinese" in texts[2] and texts[2] == texts[3]
    chat = new_message().chat
    assert (await road.store.chats.settings(chat)).language == "zh"


async def test_members_cannot_change_a_groups_settings(road: Road, new_message: NewMessage) -> None:
    road.platform.can_administer = False
    message = new_message(attachment=None, is_private=False, command="auto", text="on")
    async with road.running():
        await road.assistant.accept(message)
        assert await road.settle() == {JobState.REFUSED: 1}
        road.platform.can_administer = True
        await road.assistant.accept(replace(message, message_id="by an admin"))
        await road.settle()
    assert (await road.store.chats.settings(message.chat)).is_auto
