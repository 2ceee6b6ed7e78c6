"""G: Telegram refuses, loses, delays and moves. Each fault is bound to its row's own chat.

What ends within the bot for Telegram is in `tests.telegram_bot`: G4, G5, G10, G13, G15.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest

from core.models import JobState
from tests.acceptance.conftest import Open
from tests.acceptance.stage import Stage
from tests.chaos.bot import wait_for
from tests.chaos.notes import read_number
from tests.chaos.report import row
from tests.emulators.telegram import Call, Message

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]

#: Not ready after the first two together, given up after the third: not 50 and 300 s.
QUICK_POLLS = {
    f"bots.telegram_bot.polling:{name}": value
    for name, value in {
        "POLL_S": 1.0, "GRACE_S": 1.0, "GIVE_UP_S": 4.0, "FIRST_WAIT_S": 0.1, "MAX_WAIT_S": 0.5,
    }.items()
}  # fmt: skip
_WRITES = ("sendmessage", "editmessagetext", "senddocument", "sendmessagedraft", "deletemessage")


def writes(stage: Stage, chat: int) -> list[Call]:
    """Return every call that shows something in a chat."""
    telegram = stage.telegram
    found = [call for method in _WRITES for call in telegram.calls_of(method, chat=chat)]
    return sorted(found, key=lambda call: call.at)


def _refused(stage: Stage, status: int) -> list[Call]:
    with stage.telegram.world.lock:
        return [call for call in stage.telegram.calls if call.status == status]


def all_calls(stage: Stage, chat: int) -> list[Call]:
    with stage.telegram.world.lock:
        return [call for call in stage.telegram.calls if call.chat_id == chat]


# --- G1, G2: too many requests


@row("G1-2s", "429 on one chat: it alone waits as told, then one answer")
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
    assert all(call.at >= calls[told].answered_at + 2 for call in calls[told + 1 :])


@row("G1-3600s", "429 for an hour: back to the queue, answered later")
async def test_one_chat_is_told_to_wait_long(open_stage: Open, row: str) -> None:
    async with open_stage() as stage:
        slow, other = stage.person(), stage.person()
        stage.telegram.fault("send*", "status", status=429, retry_after=3600, chat_id=slow)
        _, number = await stage.send_note(slow)
        await stage.telegram.wait_for(lambda: any(c.status == 429 for c in all_calls(stage, slow)))
        told_at = datetime.now(UTC)
        _, others = await stage.send_note(other)
        await stage.check_answer(other, others)
        await wait_for(lambda: '"then": "retry"' in stage.bot.log, 20)
        [job] = await stage.jobs(slow)
        assert job.state is JobState.WAITING
        assert (job.run_at - told_at).total_seconds() > 3600 - 2
        assert all_calls(stage, slow)[-1].status == 429
        assert await stage.bot.stop() == 0
        # The time told has passed: nobody waits an hour here.
        with closing(sqlite3.connect(stage.bot.home / "hearsay.db")) as database, database:
            database.execute("update jobs set run_at = created_at where state = 'waiting'")
        await stage.bot.start()
        await stage.check_answer(slow, number)
        assert len(stage.mimo.billed) == 2


@row("G2-everything", "429 on every call: the whole bot pauses, then all is answered once")
async def test_everybody_is_told_to_wait(open_stage: Open, row: str) -> None:
    async with open_stage(haste=10) as stage:
        telegram = stage.telegram
        telegram.fault("*", "status", status=429, retry_after=5, count=None)
        people = [stage.person() for _ in range(5)]
        numbers = [(await stage.send_note(person))[1] for person in people]
        await telegram.wait_for(lambda: len(_refused(stage, 429)) >= 3)
        telegram.clear_faults()
        for person, number in zip(people, numbers, strict=True):
            await stage.check_answer(person, number, timeout_s=30)
        assert len(_refused(stage, 429)) <= 3 * 5
        assert len(stage.mimo.billed) == 5


# --- G3 to G6, G16: receiving


@row("G3-401-for-ever", "401 on every poll: not ready, then an exit code")
async def test_every_poll_is_refused(open_stage: Open, row: str) -> None:
    async with open_stage(constants=QUICK_POLLS) as stage:
        assert await stage.is_alive()
        assert "503" not in await stage.web("/readyz")
        stage.telegram.fault("getUpdates", "status", status=401, count=None)
        await wait_for(lambda: stage.bot.page("/readyz")[0] == 503, 30, every_s=0.1)
        assert await stage.bot.ended() != 0
        assert "Telegram does not take the bot's token" in stage.bot.log


def _has_met(stage: Stage, fault: str) -> bool:
    return any(call.fault == fault for call in stage.telegram.calls_of("getUpdates"))


@row("G6-storm", "502 as HTML on most calls: lost 0, one answer each")
async def test_a_storm(open_stage: Open, row: str) -> None:
    async with open_stage(haste=20) as stage:
        telegram = stage.telegram
        telegram.fault("*", "html", status=502, probability=0.7, count=None)
        people = [stage.person() for _ in range(4)]
        numbers = [(await stage.send_note(person))[1] for person in people]
        await telegram.wait_for(lambda: len(_refused(stage, 502)) >= 25)
        telegram.clear_faults()
        for person, number in zip(people, numbers, strict=True):
            await stage.check_answer(person, number, timeout_s=30)
        assert len(stage.mimo.billed) == 4


@row("G16-25-hours", "no poll for 25 h: told to the operator, no crash, goes on")
async def test_a_day_without_telegram(open_stage: Open, row: str) -> None:
    async with open_stage() as first:
        clock = first.bot.home.parent / "clock"
        clock.write_text("0")
        await first.bot.stop()
        await first.bot.start(clock=str(clock), constants=QUICK_POLLS)
        assert await first.is_alive()
        telegram = first.telegram
        telegram.fault("getUpdates", "close", count=None)
        await telegram.wait_for(lambda: _has_met(first, "close"))
        lost = first.person()
        await first.send_note(lost)
        telegram.advance(hours=25)
        clock.write_text("90000")
        telegram.clear_faults()
        ann = first.person()
        _, number = await first.send_note(ann)
        await first.check_answer(ann, number)
        await wait_for(lambda: "telegram_gap" in first.bot.log, 5)
        assert not telegram.answers(lost)  # Telegram itself keeps nothing longer than 24 h


# --- G7 to G13: sending


@row("G7-plain", "a send is taken and its answer lost: at most 2, counted")
async def test_a_lost_answer(stage: Stage, row: str) -> None:
    ann = stage.person()
    before = await stage.metric("hearsay_ambiguous_sends_total")
    stage.telegram.fault("sendMessage", "lose_reply", chat_id=ann)
    _, number = await stage.send_note(ann)
    [job] = await stage.settle(ann)
    answers = stage.telegram.answers(ann)
    assert job.state is JobState.DONE
    assert 1 <= len(answers) <= 2
    assert {read_number(answer.text) for answer in answers} == {number}
    assert await stage.metric("hearsay_ambiguous_sends_total") == before + len(answers) - 1


@row("G8-before", "migrated before the note: settings moved, answered in the new chat")
async def test_moved_before(stage: Stage, row: str) -> None:
    ann = stage.person()
    old = stage.group(kind="group", person=ann)
    stage.telegram.send_command(old, ann, "/language zh")
    await stage.settle(old)
    new = stage.telegram.migrate(old)
    ask, number = await stage.ask_note(new, ann)
    answer = await _find_answer(stage, new, ask, count=2)
    assert read_number(answer.text) == number
    assert (await stage.store.chats.settings(stage.chat(new))).language == "zh"
    [call] = [call for call in stage.mimo.calls if read_number(call.text) == number]
    assert call.language == "zh"


async def _find_answer(stage: Stage, chat: int, message: int, count: int) -> Message:
    await stage.settle(chat, count)
    [answer] = stage.telegram.answers_to(chat, message)
    return answer


@pytest.mark.parametrize(
    ("row", "announced"),
    [
        pytest.param("migrated on send, announced after: 1 answer, new chat", True, id="G8-after"),
        pytest.param("migrated on send, never announced: 1 answer, new chat", False, id="G8-never"),
    ],
)
async def test_moved_on_send(stage: Stage, row: str, announced: bool) -> None:
    ann, telegram = stage.person(), stage.telegram
    old = stage.group(kind="group", person=ann)
    telegram.send_command(old, ann, "/auto on")
    await stage.settle(old)
    before = len(telegram.answers(old))
    async with stage.slow_engine() as until_heard:
        _, number = await stage.send_note(old, ann)
        await until_heard()
    new = telegram.migrate(old, is_announced=False)
    if announced:
        service = {
            "message_id": 9000, "date": int(time.time()),
            "chat": {"id": old, "type": "group", "title": "Group"}, "migrate_to_chat_id": new,
        }  # fmt: skip
        telegram.raw_update({"message": service})
        telegram.redeliver(telegram.raw_update({"message": service}))
    jobs = await stage.settle(new, 2)
    [answer] = telegram.answers(new)
    assert read_number(answer.text) == number
    assert [job.state for job in jobs] == [JobState.DONE] * 2
    assert not await stage.jobs(old)
    assert len(telegram.answers(new)) == 1 and len(telegram.answers(old)) == before
    # The setting came along: the next note is written down unasked, once. In the very second of
    # the move it may be answered without a reference, since message ids began anew.
    _, number = await stage.send_note(new, ann)
    await stage.settle(new, 3)
    assert [read_number(one.text) for one in telegram.answers(new)[1:]] == [number]


@pytest.mark.parametrize(
    ("row", "how"),
    [
        pytest.param("blocked: jobs cancelled, no call after the answer", "block", id="G9-blocked"),
        pytest.param("kicked: jobs cancelled, no call after the answer", "kick", id="G9-kicked"),
    ],
)
async def test_nobody_is_there(stage: Stage, row: str, how: str) -> None:
    ann, telegram = stage.person(), stage.telegram
    chat = ann
    if how == "kick":
        chat = stage.group(person=ann)
        telegram.send_command(chat, ann, "/auto on")
        await stage.settle(chat)
    else:
        await stage.send_note(chat)
        await stage.settle(chat)
    async with stage.slow_engine() as until_heard:
        for _ in range(3):
            await stage.send_note(chat, ann)
        await until_heard()
    _leave(stage, chat, ann, how)
    left_at = telegram.world.clock.monotonic()
    jobs = await stage.settle(chat, 4)
    assert [job.state for job in jobs] == [JobState.DONE, *[JobState.CANCELLED] * 3]
    assert await stage.is_alive()
    # One for the answer; the text so far may be under way beside it.
    assert len([call for call in writes(stage, chat) if call.at > left_at]) <= 2
    assert len(telegram.answers(chat, has_deleted=True)) == 1


def _leave(stage: Stage, chat: int, ann: int, how: str) -> None:
    telegram = stage.telegram
    if how == "block":
        telegram.block(ann)
    else:
        telegram.kick(chat, ann)


@row("G9-back", "somebody who unblocks the bot is answered again")
async def test_somebody_comes_back(stage: Stage, row: str) -> None:
    ann = stage.person()
    stage.telegram.block(ann)
    stage.telegram.send_command(ann, ann, "/help")
    assert [job.state for job in await stage.settle(ann)] == [JobState.CANCELLED]
    stage.telegram.unblock(ann)
    _, number = await stage.send_note(ann)
    await stage.settle(ann, 2)
    await stage.check_answer(ann, number)


@row("G11-forbidden", "CHAT_WRITE_FORBIDDEN: cancelled")
async def test_nothing_may_be_said(stage: Stage, row: str) -> None:
    ann, telegram = stage.person(), stage.telegram
    group = stage.group(person=ann, is_write_forbidden=True)
    await stage.ask_note(group, ann)
    telegram.send_command(group, ann, "/help")
    jobs = await stage.settle(group, 2)
    assert [job.state for job in jobs] == [JobState.CANCELLED] * 2
    assert jobs[0].error == "ChatGone"
    assert len(writes(stage, group)) <= 2
    assert "chat_write_forbidden" in stage.bot.log.lower()


# G12, VOICE_MESSAGES_FORBIDDEN: the program sends no voice messages yet, so there is no row.


# --- G14: downloads

FILE_GONE = "Telegram no longer has this file. Please send it again."


@row("G14-expired-always", "every link has expired: getFile once more, then a clear message")
async def test_links_expire(stage: Stage, row: str) -> None:
    ann = stage.person()
    before = len(stage.telegram.calls_of("getFile"))
    stage.telegram.fault("download", "status", status=404, count=2)
    await stage.send_note(ann)
    assert (await stage.reply(ann)).text == FILE_GONE
    assert len(stage.telegram.calls_of("getFile")) == before + 2


@row("G14-cut", "the download is cut at 50 %: again, the whole note is heard")
async def test_download_cut(stage: Stage, row: str) -> None:
    ann = stage.person()
    stage.telegram.fault("download", "cut")
    _, number = await stage.send_note(ann)
    await stage.check_answer(ann, number)


@pytest.mark.parametrize(
    ("row", "claim"),
    [
        pytest.param("the size is said to be smaller: answered", 10, id="G14-size-smaller"),
        pytest.param("the size is not said: answered", None, id="G14-size-missing"),
    ],
)
async def test_size_lies(stage: Stage, row: str, claim: int | None) -> None:
    ann = stage.person()
    _, number = await stage.send_note(ann, claims={"claimed_bytes": claim})
    await stage.check_answer(ann, number)
