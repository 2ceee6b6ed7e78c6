"""One honest clock: what takes more than half a minute says so at once, and how long."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from core.clock import Clock
from core.errors import EngineLocked
from core.interfaces import DeliveryTarget, TranscriberLimits
from core.models import CANCEL_TOKEN, Attachment, Chat, Job, JobState, Message
from core.operations.delays import QUEUED, SLOW
from core.store import Store
from core.transcription.reports import TICK_S, ProgressReport
from tests.conftest import NewMessage
from tests.support import audio_samples
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.support.thread_media import ThreadMedia

Note = Callable[..., Message]
BEGUN, HELD = "0% · 0:00 of 0:03", "waiting for the AI service"
IN_QUEUE = r"Your message is kept: place \d in the queue, about \d+ min\."
IN_TURN = r"Your message is kept and waits for its turn, about \d+ min\."
ONE_A_MINUTE = TranscriberLimits(calls_per_minute=1, concurrency=2)


@pytest.fixture
async def busy(store: Store) -> AsyncIterator[Loopback]:
    """An engine that takes one call a minute, and recordings of three seconds and more."""
    loopback = Loopback(store, ScriptedTranscriber(ONE_A_MINUTE), ThreadMedia())

    async def fetch(message: Message) -> bytes:
        return audio_samples.file("wav", audio_samples.speech(3.0 + int(message.message_id) / 10))

    loopback.platform.fetch = fetch  # type: ignore[method-assign]
    async with loopback.running():
        yield loopback


@pytest.fixture
def note(new_message: NewMessage) -> Note:
    def make(person: str, **changes: object) -> Message:
        changes = {"attachment": Attachment("f", duration_s=3.0), "language": "en"} | changes
        return new_message(person, sender_id=person, **changes)

    return make


def texts(loopback: Loopback, message: Message) -> list[str]:
    """What was shown to last below a message."""
    return [
        text for to, text, is_lasting in loopback.platform.shown
        if to == message.message_id and is_lasting
    ]  # fmt: skip


def press_cancel(job: Job | None) -> Message:
    """Return the press of the button under what is told about a job."""
    assert job
    return replace(
        job.message,
        message_id=f"press {job.job_id}",
        button=f"{CANCEL_TOKEN}{job.job_id}",
        attachment=None,
    )


async def accept_in_turn(
    loopback: Loopback, clock: Clock, messages: list[Message]
) -> list[Job | None]:
    """Accept messages a second apart: of those of one moment, any may be the first at the gate."""
    jobs = []
    for message in messages:
        jobs.append(await loopback.inbox.accept(message))
        await clock.sleep(1)
    return jobs


def seconds_left(shown: list[str]) -> list[int]:
    found = re.findall(r"about (\d+) (s|min) left", "\n".join(shown))
    return [int(count) * (60 if unit == "min" else 1) for count, unit in found]


async def test_who_has_to_wait_is_told_at_once_how_long(
    busy: Loopback, note: Note, clock: Clock
) -> None:
    messages = [note(person) for person in "abcd"]
    await accept_in_turn(busy, clock, messages)
    first = [texts(busy, message)[:1] for message in messages]
    assert first == [
        [],
        [f"{BEGUN} · about 60 s left · {HELD}"],
        [f"{BEGUN} · place 2 in the queue · about 2 min left · {HELD}"],
        [f"{BEGUN} · place 3 in the queue · about 3 min left · {HELD}"],
    ]
    assert await busy.settle() == {JobState.DONE: 4}
    for message in messages[1:]:
        left = seconds_left(texts(busy, message))
        assert left == sorted(left, reverse=True) and left[-1] == 10, "it counts down"
        assert not {SLOW, QUEUED} & {*texts(busy, message)}


async def test_the_end_that_is_told_is_the_end(busy: Loopback, note: Note, clock: Clock) -> None:
    """Also after one goes away, and after another who goes first has come."""
    told: list[tuple[str, float]] = []
    show = busy.platform.show

    async def record(target: DeliveryTarget, text: str, *, is_lasting: bool = False) -> None:
        if left := seconds_left([text]):
            told.append((target.message.message_id, clock.monotonic() + left[0]))
        await show(target, text, is_lasting=is_lasting)

    busy.platform.show = record  # type: ignore[method-assign]
    messages = [note(person) for person in "abcdef"]
    jobs = await accept_in_turn(busy, clock, messages)
    await clock.sleep(24)
    await busy.inbox.accept(press_cancel(jobs[2]))
    await clock.sleep(60)
    messages.append(note("g"))
    await busy.inbox.accept(messages[-1])
    ended_s = dict[str, float]()
    while not {one.message_id for one in messages} <= ended_s.keys():
        await clock.sleep(1)
        for message_id in busy.platform.sent_to:
            ended_s.setdefault(message_id, clock.monotonic())
    for message in messages[3:]:
        ends = [end_s for to, end_s in told if to == message.message_id]
        errors = [abs(end_s - ended_s[message.message_id]) for end_s in ends]
        # One call a minute: at first the end is known but for the one that went away, and what is
        # more than a minute and a half is told in minutes.
        assert max(errors) <= 90 and max(errors[len(errors) // 2 :]) <= 35, errors
        assert errors[-1] <= 15


@pytest.mark.parametrize("stage", ["queue", "gate", "call"])
async def test_what_is_told_can_be_cancelled_at_each_stage(
    store: Store, note: Note, clock: Clock, stage: str
) -> None:
    limits = TranscriberLimits(concurrency=1)
    if stage == "gate":
        limits = TranscriberLimits(calls_per_minute=1, concurrency=2)
    loopback = Loopback(store, ScriptedTranscriber(limits), ThreadMedia())
    loopback.engine.latency_s = 60.0 if stage == "call" else 10.0
    async with loopback.running():
        for number in range({"queue": 36, "gate": 1, "call": 0}[stage]):
            await loopback.inbox.accept(note(f"person {number}"))
        await clock.sleep(45 if stage == "queue" else 1)
        mine = note("mine")
        job = await loopback.inbox.accept(mine)
        await clock.sleep(8)
        calls = len(loopback.engine.calls)
        is_told = bool(texts(loopback, mine)) or mine.message_id in loopback.platform.cancellable
        assert is_told and job
        await loopback.inbox.accept(press_cancel(job))
        await clock.sleep(1)
        [reply] = [r for to, r in loopback.platform.sent if to == mine.message_id]
        assert reply.text == "Cancelled."
        assert (await loopback.settle())[JobState.CANCELLED] == 1
        assert loopback.engine.at_once == 0 and len(loopback.engine.calls) >= calls


async def test_in_a_group_nothing_is_said_of_the_queue(
    busy: Loopback, note: Note, clock: Clock
) -> None:
    before = [note("a"), note("b")]
    asked = note("c", is_private=False, command="transcribe")
    await accept_in_turn(busy, clock, [*before, asked])
    assert texts(busy, asked) == [f"{BEGUN} · about 2 min left · {HELD}"]


async def test_what_is_soon_done_shows_nothing(store: Store, note: Note, clock: Clock) -> None:
    """A recording of a minute and a half, once it is known how fast the engine is."""
    loopback = Loopback(store, ScriptedTranscriber(TranscriberLimits()), ThreadMedia())
    loopback.engine.latency_s = 2.0
    async with loopback.running():
        for number in range(2):
            sound = audio_samples.file("ogg-opus", audio_samples.speech(91.0 + number))
            loopback.platform.recording = sound
            await loopback.inbox.accept(note(str(number)))
            await loopback.settle()
            shown = [one for one in loopback.platform.shown if one[2]]
            assert bool(shown) is not bool(number)
            loopback.platform.shown.clear()


async def test_nothing_is_estimated_while_the_service_fails(
    store: Store, note: Note, clock: Clock
) -> None:
    """Notices say that it is down; when it is back nobody knows."""
    loopback = Loopback(store, ScriptedTranscriber(TranscriberLimits()), ThreadMedia())
    loopback.platform.recording = audio_samples.file("wav", audio_samples.speech(3.0))
    loopback.engine.failures = [EngineLocked("x")] * 12
    async with loopback.running():
        asked = [note(person) for person in "abc"]
        for message in asked:
            await loopback.inbox.accept(message)
        await clock.sleep(150)
        for message in asked:
            told = texts(loopback, message)
            assert len(told) == 1 and "AI service is down" in told[0]
        assert await loopback.settle() == {JobState.DONE: 3}


async def test_an_estimate_changes_in_small_steps(busy: Loopback, note: Note, clock: Clock) -> None:
    """Somebody else's call goes first, which was not known."""
    late = note("late", attachment=Attachment("f", duration_s=20.0))
    await busy.inbox.accept(note("a"))
    await clock.sleep(1)
    await busy.inbox.accept(late)
    await clock.sleep(20)
    await accept_in_turn(busy, clock, [note(person) for person in "bcd"])
    assert await busy.settle() == {JobState.DONE: 5}
    left = seconds_left(texts(busy, late))
    steps = [after - before for before, after in pairwise(left)]
    assert max(steps) <= 90 and len(left) > 4


async def test_a_place_in_the_queue_of_jobs_is_told_at_once(
    store: Store, note: Note, clock: Clock
) -> None:
    """All places are taken: by how fast others end, it takes more than half a minute."""
    loopback = Loopback(store, ScriptedTranscriber(TranscriberLimits(concurrency=1)), ThreadMedia())
    loopback.engine.latency_s = 10.0

    async def fetch(message: Message) -> bytes:
        return audio_samples.file("wav", audio_samples.speech(2.0 + int(message.message_id) / 50))

    loopback.platform.fetch = fetch  # type: ignore[method-assign]
    async with loopback.running():
        for number in range(36):
            await loopback.inbox.accept(note(f"person {number}"))
        await clock.sleep(45)
        group = note("group", is_private=False, command="transcribe")
        messages = [note("before"), group, note("last")]
        for message in messages:
            await loopback.inbox.accept(message)
        await clock.sleep(6)
        _, in_group, last = (texts(loopback, message)[0] for message in messages)
        assert re.fullmatch(IN_TURN, in_group) and re.fullmatch(IN_QUEUE, last)
        await clock.sleep(60)
        later = texts(loopback, messages[2])[1:]
        assert later and "min left" in later[-1] and "place" in later[-1]
        assert await loopback.settle() == {JobState.DONE: 39}


@pytest.mark.parametrize("chat", [Chat("test", "1", "one")])
async def test_one_message_of_a_chat_says_how_long_it_waits(
    store: Store, note: Note, clock: Clock, chat: Chat
) -> None:
    loopback = Loopback(store, ScriptedTranscriber(TranscriberLimits(concurrency=1)), ThreadMedia())
    loopback.engine.latency_s = 10.0
    async with loopback.running():
        for number in range(36):
            await loopback.inbox.accept(note(f"person {number}"))
        await clock.sleep(45)
        mine = [note("mine", chat=chat) for _ in range(5)]
        for message in mine:
            await loopback.inbox.accept(message)
        await clock.sleep(8)
        assert [bool(texts(loopback, message)) for message in mine] == [True] + [False] * 4


async def test_time_in_which_no_call_is_made_does_not_make_the_service_slow_for_others(
    busy: Loopback, clock: Clock
) -> None:
    """They are told how long it takes by how fast it was for those before them."""
    gate = busy.transcription.gate
    summary = busy.transcription.report_jointly(lambda progress: None, {"1": 60.0, "2": 60.0})
    await clock.sleep(600.0)  # for downloads
    summary.finish("1")
    assert gate.pace is None
    places = [0] * 10 + [1] * 20 + [0] * 100
    note = ProgressReport(lambda progress: None, 60.0, gate, clock)
    note.find_place = lambda: places.pop(0)
    estimating = note.start()
    await clock.sleep(10 * TICK_S + 20 * TICK_S + 10.0)
    note.show("", 60.0)
    estimating.cancel()
    assert gate.pace == pytest.approx((10 * TICK_S + 10.0) / 60.0, rel=0.1)
