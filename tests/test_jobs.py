"""The durable road: retries, order, restarts and what people are told, on real waits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select, update
from structlog.testing import capture_logs

from core.clock import Clock
from core.errors import (
    AssistantError,
    ChatGone,
    ChatMoved,
    EngineBadReply,
    EngineBusy,
    EngineLocked,
    EngineRefused,
    MessageGone,
    PlatformBusy,
    StoreError,
    UserError,
)
from core.interfaces import Envelope, TranscriberLimits
from core.jobs import MAX_RUNNING, RETRY, WAITING, Worker, decide
from core.locale import translate
from core.models import Chat, Job, JobState, Message, Reply
from core.store import Store
from core.store.tables import chats, jobs
from tests.conftest import NewMessage
from tests.support.local_media import local_media
from tests.support.loopback import Road, ScriptedEngine

NOW, LONG_AGO = timedelta(0), timedelta(days=2)


def bug() -> ValueError:
    return ValueError("what somebody said")


@pytest.fixture
async def road(store: Store) -> AsyncIterator[Road]:
    engine = ScriptedEngine(TranscriberLimits(concurrency=100))
    yield Road(store, engine, local_media())


def asks_for_help(new_message: NewMessage, chat_id: str = "100", **changes: Any) -> Message:
    """Return a message whose job takes no time and no engine."""
    return new_message(chat_id, **{"attachment": None, "command": "help", **changes})


def sent_to(road: Road) -> list[str]:
    return [message_id for message_id, _ in road.platform.sent]


async def find(road: Road, job: Job | None) -> Job:
    found = await road.store.jobs.find(job.job_id) if job else None
    assert found
    return found


@pytest.mark.parametrize(
    ("error", "attempts", "age", "kind", "delay_s", "is_attempt"),
    [
        (UserError("no"), 1, NOW, "tell", 0, True),
        (EngineRefused("no"), 1, NOW, "tell", 0, True),
        (ChatGone(), 1, NOW, "cancel", 0, True),
        (ChatMoved("2"), 1, NOW, "retry", 0, False),
        (EngineBusy("503"), 1, NOW, "retry", 2, True),
        (EngineBusy("503"), 4, LONG_AGO, "retry", 16, True),
        (EngineBusy("503"), 5, NOW, "give_up", 0, True),
        (EngineBadReply(), 5, NOW, "give_up", 0, True),
        (EngineBusy("429", retry_after_s=3), 9, NOW, "retry", 3, False),
        (EngineBusy("429", retry_after_s=3), 9, timedelta(days=1), "retry", 3, False),
        (EngineBusy("429", retry_after_s=3), 1, LONG_AGO, "give_up", 0, True),
        (EngineLocked("402"), 9, NOW, "retry", 60, False),
        (EngineLocked("402"), 9, LONG_AGO, "give_up", 0, True),
        (PlatformBusy("flood", retry_after_s=70), 9, NOW, "retry", 70, True),
        (PlatformBusy("timeout"), 5, NOW, "retry", 32, True),
        (PlatformBusy("timeout"), 6, NOW, "retry", 60, True),
        (PlatformBusy("away for most of a day"), 1100, NOW, "retry", 60, True),
        (MessageGone(), 1, NOW, "give_up", 0, True),
        (bug(), 1, NOW, "retry", 2, True),
        (bug(), 5, NOW, "give_up", 0, True),
        (AssistantError("not to be repeated"), 1, NOW, "give_up", 0, True),
    ],
)
def test_what_becomes_of_a_job(
    error: Exception, attempts: int, age: timedelta, kind: str, delay_s: float, is_attempt: bool
) -> None:
    decision = decide(error, attempts, age)
    assert (decision.kind, decision.is_attempt) == (kind, is_attempt)
    if getattr(error, "retry_after_s", None):
        assert decision.delay_s == (delay_s if kind == "retry" else 0)
    assert delay_s * 0.8 <= decision.delay_s <= delay_s * 1.2


def test_retries_of_many_jobs_are_spread() -> None:
    random.seed(7)
    delays = [decide(EngineBusy("503"), 1, NOW).delay_s for _ in range(200)]
    assert min(delays) < 1.7 and max(delays) > 2.3


async def test_a_voice_note_is_answered_once(road: Road, new_message: NewMessage) -> None:
    message = new_message()
    labels = {"command": "transcribe", "state": "done"}
    before = REGISTRY.get_sample_value("hearsay_jobs_total", labels) or 0
    async with road.running():
        for _ in range(3):
            await road.assistant.accept(message)
        assert await road.settle() == {JobState.DONE: 1}
    assert [(to, reply.quote) for to, reply in road.platform.sent] == [("1", "call 1")]
    assert REGISTRY.get_sample_value("hearsay_jobs_total", labels) == before + 1


async def test_a_repeat_of_the_same_sound_is_free(road: Road, new_message: NewMessage) -> None:
    async with road.running():
        for _ in range(3):
            await road.assistant.accept(new_message())
        await road.settle()
    assert (len(road.platform.sent), len(road.engine.calls)) == (3, 1)


async def test_a_failed_call_is_tried_again_after_2_4_8_and_16_s(
    road: Road, new_message: NewMessage
) -> None:
    road.engine.failures = [EngineBusy("503"), EngineBadReply(), bug(), bug()]  # type: ignore[list-item]
    async with road.running():
        job = await road.assistant.accept(new_message())
        with capture_logs() as logs:
            assert await road.settle() == {JobState.DONE: 1}
    called_at = road.engine.called_at
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(called_at)]
    for wait_s, planned_s in zip(waits, (2, 4, 8, 16), strict=True):
        assert planned_s * 0.8 <= wait_s <= planned_s * 1.2
    assert len(road.platform.sent) == 1 and road.platform.shown[-1][1] == "call 5"
    failed = [log for log in logs if log["event"] == "failed"]
    errors = ["EngineBusy: 503", "EngineBadReply: EngineBadReply", "ValueError", "ValueError"]
    assert [log["error"] for log in failed] == errors
    assert [log["attempt"] for log in failed] == [1, 2, 3, 4]
    assert [bool(log["trace"]) for log in failed] == [False, False, True, True]
    assert "somebody said" not in str([log["error"] for log in failed])
    [ended] = [log for log in logs if log["event"] == "ended"]
    assert ended["seconds"] == pytest.approx(sum(waits), abs=0.01)
    assert (await find(road, job)).attempts == 5


async def test_after_five_attempts_the_person_is_told_once_and_can_retry(
    road: Road, new_message: NewMessage
) -> None:
    road.engine.failures = [bug() for _ in range(5)]  # type: ignore[list-item]
    async with road.running():
        job = await road.assistant.accept(new_message(language="zh"))
        assert await road.settle() == {JobState.DEAD: 1}
        assert job
        [(_, reply)] = road.platform.sent
        assert job.job_id in reply.text and not reply.text.isascii()
        [again] = reply.buttons
        assert (again.command, again.label) == ("retry", translate(RETRY, "zh")) != ("", RETRY)
        dead = await find(road, job)
        assert (dead.attempts, dead.error) == (5, "ValueError")
        press = new_message(attachment=None, button=reply.buttons[0].token)
        await road.assistant.accept(press)
        assert await road.settle() == {JobState.DONE: 2}
    assert [reply.quote for _, reply in road.platform.sent if reply.quote] == ["call 6"]


async def test_what_the_person_can_mend_is_said_at_once(
    road: Road, new_message: NewMessage
) -> None:
    road.platform.sound = b"this is no sound"
    async with road.running():
        job = await road.assistant.accept(new_message(language="en"))
        await road.assistant.accept(new_message(language="zh"))
        assert await road.settle() == {JobState.REFUSED: 2}
    english, chinese = (reply for _, reply in road.platform.sent)
    assert english.text.isascii() and not chinese.text.isascii()
    assert (english.buttons, road.engine.calls) == ((), [])
    assert (await find(road, job)).attempts == 1, "to tell it is no further attempt"


async def test_a_reason_that_others_gave_links_nowhere(road: Road, new_message: NewMessage) -> None:
    road.engine.failures = [EngineRefused("422", reason="see https://bad.example")]
    async with road.running():
        await road.assistant.accept(new_message())
        assert await road.settle() == {JobState.REFUSED: 1}
    assert "bad" in road.platform.sent[0][1].text
    assert "https://bad.example" not in road.platform.sent[0][1].text


async def test_a_parked_job_lets_others_pass_once_the_person_knows(
    road: Road, new_message: NewMessage, clock: Clock
) -> None:
    """Order within a chat: only what the person knows to take longer is passed."""
    road.engine.failures = [EngineBusy("503"), *(EngineLocked("402") for _ in range(3))]
    async with road.running():
        slow = await road.assistant.accept(new_message(language="en"))
        await clock.sleep(0.1)
        helped = await road.assistant.accept(asks_for_help(new_message))
        await clock.sleep(1)
        assert sent_to(road) == [], "the first one is to be tried again soon: it keeps its place"
        await clock.sleep(2)
        assert helped and sent_to(road) == [helped.message.message_id]
        assert (await find(road, slow)).is_told
        # The gate gives up at once what waits for longer than 20 s; the chat goes on meanwhile.
        assert await road.store.jobs.counts() == {JobState.WAITING: 1, JobState.DONE: 1}
        assert await road.settle() == {JobState.DONE: 2}
    assert road.platform.shown[0] == ("1", WAITING, True)
    assert [lasting for _, _, lasting in road.platform.shown].count(True) == 1, "told once"


async def test_while_a_told_job_runs_its_chat_waits(
    road: Road, new_message: NewMessage, clock: Clock
) -> None:
    road.engine.failures = [EngineLocked("402")]
    async with road.running():
        job = await road.assistant.accept(new_message())
        await clock.sleep(1)
        road.engine.latency_s = 30.0
        while (await find(road, job)).state is not JobState.RUNNING:
            await clock.sleep(1)
        await road.assistant.accept(asks_for_help(new_message))
        await road.assistant.accept(asks_for_help(new_message, "200"))
        await clock.sleep(25)
        assert sent_to(road) == ["3"], "another chat does not"
        await road.settle()
    assert sent_to(road) == ["3", "1", "2"]


async def test_told_jobs_run_at_the_next_start(
    road: Road, new_message: NewMessage, clock: Clock
) -> None:
    """What only the operator could mend may be mended by it."""
    road.engine.failures = [EngineLocked("402")]
    async with road.running():
        job = await road.assistant.accept(new_message())
        while not (await find(road, job)).is_told:
            await clock.sleep(0.1)
    started_at = clock.now()
    assert (await find(road, job)).run_at > started_at + timedelta(seconds=40)
    again = Road(road.store, road.engine, local_media())
    async with again.running():
        assert await again.settle() == {JobState.DONE: 1}
    assert again.engine.called_at[-1] - started_at < timedelta(seconds=1)


async def test_who_did_not_ask_is_not_told(road: Road, new_message: NewMessage) -> None:
    group = new_message().chat
    settings = await road.store.chats.settings(group)
    talk = replace(settings.talk, remember_days=7)
    await road.store.chats.save_settings(group, replace(settings, talk=talk))
    road.engine.failures = [EngineLocked("402"), EngineRefused("no")]
    async with road.running():
        job = await road.assistant.accept(new_message(is_private=False))
        assert job and job.command == "note"
        assert await road.settle() == {JobState.REFUSED: 1}
    assert road.platform.shown == [] and road.platform.sent == [(job.message.message_id, Reply())]
    assert (await find(road, job)).is_told


async def test_a_short_wait_is_not_told(road: Road, new_message: NewMessage) -> None:
    road.engine.failures = [EngineBusy("429", retry_after_s=20)]
    async with road.running():
        await road.assistant.accept(new_message())
        assert await road.settle() == {JobState.DONE: 1}
    assert True not in [lasting for _, _, lasting in road.platform.shown]


async def test_a_reply_is_made_once_however_often_sending_fails(
    road: Road, new_message: NewMessage
) -> None:
    road.platform.failures = [PlatformBusy("timeout") for _ in range(9)]
    async with road.running():
        job = await road.assistant.accept(new_message())
        assert await road.settle() == {JobState.DONE: 1}
    assert (len(road.engine.calls), len(road.platform.sent)) == (1, 1)
    assert (await find(road, job)).attempts == 10, "five are no limit for what is not its fault"
    assert True not in [lasting for _, _, lasting in road.platform.shown], "it is about to come"


@pytest.mark.parametrize("error", [MessageGone(), StoreError("full"), bug()])
async def test_what_cannot_be_delivered_ends_as_a_dead_letter(
    road: Road, new_message: NewMessage, error: Exception
) -> None:
    road.platform.failures = [error] * 9  # type: ignore[list-item]
    async with road.running():
        job = await road.assistant.accept(new_message())
        assert await road.settle() == {JobState.DEAD: 1}
    assert len(road.platform.failures) == (8 if isinstance(error, MessageGone) else 4)
    assert (await find(road, job)).error == f"{type(error).__name__}" + (
        f": {error}" if isinstance(error, AssistantError) else ""
    )


async def test_a_chat_that_moved_gets_its_answer_where_it_is_now(
    road: Road, new_message: NewMessage
) -> None:
    road.platform.failures = [ChatMoved("-100500")]
    async with road.running():
        job = await road.assistant.accept(new_message())
        assert await road.settle() == {JobState.DONE: 1}
    found = await find(road, job)
    assert found.message.chat == Chat("test", "1", "-100500") and found.attempts == 1


async def test_a_chat_that_is_gone_is_called_once_until_somebody_comes_back(
    road: Road, new_message: NewMessage, clock: Clock
) -> None:
    async def gone_at() -> datetime | None:
        async with road.store._database.read() as connection:
            return (await connection.execute(select(chats.c.gone_at))).scalar_one()

    road.platform.failures = [ChatGone("blocked")] * 9
    for _ in range(5):
        await road.assistant.accept(new_message())
    async with road.running():
        assert await road.settle() == {JobState.CANCELLED: 5}
        assert len(road.platform.failures) == 8
        assert await gone_at() is not None
        road.platform.failures = []
        await road.assistant.accept(new_message())
        assert await gone_at() is None
        assert await road.settle() == {JobState.CANCELLED: 5, JobState.DONE: 1}


async def test_a_poison_message_does_not_hold_up_other_chats(
    road: Road, new_message: NewMessage, clock: Clock
) -> None:
    poison = new_message("bad")
    await road.assistant.accept(poison)
    road.engine.failures = [bug()]  # type: ignore[list-item]
    async with road.running():
        await clock.sleep(1)
        for number in range(20):
            await road.assistant.accept(new_message(str(number)))
        await clock.sleep(0.5)
        assert len(sent_to(road)) == 20 and poison.message_id not in sent_to(road)
        await road.settle()


async def test_so_many_jobs_run_at_once_and_no_more(
    road: Road, new_message: NewMessage, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[float] = []

    async def deliver(envelope: Envelope, reply: Reply) -> None:
        began.append(clock.monotonic())
        await clock.sleep(60)

    monkeypatch.setattr(road.platform, "deliver", deliver)
    for number in range(MAX_RUNNING + 3):
        await road.assistant.accept(asks_for_help(new_message, str(number)))
    async with road.running():
        assert await road.settle() == {JobState.DONE: MAX_RUNNING + 3}
    assert [s - began[0] for s in began] == [0.0] * 32 + [60.0] * 3


async def test_what_another_process_adds_is_seen_within_5_s(
    road: Road, new_message: NewMessage, clock: Clock
) -> None:
    async with road.running():
        await clock.sleep(100)
        await road.store.intake.add(asks_for_help(new_message), lambda m, s: m.command)
        await clock.sleep(5.5)
        assert sent_to(road) == ["1"]


async def test_a_job_is_run_when_it_becomes_due_whatever_waits_before_it(
    road: Road, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it becomes due while the table is looked at."""
    claim = road.store.jobs.claim

    async def claim_slowly() -> Job | None:
        job = await claim()
        await asyncio.sleep(0 if job else 1.9)
        return job

    monkeypatch.setattr(road.store.jobs, "claim", claim_slowly)
    road.engine.failures = [EngineBusy("503")] * 4
    for _ in range(3):
        await road.assistant.accept(new_message())
    async with road.running():
        assert await road.settle() == {JobState.DONE: 3}
    took_s = (road.engine.called_at[4] - road.engine.called_at[0]).total_seconds()
    assert took_s < 1.2 * 30 + 8 * 1.9 + 1, "none waited for the look that comes by itself"


def fail_thrice(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    failures = [StoreError("locked") for _ in range(3)]

    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        if failures:
            raise failures.pop()
        return await call(*args, **kwargs)

    return wrapped


async def test_a_database_that_is_locked_for_a_while_ends_nothing(
    road: Road, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    def fail_first(
        call: Callable[..., Awaitable[Any]], times: int
    ) -> Callable[..., Awaitable[Any]]:
        failures = [StoreError("locked")] * times

        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            if failures:
                raise failures.pop()
            return await call(*args, **kwargs)

        return wrapped

    store = road.store
    for part, name in [
        (store.jobs, "claim"), (store.jobs, "next_run_at"), (store.jobs, "finish"),
        (store.jobs, "run_later"), (store.schedules, "fire_due"), (store.retention, "purge"),
    ]:  # fmt: skip
        monkeypatch.setattr(part, name, fail_thrice(getattr(part, name)))
    road.engine.failures = [EngineBusy("503")]
    async with road.running():
        await road.assistant.accept(new_message())
        await clock.sleep(200)
        assert await store.jobs.counts() == {JobState.DONE: 1}
        assert len(road.platform.sent) == 1


class Chores:
    """What the worker does by itself, and when (seconds after its start)."""

    def __init__(self, road: Road, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.started_at = clock, clock.now()
        self.purged: list[float] = []
        self.fired: list[float] = []
        self.probed: list[float] = []
        self.due_at: datetime | None = self.started_at + timedelta(seconds=32)
        store = road.store
        monkeypatch.setattr(store.retention, "purge", self.purge)
        monkeypatch.setattr(store.schedules, "fire_due", self.fire_due)
        monkeypatch.setattr(store.schedules, "next_due_at", self.next_due_at)
        monkeypatch.setattr(store.jobs, "claim", self.find_nothing)
        monkeypatch.setattr(store.jobs, "next_run_at", self.find_nothing)
        platforms = road.assistant.platforms
        self.worker = Worker(store, road.assistant, platforms, self, clock)  # type: ignore[arg-type]

    def note(self, times: list[float], now: datetime) -> None:
        assert now == self.clock.now()
        times.append(round((now - self.started_at).total_seconds(), 3))

    async def purge(self, now: datetime) -> int:
        self.note(self.purged, now)
        return 0

    async def probe_due(self, now: datetime) -> None:
        self.note(self.probed, now)

    async def fire_due(self, now: datetime) -> int:
        self.note(self.fired, now)
        if self.due_at and self.due_at <= now:
            self.due_at = None
        return 0

    async def find_nothing(self, *_: object) -> None:
        """There are no jobs."""

    async def next_due_at(self) -> datetime | None:
        return self.due_at


async def test_what_comes_by_itself_comes_when_it_is_due(
    road: Road, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a start, what was sent meanwhile comes in first."""
    chores = Chores(road, clock, monkeypatch)
    task = asyncio.create_task(chores.worker.run())
    await clock.sleep(3633)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert chores.purged == [20, 3620]
    assert chores.fired[:4] == [20, 25, 30, 32] and chores.fired[-1] == pytest.approx(3630, abs=5)
    assert chores.probed == [600 * n for n in range(1, 7)]
    before = len(chores.fired)
    await clock.sleep(3600)
    assert len(chores.fired) == before, "it ends with the worker"


async def test_what_has_reached_its_end_is_deleted(
    road: Road, new_message: NewMessage, clock: Clock
) -> None:
    message = new_message()
    async with road.running():
        await road.assistant.accept(message)
        await road.settle()
        async with road.store._database.write() as connection:
            long_ago = datetime.now(UTC) - 20 * LONG_AGO
            await connection.execute(update(jobs).values(finished_at=long_ago))
        assert await road.assistant.recent(message.chat, 9)
        await clock.sleep(21)
        assert await road.assistant.recent(message.chat, 9) == []


async def test_stopping_leaves_the_rest_to_the_next_start(
    road: Road, new_message: NewMessage, clock: Clock
) -> None:
    road.engine.latency_s = 60.0
    worker = asyncio.create_task(road.worker.run())
    short, long = new_message("1"), new_message("2", language="zh")
    settings = await road.store.chats.settings(long.chat)
    await road.store.chats.save_settings(long.chat, replace(settings, language="zh"))
    await road.assistant.accept(short)
    await clock.sleep(57)
    await road.assistant.accept(long)
    await clock.sleep(1)
    stopping = asyncio.create_task(road.worker.stop())
    await clock.sleep(0.5)
    await road.assistant.accept(asks_for_help(new_message, "3"))
    await stopping
    assert sent_to(road) == [short.message_id], "it had 5 s; nothing new was begun"
    counts = await road.store.jobs.counts()
    assert counts == {JobState.DONE: 1, JobState.RUNNING: 1, JobState.WAITING: 1}
    await worker
    road.engine.latency_s = 0.0
    again = Road(road.store, road.engine, local_media())
    with capture_logs() as logs:
        async with again.running():
            assert await again.settle() == {JobState.DONE: 3}
    assert len(again.platform.sent) == 2
    assert [log["jobs"] for log in logs if "last process left" in log["event"]] == [1]
