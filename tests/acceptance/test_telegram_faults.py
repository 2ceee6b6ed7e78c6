"""G: faults of Telegram: refusals, losses, delays and moves, each in the chat of its row.

One row of each kind: all others, and G4, G5, G10, G13 and G15, are in `tests.telegram_bot`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from core.models import JobState
from tests.acceptance.conftest import Open
from tests.acceptance.stage import Stage
from tests.chaos.notes import read_number
from tests.chaos.report import row
from tests.chaos.running_program import wait_for
from tests.emulators.telegram import RecordedRequest
from tests.support.virtual_time import current_clock

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]

#: Not ready after the first two together, given up after the third: not 50 and 300 s.
QUICK_POLLS = {
    f"bots.telegram_bot.{name}": value
    for name, value in {
        "polling:POLL_S": 1.0, "polling:GRACE_S": 1.0, "client:GIVE_UP_S": 4.0,
        "client:FIRST_WAIT_S": 0.1, "client:MAX_WAIT_S": 0.5,
    }.items()
}  # fmt: skip
_WRITES = ("sendmessage", "editmessagetext", "senddocument", "sendmessagedraft", "deletemessage")


def all_calls(stage: Stage, chat: int) -> list[RecordedRequest]:
    with stage.telegram.world.lock:
        return [call for call in stage.telegram.requests if call.chat_id == chat]


def writes(stage: Stage, chat: int) -> list[RecordedRequest]:
    """Return every call that shows something in a chat."""
    return [call for call in all_calls(stage, chat) if call.method.lower() in _WRITES]


@row("G1-2s", "429 on one chat: only that chat waits, then one reply")
async def test_one_chat_is_told_to_wait(stage: Stage, row: str) -> None:
    slow, other = stage.person(), stage.person()
    stage.telegram.fault("send*", "status", status=429, retry_after=2, chat_id=slow)
    _, number = await stage.send_note(slow)
    await stage.telegram.wait_for(lambda: any(c.status == 429 for c in all_calls(stage, slow)))
    _, others = await stage.send_note(other)
    await stage.check_answer(other, others)
    await stage.check_answer(slow, number)
    calls = all_calls(stage, slow)
    [told] = [at for at, call in enumerate(calls) if call.status == 429]
    assert all(call.received_at >= calls[told].responded_at + 2 for call in calls[told + 1 :])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fast_stage(open_stage: Open) -> AsyncIterator[Stage]:
    """A program with a faster clock, for faults that affect all chats."""
    async with open_stage(speed=20) as stage:
        yield stage


@pytest.mark.parametrize(
    ("row", "fault", "fields", "polls", "least", "most"),
    [
        pytest.param("429 on every call: the whole bot pauses, then one reply each",
                     "status", {"status": 429, "retry_after": 5}, 2, 12, 24, id="G2-everything"),
        pytest.param("502 as HTML on most calls: none lost, one reply each",
                     "html", {"status": 502, "probability": 0.7}, None, 25, 999, id="G6-storm"),
    ],
)  # fmt: skip
async def test_all_calls_fail(
    fast_stage: Stage,
    row: str,
    fault: Any,
    fields: dict[str, Any],
    polls: int | None,
    least: int,
    most: int,
) -> None:
    telegram, billed = fast_stage.telegram, len(fast_stage.mimo.billed)

    def count_refused() -> int:
        with telegram.world.lock:
            return sum(call.status == fields["status"] for call in telegram.requests)

    # Not of files: one that Telegram does not give is refused after half a minute.
    for pattern in ("send*", "edit*", "delete*"):
        telegram.fault(pattern, fault, count=None, **fields)
    telegram.fault("getUpdates", fault, count=polls, **fields)
    people = [fast_stage.person() for _ in range(4)]
    numbers = [(await fast_stage.send_note(person))[1] for person in people]
    await telegram.wait_for(lambda: count_refused() >= least)
    telegram.clear_faults()
    for person, number in zip(people, numbers, strict=True):
        await fast_stage.check_answer(person, number, timeout_s=30)
    assert count_refused() <= most
    assert len(fast_stage.mimo.billed) == billed + 4


@row("G3-401-for-ever", "401 on every poll: not ready, then an exit code")
async def test_every_poll_is_refused(open_stage: Open, row: str) -> None:
    async with open_stage(constants=QUICK_POLLS) as stage:
        assert await stage.is_alive()
        assert "503" not in await stage.web("/readyz")
        stage.telegram.fault("getUpdates", "status", status=401, count=None)
        await wait_for(lambda: stage.bot.page("/readyz")[0] == 503, 30, every_s=0.1)
        assert await stage.bot.wait_for_exit() != 0
        assert "Telegram rejects the bot's token" in stage.bot.log


@row("G16-25-hours", "no poll for 25 h: reported to the operator, no crash")
async def test_a_day_without_telegram_is_survived(
    open_stage: Open, tmp_path: Path, row: str
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    async with open_stage(clock=str(clock), constants=QUICK_POLLS) as stage:
        assert await stage.is_alive()
        telegram = stage.telegram
        telegram.fault("getUpdates", "close", count=None)
        polls = telegram.requests_to
        await telegram.wait_for(lambda: any(c.fault == "close" for c in polls("getUpdates")))
        lost = stage.person()
        await stage.send_note(lost)
        telegram.advance(hours=25)
        clock.write_text("90000")
        telegram.clear_faults()
        ann = stage.person()
        _, number = await stage.send_note(ann)
        await stage.check_answer(ann, number)
        await wait_for(lambda: "telegram_gap" in stage.bot.log, 5)
        assert not telegram.replies(lost)  # Telegram itself keeps nothing longer than 24 h


@row("G7-plain", "the response to a send is lost: at most 2 messages, counted")
async def test_a_lost_response_makes_at_most_two_messages(stage: Stage, row: str) -> None:
    ann = stage.person()
    before = await stage.metric("hearsay_ambiguous_sends_total")
    stage.telegram.fault("sendMessage", "lose_reply", chat_id=ann)
    _, number = await stage.send_note(ann)
    [job] = await stage.settle(ann)
    answers = stage.telegram.replies(ann)
    assert job.state is JobState.DONE
    assert 1 <= len(answers) <= 2
    assert {read_number(answer.text) for answer in answers} == {number}
    assert await stage.metric("hearsay_ambiguous_sends_total") == before + len(answers) - 1


@row("G8-after", "migrated on send, announced after: 1 answer, new chat, settings moved")
async def test_a_migrated_group_keeps_its_settings(stage: Stage, row: str) -> None:
    ann, telegram = stage.person(), stage.telegram
    old = stage.group(kind="group", person=ann)
    telegram.send_command(old, ann, "/auto on")
    await stage.settle(old)
    before = len(telegram.replies(old))
    async with stage.slow_engine() as wait_for_call:
        _, number = await stage.send_note(old, ann)
        await wait_for_call()
    new = telegram.migrate(old, is_announced=False)
    service = {
        "message_id": 9000, "date": int(current_clock().now().timestamp()),
        "chat": {"id": old, "type": "group", "title": "Group"}, "migrate_to_chat_id": new,
    }  # fmt: skip
    telegram.raw_update({"message": service})
    telegram.redeliver(telegram.raw_update({"message": service}))
    jobs = await stage.settle(new, 2)
    [answer] = telegram.replies(new)
    assert read_number(answer.text) == number
    assert [job.state for job in jobs] == [JobState.DONE] * 2
    assert not await stage.jobs(old)
    assert len(telegram.replies(old)) == before
    # The setting came along: the next note is written down unasked, once. In the very second of
    # the move it may be answered without a reference, since message ids began anew.
    _, number = await stage.send_note(new, ann)
    await stage.settle(new, 3)
    assert [read_number(one.text) for one in telegram.replies(new)[1:]] == [number]


@row("G9-blocked", "blocked: jobs cancelled, few calls; unblocked: answered again")
async def test_a_blocked_bot_cancels_its_jobs(stage: Stage, row: str) -> None:
    ann, telegram = stage.person(), stage.telegram
    await stage.send_note(ann)
    await stage.settle(ann)
    async with stage.slow_engine() as wait_for_call:
        for _ in range(3):
            await stage.send_note(ann)
        await wait_for_call()
    telegram.block(ann)
    left_at = telegram.world.clock.monotonic()
    jobs = await stage.settle(ann, 4)
    assert [job.state for job in jobs] == [JobState.DONE, *[JobState.CANCELLED] * 3]
    assert await stage.is_alive()
    # One for the answer; the text so far may be under way beside it.
    assert len([call for call in writes(stage, ann) if call.received_at > left_at]) <= 2
    assert len(telegram.replies(ann, has_deleted=True)) == 1
    telegram.unblock(ann)
    _, number = await stage.send_note(ann)
    await stage.settle(ann, 5)
    assert [read_number(one.text) for one in telegram.replies(ann)[1:]] == [number]


@row("G11-forbidden", "CHAT_WRITE_FORBIDDEN: cancelled")
async def test_a_forbidden_chat_cancels_its_jobs(stage: Stage, row: str) -> None:
    ann, telegram = stage.person(), stage.telegram
    group = stage.group(person=ann, is_write_forbidden=True)
    await stage.ask_note(group, ann)
    telegram.send_command(group, ann, "/help")
    jobs = await stage.settle(group, 2)
    assert [job.state for job in jobs] == [JobState.CANCELLED] * 2
    assert jobs[0].error == "ChatGone"
    assert len(writes(stage, group)) <= 2
    assert "chat_write_forbidden" in stage.bot.log.lower()


@row("G14-cut", "the download is cut, its size unknown: repeated and transcribed")
async def test_a_cut_download_is_repeated(stage: Stage, row: str) -> None:
    ann = stage.person()
    stage.telegram.fault("download", "cut")
    before = len(stage.telegram.requests_to("download"))
    _, number = await stage.send_note(ann, claims={"claimed_bytes": None})
    await stage.check_answer(ann, number)
    faults = [download.fault for download in stage.telegram.requests_to("download")[before:]]
    assert faults[0] == "cut" and len(faults) > 1 and not faults[-1]
