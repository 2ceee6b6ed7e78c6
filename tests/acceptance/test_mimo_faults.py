"""F: MiMo refuses, breaks off, answers nonsense and is away.

Each kind of fault meets one call, or every call for one note. In the long form it meets a third of
the calls for many notes as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from core.errors import EngineBusy, EngineLocked, EngineRefused, ModelGone
from core.jobs import MAX_ATTEMPTS, WAITING
from core.models import JobState
from tests.acceptance.conftest import Open
from tests.acceptance.stage import MIMO_KEY, Stage
from tests.chaos.conftest import IS_LONG
from tests.chaos.notes import read_number
from tests.chaos.report import row, rows
from tests.emulators.mimo import MimoServer, RecordedRequest, Rules
from tests.emulators.telegram import Message

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]

#: Waits after failures are so many times shorter; what a Retry-After asks for is not.
HASTE = 300.0
DEADLINE_S = 0.4
DEADLINE = {"core.engines.mimo.role:MimoRole.deadline_s": DEADLINE_S}
#: Of the long form.
PEOPLE = 200

TOLD = (
    EngineBusy.user_text.partition(" Reference")[0],
    "Something went wrong on my side",
    EngineLocked.user_text,
    ModelGone.user_text,
    WAITING,
)
REFUSED = EngineRefused.user_text.partition(":")[0]
NO_SPEECH = "No speech was detected in this recording."
CUT = "A part exceeded the service's limit: some words are missing."
#: Kinds that are an answer of a sort.
SHARED = {"421_as_400": REFUSED, "content_filter": REFUSED, "empty_text": NO_SPEECH,
          "finish_length": CUT}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(open_stage: Open) -> AsyncIterator[Stage]:
    async with open_stage(speed=HASTE, constants=DEADLINE, has_limits=False) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def hurried(bench: Stage) -> AsyncIterator[Stage]:
    """The program with short waits, and MiMo with nothing wrong."""
    yield bench
    bench.mimo.clear_faults()


def count_told(answer: Message) -> int:
    """Return how many times a message told of trouble."""
    return sum(text.startswith(TOLD) for text in answer.versions)


async def send_notes(stage: Stage, count: int) -> dict[int, int]:
    """Let as many people send one note each; return person -> number."""
    people = [stage.person() for _ in range(count)]
    return {person: (await stage.send_note(person))[1] for person in people}


async def retry(stage: Stage, person: int) -> None:
    """Press Retry under the one message that a person has, and wait for the end."""
    [told] = stage.telegram.replies(person)
    assert told.labels == ["Retry"] and count_told(told) == 1
    stage.telegram.press_button(person, person, told.message_id, "Retry")
    await stage.settle(person, 2)


def calls_for(stage: Stage, number: int) -> list[RecordedRequest]:
    """Return the calls that heard a note; those that were refused before heard nothing."""
    return [call for call in stage.mimo.requests if read_number(call.text) == number]


async def check_share(stage: Stage, kind: str, value: float) -> None:
    """30 % of the calls fail, whoever makes them: in the end everybody has the one answer."""
    mimo, before = stage.mimo, len(stage.mimo.requests)
    mimo.add_fault(kind, times=None, share=0.3, value=value)
    notes = await send_notes(stage, PEOPLE)
    jobs = {person: (await stage.settle(person, timeout_s=60))[0] for person in notes}
    calls = len(mimo.requests) - before
    mimo.clear_faults()
    for person, number in notes.items():
        if jobs[person].state is JobState.DEAD:
            await retry(stage, person)
        [answer] = stage.telegram.replies(person)
        assert count_told(answer) <= 1
        if SHARED.get(kind, "?") in answer.text:
            assert jobs[person].state is not JobState.DEAD
            continue
        assert read_number(answer.text) == number, answer.text
        assert len([c for c in calls_for(stage, number) if c.is_billed]) <= MAX_ATTEMPTS
    assert calls <= PEOPLE * MAX_ATTEMPTS


_BACKOFF = "5 tries, then 'later' with Retry, which answers"
#: One of each way to fail; each kind of fault has its place in `tests.engines.test_faults`.
HEALING = {
    "F2-500": ("500", f"500: {_BACKOFF}"),
    "F2-504": ("504", "504 as HTML: answered by the second call"),
    "F5-reset": ("reset", f"reset before headers: {_BACKOFF}"),
    "F5-chunked-cut": ("chunked_cut", "chunked body cut: answered by the second call"),
    "F6-no-end": ("sse_no_end", f"stream without its end: {_BACKOFF}"),
    "F7-error": ("200_error", f"200 with an error inside: {_BACKOFF}"),
    "F15-bomb": ("gzip_bomb", "gzip that holds 200 MB: not unpacked, answered by the second call"),
}
#: What becomes of a note whose every call fails is the same for all.
HOPELESS = ("500", "reset", "sse_no_end", "200_error")


@rows(HEALING, "kind row")
async def test_time_heals_it(hurried: Stage, row: str, kind: str) -> None:
    if IS_LONG:
        await check_share(hurried, kind, 3.0)
    before = len(hurried.mimo.requests)
    is_hopeless = IS_LONG or kind in HOPELESS
    hurried.mimo.add_fault(kind, times=None if is_hopeless else 1)
    [(person, number)] = (await send_notes(hurried, 1)).items()
    [job] = await hurried.settle(person, timeout_s=60)
    if not is_hopeless:
        assert job.state is JobState.DONE
        await hurried.check_answer(person, number)
        assert len(hurried.mimo.requests) - before == 2
        return
    assert job.state is JobState.DEAD, job
    assert len(hurried.mimo.requests) - before <= MAX_ATTEMPTS
    hurried.mimo.clear_faults()
    await retry(hurried, person)
    [answer] = hurried.telegram.replies(person)
    assert read_number(answer.text) == number


@row("F4-drip", "a byte now and then: ended by the deadline")
async def test_no_whole_answer(hurried: Stage, row: str) -> None:
    mimo = hurried.mimo
    mimo.add_fault("drip", times=2, value=0.1)
    [(person, number)] = (await send_notes(hurried, 1)).items()
    await hurried.check_answer(person, number, timeout_s=30)
    slow = [call for call in mimo.requests if call.fault == "drip"]
    assert len(slow) == 2
    # About two seconds of sound on top of the deadline, not a limit for each read.
    assert all((call.ended_at_s or 1e9) - call.started_at_s < DEADLINE_S + 4 for call in slow)


@row("F1-seconds", "429, Retry-After: 1: nobody calls before")
async def test_told_to_wait(stage: Stage, row: str) -> None:
    mimo, before = stage.mimo, len(stage.mimo.requests)
    mimo.add_fault("429_seconds", value=1)
    notes = await send_notes(stage, 1)
    await stage.telegram.wait_for(lambda: len(mimo.requests) > before)
    notes |= await send_notes(stage, 1)
    for person, number in notes.items():
        await stage.check_answer(person, number, timeout_s=30)
        assert count_told(stage.telegram.replies(person)[0]) <= 1
    first, *later = mimo.requests[before:]
    assert first.status == 429 and first.ended_at_s is not None
    assert min(call.started_at_s for call in later) >= first.ended_at_s + 1 - 0.05
    assert len(later) == len(notes)
    if IS_LONG:
        await check_share(stage, "429_seconds", 0.2)


@row("F3-refused", "connections are refused: told, answered once it is back")
async def test_refused(open_stage: Open, row: str) -> None:
    async with open_stage(speed=HASTE) as stage:
        mimo, port = stage.mimo, int(stage.mimo.origin.rpartition(":")[2])
        await asyncio.to_thread(mimo.stop)
        notes = await send_notes(stage, 2)
        first, *_ = notes
        await stage.telegram.wait_for(lambda: stage.telegram.replies(first))
        assert await stage.is_alive()
        async with MimoServer(Rules(key=MIMO_KEY), port=port) as again:
            stage.mimo = again
            for person, number in notes.items():
                [job] = await stage.settle(person, timeout_s=30)
                if job.state is JobState.DEAD:
                    await retry(stage, person)
                [answer] = stage.telegram.replies(person)
                assert read_number(answer.text) == number and count_told(answer) <= 1
            assert len(again.billed) == 2


@row("F6-split", "byte by byte, within UTF-8 too: answered at once")
async def test_nothing_is_wrong(hurried: Stage, row: str) -> None:
    before = len(hurried.mimo.requests)
    hurried.mimo.add_fault("sse_split", times=None)
    [(person, number)] = (await send_notes(hurried, 1)).items()
    answer = await hurried.check_answer(person, number)
    assert not count_told(answer)
    assert len(hurried.mimo.requests) - before == 1


#: The kind, how the job ends, and what is said.
OF_A_SORT = {
    "F7-empty": ("empty_text", JobState.REFUSED, NO_SPEECH, "content '': a clear message"),
    "F8-length": ("finish_length", JobState.DONE, CUT, "shown, and told that words are missing"),
    "F12-421-as-400": ("421_as_400", JobState.REFUSED, "high risk", "421 in a 400: why is told"),
    "F12-filter": ("content_filter", JobState.REFUSED, "content filter", "filtered: why is told"),
}


@rows(OF_A_SORT, "kind state told row")
async def test_answer_of_a_sort(
    hurried: Stage, row: str, kind: str, state: JobState, told: str
) -> None:
    if IS_LONG:
        await check_share(hurried, kind, 0)
    before = len(hurried.mimo.requests)
    hurried.mimo.add_fault(kind, times=None)
    [person] = await send_notes(hurried, 1)
    [job] = await hurried.settle(person)
    [answer] = hurried.telegram.replies(person)
    # An answer, such as it is: nobody tries again.
    assert job.state is state
    assert SHARED[kind] in answer.text and told in answer.text
    assert len(hurried.mimo.requests) - before == 1


PARKING = {
    "F9-401": ("401", "the key is rejected"),
    "F10-quota": ("429_quota", "the quota is used up"),
    "F11-403": ("403", "the region is not served, or the key is restricted"),
    "F13-404": ("404_model", "the model is unknown"),
}


@rows(PARKING, "kind row")
async def test_parked(hurried: Stage, row: str, kind: str) -> None:
    if IS_LONG:
        await check_share(hurried, kind, 0)
    mimo, before = hurried.mimo, len(hurried.mimo.requests)
    mimo.add_fault(kind, times=None)
    notes = await send_notes(hurried, 2)
    await hurried.telegram.wait_for(lambda: all(map(hurried.telegram.replies, notes)))
    # It is asked three times more whether it is mended: that takes minutes.
    asked = len(mimo.requests)
    await hurried.telegram.wait_for(lambda: len(mimo.requests) >= asked + 3)
    for person in notes:
        [job] = await hurried.jobs(person)
        assert job.state in (JobState.WAITING, JobState.RUNNING)
        [told] = hurried.telegram.replies(person)
        assert told.text.startswith(TOLD) and len(told.versions) == 1
    # One call at a time asks whether it is mended.
    assert len(mimo.requests) - before <= 15
    assert row in hurried.bot.log
    mimo.clear_faults()
    for person, number in notes.items():
        answer = await hurried.check_answer(person, number)
        assert count_told(answer) == 1


# F14, speech that comes back broken: the program asks for no speech yet, so there is no row.
# F16, an outage of minutes: `tests.chaos.test_outage`.
