"""The job runner: retries, order, restarts and notices."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from core.clock import Clock
from core.commands.buttons.failure import RETRY
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
from core.locale import translate
from core.models import Chat, ChatSettings, Job, JobState, Reply, TalkSettings
from core.operations.delays import DOWN
from core.operations.retries import decide
from tests.conftest import NewMessage, ask_for_help
from tests.support.loopback import Loopback

NOW, LONG_AGO = timedelta(0), timedelta(days=2)


def bug() -> Any:  # no AssistantError, which the engine's script wants
    return ValueError("what somebody said")


async def find(loopback: Loopback, job: Job | None) -> Job:
    found = await loopback.store.jobs.find(job.job_id) if job else None
    assert found
    return found


@pytest.mark.parametrize(
    ("error", "attempts", "age", "kind", "delay_s", "is_attempt"),
    [
        (UserError("no"), 1, NOW, "refuse", 0, True),
        (EngineRefused("no"), 1, NOW, "refuse", 0, True),
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
def test_the_error_decides_what_happens_to_a_job(
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
    delays = [decide(PlatformBusy("timeout"), 9, NOW).delay_s for _ in range(200)]
    assert 48 <= min(delays) < 50 and 70 < max(delays) <= 72, "a minute at most"


async def test_a_voice_note_is_answered_once(loopback: Loopback, new_message: NewMessage) -> None:
    message = new_message()
    labels = {"command": "transcribe", "state": "done"}
    before = REGISTRY.get_sample_value("hearsay_jobs_total", labels) or 0
    timed = REGISTRY.get_sample_value("hearsay_job_seconds_count") or 0
    async with loopback.running():
        for _ in range(3):
            await loopback.inbox.accept(message)
        assert await loopback.settle() == {JobState.DONE: 1}
    assert [(to, reply.quote) for to, reply in loopback.platform.sent] == [("1", "call 1")]
    assert REGISTRY.get_sample_value("hearsay_jobs_total", labels) == before + 1
    assert REGISTRY.get_sample_value("hearsay_job_seconds_count") == timed + 1


async def test_a_failed_call_is_tried_again_after_2_4_8_and_16_s(
    loopback: Loopback, new_message: NewMessage
) -> None:
    loopback.engine.failures = [EngineBusy("503"), EngineBadReply(), bug(), bug()]
    async with loopback.running():
        job = await loopback.inbox.accept(new_message())
        with capture_logs() as logs:
            assert await loopback.settle() == {JobState.DONE: 1}
    called_at = loopback.engine.called_at
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(called_at)]
    for wait_s, planned_s in zip(waits, (2, 4, 8, 16), strict=True):
        assert planned_s * 0.8 <= wait_s <= planned_s * 1.2
    assert len(loopback.platform.sent) == 1 and loopback.platform.shown[-1][1] == "call 5"
    failed = [log for log in logs if log["event"] == "failed"]
    errors = ["EngineBusy: 503", "EngineBadReply: EngineBadReply", "ValueError", "ValueError"]
    assert [log["error"] for log in failed] == errors
    assert [log["attempt"] for log in failed] == [1, 2, 3, 4]
    assert [bool(log["trace"]) for log in failed] == [False, False, True, True]
    assert "somebody said" not in str([log["error"] for log in failed])
    [ended] = [log for log in logs if log["event"] == "finished"]
    assert ended["seconds"] == pytest.approx(sum(waits), abs=0.01)
    assert (await find(loopback, job)).attempts == 5


@pytest.mark.finding(24)
async def test_what_the_sender_can_fix_is_no_warning(
    loopback: Loopback, new_message: NewMessage
) -> None:
    loopback.engine.failures = [UserError("Add a text."), EngineBusy("503")]
    async with loopback.running():
        with capture_logs() as logs:
            for _ in range(2):
                await loopback.inbox.accept(new_message())
                await loopback.settle()
    failed = [log for log in logs if log["event"] == "failed"]
    assert [log["log_level"] for log in failed] == ["info", "warning"]


async def test_after_five_attempts_the_failure_is_shown_once_with_retry(
    loopback: Loopback, new_message: NewMessage
) -> None:
    loopback.engine.failures = [bug() for _ in range(5)]
    async with loopback.running():
        job = await loopback.inbox.accept(new_message(language="zh"))
        assert await loopback.settle() == {JobState.DEAD: 1}
        assert job
        [(_, reply)] = loopback.platform.sent
        assert job.job_id in reply.text and not reply.text.isascii()
        [again] = reply.buttons
        assert (again.command, again.label) == ("retry", translate(RETRY, "zh")) != ("", RETRY)
        dead = await find(loopback, job)
        assert (dead.attempts, dead.error) == (5, "ValueError")
        loopback.engine.failures = [bug()]  # attempts start again
        press = new_message(attachment=None, button=reply.buttons[0].token)
        await loopback.inbox.accept(press)
        assert await loopback.settle() == {JobState.DONE: 2}
    assert [reply.quote for _, reply in loopback.platform.sent if reply.quote] == ["call 7"]


async def test_a_user_error_is_reported_at_once(
    loopback: Loopback, new_message: NewMessage
) -> None:
    loopback.engine.failures = [EngineRefused("422", reason="see https://bad.example")]
    async with loopback.running():
        await loopback.inbox.accept(new_message())
        await loopback.settle()
        [(_, foreign)] = loopback.platform.sent
        assert "bad" in foreign.text and "https://bad.example" not in foreign.text
        loopback.platform.recording = b"this is no sound"
        job = await loopback.inbox.accept(new_message(language="en"))
        await loopback.inbox.accept(new_message(language="zh"))
        assert await loopback.settle() == {JobState.REFUSED: 3}
    english, chinese = (reply for _, reply in loopback.platform.sent[1:])
    assert english.text.isascii() and not chinese.text.isascii()
    assert (english.buttons, len(loopback.engine.calls)) == ((), 1)
    assert (await find(loopback, job)).attempts == 1, "the notice is no further attempt"


async def test_a_waiting_job_lets_others_pass_after_its_notice(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    """Order within a chat: only a job with a notice is overtaken."""
    loopback.engine.failures = [EngineBusy("503"), *(EngineLocked("402") for _ in range(3))]
    async with loopback.running():
        slow = await loopback.inbox.accept(new_message(language="en"))
        await clock.sleep(0.1)
        helped = await loopback.inbox.accept(ask_for_help(new_message))
        await clock.sleep(1)
        assert loopback.platform.sent_to == [], (
            "the first one is to be tried again soon: it keeps its place"
        )
        await clock.sleep(2)
        assert helped and loopback.platform.sent_to == [helped.message.message_id]
        assert (await find(loopback, slow)).is_told
        # The gate gives up at once what waits for longer than 20 s; the chat goes on meanwhile.
        assert await loopback.store.jobs.counts() == {JobState.WAITING: 1, JobState.DONE: 1}
        assert await loopback.settle() == {JobState.DONE: 2}
    assert loopback.platform.shown[0] == (
        "1",
        DOWN.format(delay="I cannot transcribe this yet."),
        True,
    )
    assert [lasting for _, _, lasting in loopback.platform.shown].count(True) == 1, "one notice"


@pytest.mark.parametrize(
    ("error", "state"),
    [(EngineRefused("no"), JobState.REFUSED), (EngineBadReply(), JobState.DEAD)],
)
async def test_an_unasked_job_fails_silently(
    loopback: Loopback, new_message: NewMessage, error: AssistantError, state: JobState
) -> None:
    remembers = ChatSettings(talk=TalkSettings(remember_days=7))
    await loopback.store.chats.save_settings(new_message().chat, remembers)
    loopback.engine.failures = [EngineLocked("402"), *[error] * 5]
    async with loopback.running():
        job = await loopback.inbox.accept(new_message(is_private=False))
        assert job and job.command == "note"
        assert await loopback.settle() == {state: 1}
    assert loopback.platform.shown == [] and loopback.platform.sent == [
        (job.message.message_id, Reply())
    ]
    assert (await find(loopback, job)).is_told


async def test_a_reply_is_made_once_however_often_sending_fails(
    loopback: Loopback, new_message: NewMessage
) -> None:
    loopback.engine.failures = [EngineBusy("429", retry_after_s=15)]  # too short for a notice
    loopback.platform.failures = [PlatformBusy("timeout") for _ in range(9)]
    async with loopback.running():
        job = await loopback.inbox.accept(new_message())
        assert await loopback.settle() == {JobState.DONE: 1}
    assert (len(loopback.engine.calls), len(loopback.platform.sent)) == (2, 1)
    assert (await find(loopback, job)).attempts == 10, (
        "the limit of five is for failures of the job itself"
    )
    assert True not in [lasting for _, _, lasting in loopback.platform.shown], (
        "the reply is due soon"
    )


@pytest.mark.parametrize("error", [MessageGone(), StoreError("full"), bug()])
async def test_what_cannot_be_delivered_ends_as_a_dead_letter(
    loopback: Loopback, new_message: NewMessage, error: Exception
) -> None:
    loopback.platform.failures = [error] * 9  # type: ignore[list-item]
    async with loopback.running():
        job = await loopback.inbox.accept(new_message())
        assert await loopback.settle() == {JobState.DEAD: 1}
    assert len(loopback.platform.failures) == (8 if isinstance(error, MessageGone) else 4)
    assert (await find(loopback, job)).error == f"{type(error).__name__}" + (
        f": {error}" if isinstance(error, AssistantError) else ""
    )


async def test_a_chat_that_moved_gets_its_answer_where_it_is_now(
    loopback: Loopback, new_message: NewMessage
) -> None:
    loopback.platform.failures = [ChatMoved("-100500")]
    async with loopback.running():
        job = await loopback.inbox.accept(new_message())
        assert await loopback.settle() == {JobState.DONE: 1}
    found = await find(loopback, job)
    assert found.message.chat == Chat("test", "1", "-100500") and found.attempts == 1


async def test_a_chat_that_is_gone_is_tried_once_until_a_new_message(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    loopback.platform.failures = [ChatGone("blocked")] * 9
    for _ in range(5):
        await loopback.inbox.accept(new_message())
    async with loopback.running():
        assert await loopback.settle() == {JobState.CANCELLED: 5}
        assert len(loopback.platform.failures) == 8
        loopback.platform.failures = []
        await loopback.inbox.accept(new_message())
        assert await loopback.settle() == {JobState.CANCELLED: 5, JobState.DONE: 1}
