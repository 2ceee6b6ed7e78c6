"""One call in flight per paid result: whoever else wants it shares what becomes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.clock import Clock
from core.errors import EngineRefused
from core.models import Button, Chat, Job, JobState, Message, Reply
from tests.conftest import NewMessage
from tests.support.loopback import Loopback

pytestmark = pytest.mark.finding(4)


async def take(loopback: Loopback, messages: list[Message]) -> list[Job]:
    jobs = [await loopback.inbox.accept(message) for message in messages]
    assert all(jobs)
    return [job for job in jobs if job]


def notes(new_message: NewMessage, count: int) -> list[Message]:
    """Return the same recording in as many chats: their jobs run side by side."""
    return [new_message(chat=Chat("test", "1", str(100 + number))) for number in range(count)]


async def test_one_recording_in_many_chats_is_transcribed_once(
    loopback: Loopback, new_message: NewMessage
) -> None:
    loopback.engine.latency_s = 5.0
    async with loopback.running():
        await take(loopback, notes(new_message, 20))
        assert await loopback.settle() == {JobState.DONE: 20}
    assert len(loopback.engine.calls) == 1
    assert {reply.quote for _, reply in loopback.platform.sent} == {"call 1"}


async def test_what_fails_for_one_fails_for_all_who_wait(
    loopback: Loopback, new_message: NewMessage
) -> None:
    """The same call again would only be refused, and charged, again."""
    loopback.engine.latency_s = 5.0
    loopback.engine.failures = [EngineRefused("422", reason="no")]
    async with loopback.running():
        await take(loopback, notes(new_message, 5))
        assert await loopback.settle() == {JobState.REFUSED: 5}
    assert len(loopback.engine.calls) == 1


async def test_the_call_goes_on_for_the_others_when_the_first_is_cancelled(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    loopback.engine.latency_s = 5.0
    messages = notes(new_message, 5)
    async with loopback.running():
        await take(loopback, messages[:1])
        await clock.sleep(1)
        await take(loopback, messages[1:])
        await clock.sleep(1)
        await loopback.inbox.forget(messages[0].chat, messages[0].message_id)
        assert await loopback.settle() == {JobState.CANCELLED: 1, JobState.DONE: 4}
    assert len(loopback.engine.calls) == 1


async def test_the_call_ends_when_all_who_wait_are_cancelled(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    loopback.engine.latency_s = 5.0
    messages = notes(new_message, 3)
    async with loopback.running():
        await take(loopback, messages)
        await clock.sleep(1)
        for message in messages:
            await loopback.inbox.forget(message.chat, message.message_id)
        assert await loopback.settle() == {JobState.CANCELLED: 3}
        # Nothing was stored: it is called again.
        await take(loopback, notes(new_message, 4)[3:])
        assert await loopback.settle() == {JobState.CANCELLED: 3, JobState.DONE: 1}
    assert len(loopback.engine.calls) == 2


async def test_to_wait_for_the_call_of_another_is_no_stall(
    loopback: Loopback, new_message: NewMessage
) -> None:
    """The first one's engine is slow: a wait of two minutes does not fail the others."""
    loopback.engine.limits = replace(loopback.engine.limits, is_slow=True)
    loopback.transcription.gate._limits = loopback.engine.limits
    loopback.engine.latency_s = 120.0
    async with loopback.running():
        await take(loopback, notes(new_message, 5))
        assert await loopback.settle() == {JobState.DONE: 5}
    assert len(loopback.engine.calls) == 1


async def offer(loopback: Loopback, new_message: NewMessage) -> str:
    """Deliver a reply with a button, and return the button's token."""
    [job] = await take(loopback, [new_message(attachment=None, command="help")])
    await loopback.settle()
    listen = Reply("words", buttons=(Button("Listen", "listen", "Read this aloud."),))
    await loopback.store.jobs.redo(job.job_id, listen)
    found = await loopback.store.jobs.find(job.job_id)
    assert found and found.reply
    loopback.worker.wake()
    await loopback.settle()
    loopback.platform.sent.clear()
    return found.reply.buttons[0].token


async def test_a_button_pressed_four_times_is_answered_once(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    """Also when the answer is there before the last press; later it is a wish of its own."""
    async with loopback.running():
        press = new_message(attachment=None, button=await offer(loopback, new_message))
        presses = [replace(press, message_id=f"press {number}") for number in range(4)]
        assert [bool(await loopback.inbox.accept(one)) for one in presses[:3]] == [1, 0, 0]
        await loopback.settle()
        assert await loopback.inbox.accept(presses[3]) is None
        assert len(loopback.platform.sent) == 1
        other = replace(press, message_id="theirs", sender_id="another person")
        assert await loopback.inbox.accept(other), "each person has an answer"
        await clock.sleep(5)
        assert await loopback.inbox.accept(replace(press, message_id="later"))
        await loopback.settle()
    # Each person's private chats share what was made for them.
    assert len(loopback.platform.sent) == 3 and len(loopback.synthesizer.utterances) == 2


async def test_another_try_of_a_cancelled_press_is_taken(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    async with loopback.running():
        press = new_message(attachment=None, button=await offer(loopback, new_message))
    await loopback.inbox.accept(press)
    assert await loopback.inbox.accept(replace(press, message_id="again")) is None
    again = Loopback(loopback.store, loopback.engine)
    async with again.running():
        await again.settle()
        await clock.sleep(5)
        assert await again.inbox.accept(replace(press, message_id="once more"))
        await again.settle()
    assert len(again.platform.sent) == 2
