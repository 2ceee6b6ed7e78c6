"""F: faults of MiMo: refusals, aborted and malformed responses, outages.

Each kind of fault affects one call, or every call for one note; in the long form also a third of
the calls for many notes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
import pytest_asyncio

from bots.common.live_messages import MOMENT
from core.models import OPEN_STATES, JobState
from core.operations.delays import QUEUED, SLOW
from core.operations.retries import MAX_ATTEMPTS
from tests.acceptance.conftest import Open
from tests.acceptance.stage import MIMO_KEY, Stage
from tests.chaos.conftest import IS_LONG
from tests.chaos.notes import read_number
from tests.chaos.report import row, rows
from tests.emulators.mimo import MimoServer, RecordedRequest, Rules
from tests.emulators.telegram import Message

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]

#: Factor by which waits after failures are shorter, except Retry-After.
SPEED = 300.0
DEADLINE_S = 0.4
#: Waits are told and end as slowly as calls are made, in real time; it makes no calls of its own.
CONSTANTS = {
    "core.engines.mimo.role:MimoRole.deadline_s": DEADLINE_S,
    "core.operations.delays:DelayNotices.tell_after_s": 20 * SPEED,
    "core.stall:StallTimer.max_s": 90 * SPEED,
    "core.operations.incidents:REST_PROBE_S": 1e9,
}
#: In the long form.
PEOPLE = 200

KEPT = "Your message is kept"
NOTICES = (
    "I could not transcribe this. ",
    "I cannot transcribe this yet. ",
    QUEUED,
    SLOW,
)
REFUSED = "I could not transcribe this. The AI service refused the request"
NO_SPEECH = "No speech was detected in this recording."
CUT = "A part exceeded the service's limit: some words are missing."
#: Kinds with a final reply that is not a transcript, and its text.
SHARED = {"421_as_400": REFUSED, "content_filter": REFUSED, "empty_text": NO_SPEECH,
          "finish_length": CUT}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fast_program(open_stage: Open) -> AsyncIterator[Stage]:
    async with open_stage(speed=SPEED, constants=CONSTANTS, has_limits=False) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def fast_stage(fast_program: Stage) -> AsyncIterator[Stage]:
    """The program with short waits; faults are cleared after each test."""
    yield fast_program
    fast_program.mimo.clear_faults()


def count_notices(answer: Message) -> int:
    """Return how many versions of a message report a failure."""
    return sum(text.startswith(NOTICES) for text in answer.versions)


async def send_notes(stage: Stage, count: int) -> dict[int, int]:
    """Send one note from each of `count` people; return person -> number."""
    people = [stage.person() for _ in range(count)]
    return {person: (await stage.send_note(person))[1] for person in people}


async def retry(stage: Stage, person: int) -> None:
    """Press Retry under the only message of a person, and wait for the job."""
    [told] = stage.telegram.replies(person)
    assert told.labels == ["Retry"] and count_notices(told) == 1
    stage.telegram.press_button(person, person, told.message_id, "Retry")
    await stage.settle(person, 2)


def calls_for(stage: Stage, number: int) -> list[RecordedRequest]:
    """Return the calls that transcribed a note; refused calls do not count."""
    return [call for call in stage.mimo.requests if read_number(call.text) == number]


async def check_share(stage: Stage, kind: str, value: float) -> None:
    """Fail 30 % of all calls; check that everybody has one reply in the end."""
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
        assert count_notices(answer) <= 1
        if SHARED.get(kind, "?") in answer.text:
            assert jobs[person].state is not JobState.DEAD
            continue
        assert read_number(answer.text) == number, answer.text
        # Whoever pressed Retry has asked for as many again.
        most = MAX_ATTEMPTS * (2 if jobs[person].state is JobState.DEAD else 1)
        assert len([c for c in calls_for(stage, number) if c.is_billed]) <= most
    assert calls <= PEOPLE * MAX_ATTEMPTS


_BACKOFF = "5 tries, then 'later' with Retry, which answers"
#: One of each class; `tests.engines.test_faults` covers every kind of fault.
HEALING = {
    "F2-500": ("500", f"500: {_BACKOFF}"),
    "F2-504": ("504", "504 as HTML: answered by the second call"),
    "F5-reset": ("reset", f"reset before headers: {_BACKOFF}"),
    "F5-chunked-cut": ("chunked_cut", "chunked body cut: answered by the second call"),
    "F6-no-end": ("sse_no_end", f"stream without its end: {_BACKOFF}"),
    "F7-error": ("200_error", f"200 with an error inside: {_BACKOFF}"),
    "F15-bomb": ("gzip_bomb", "gzip that holds 200 MB: not unpacked, answered by the second call"),
}
#: Kinds that are also tested with every call failing.
HOPELESS = ("500", "reset", "sse_no_end", "200_error")


@rows(HEALING, "kind row")
async def test_a_transient_fault_is_retried(fast_stage: Stage, row: str, kind: str) -> None:
    if IS_LONG:
        await check_share(fast_stage, kind, 3.0)
    before = len(fast_stage.mimo.requests)
    is_hopeless = IS_LONG or kind in HOPELESS
    fast_stage.mimo.add_fault(kind, times=None if is_hopeless else 1)
    [(person, number)] = (await send_notes(fast_stage, 1)).items()
    [job] = await fast_stage.settle(person, timeout_s=60)
    if not is_hopeless:
        assert job.state is JobState.DONE
        await fast_stage.check_answer(person, number)
        assert len(fast_stage.mimo.requests) - before == 2
        return
    assert job.state is JobState.DEAD, job
    assert len(fast_stage.mimo.requests) - before <= MAX_ATTEMPTS
    fast_stage.mimo.clear_faults()
    await retry(fast_stage, person)
    [answer] = fast_stage.telegram.replies(person)
    assert read_number(answer.text) == number


@row("F4-drip", "a slow drip of bytes: ended by the deadline")
async def test_a_dripping_response_is_ended_by_the_deadline(fast_stage: Stage, row: str) -> None:
    mimo = fast_stage.mimo
    mimo.add_fault("drip", times=2, value=0.1)
    [(person, number)] = (await send_notes(fast_stage, 1)).items()
    await fast_stage.check_answer(person, number, timeout_s=30)
    slow = [call for call in mimo.requests if call.fault == "drip"]
    assert len(slow) == 2
    # The deadline grows with the length of the audio; it is not a limit per read.
    assert all((call.ended_at_s or 1e9) - call.started_at_s < DEADLINE_S + 4 for call in slow)


@row("F1-seconds", "429 with Retry-After: 1: no earlier call")
async def test_retry_after_is_respected(stage: Stage, row: str) -> None:
    mimo, before = stage.mimo, len(stage.mimo.requests)
    mimo.add_fault("429_seconds", value=1)
    notes = await send_notes(stage, 1)
    await stage.telegram.wait_for(lambda: len(mimo.requests) > before)
    notes |= await send_notes(stage, 1)
    for person, number in notes.items():
        await stage.check_answer(person, number, timeout_s=30)
        assert count_notices(stage.telegram.replies(person)[0]) <= 1
    first, *later = mimo.requests[before:]
    assert first.status == 429 and first.ended_at_s is not None
    assert min(call.started_at_s for call in later) >= first.ended_at_s + 1 - 0.05
    assert len(later) == len(notes)
    if IS_LONG:
        await check_share(stage, "429_seconds", 0.2)


@row("F3-refused", "connections refused: a notice, answered once it is back")
async def test_refused_connections_are_retried(open_stage: Open, row: str) -> None:
    async with open_stage(speed=SPEED, constants=CONSTANTS) as stage:
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
                assert read_number(answer.text) == number and count_notices(answer) <= 1
            assert len(again.billed) == 2


@row("F6-split", "split byte by byte: answered at once")
async def test_a_split_stream_is_read_at_once(fast_stage: Stage, row: str) -> None:
    before = len(fast_stage.mimo.requests)
    fast_stage.mimo.add_fault("sse_split", times=None)
    [(person, number)] = (await send_notes(fast_stage, 1)).items()
    answer = await fast_stage.check_answer(person, number)
    assert not count_notices(answer)
    assert len(fast_stage.mimo.requests) - before == 1


#: Kind of fault, final state of the job, and text.
FINAL = {
    "F7-empty": ("empty_text", JobState.REFUSED, NO_SPEECH, "content '': a clear message"),
    "F8-length": (
        "finish_length",
        JobState.DONE,
        CUT,
        "shown, with a notice that words are missing",
    ),
    "F12-421-as-400": (
        "421_as_400",
        JobState.REFUSED,
        "high risk",
        "421 in a 400: the reason is shown",
    ),
    "F12-filter": (
        "content_filter",
        JobState.REFUSED,
        "content filter",
        "filtered: the reason is shown",
    ),
}


@rows(FINAL, "kind state told row")
async def test_a_final_response_is_not_retried(
    fast_stage: Stage, row: str, kind: str, state: JobState, told: str
) -> None:
    if IS_LONG:
        await check_share(fast_stage, kind, 0)
    before = len(fast_stage.mimo.requests)
    fast_stage.mimo.add_fault(kind, times=None)
    [person] = await send_notes(fast_stage, 1)
    [job] = await fast_stage.settle(person)
    [answer] = fast_stage.telegram.replies(person)
    # The response is final: there is no retry.
    assert job.state is state
    assert SHARED[kind] in answer.text and told in answer.text
    assert len(fast_stage.mimo.requests) - before == 1


PARKING = {
    "F9-401": ("401", "the key is rejected"),
    "F10-quota": ("429_quota", "the quota is used up"),
    "F11-403": ("403", "the region is not served, or the key is restricted"),
    "F13-404": ("404_model", "the model is unknown"),
}


@rows(PARKING, "kind row")
async def test_locked_jobs_wait_for_the_operator(fast_stage: Stage, row: str, kind: str) -> None:
    if IS_LONG:
        await check_share(fast_stage, kind, 0)
    mimo = fast_stage.mimo
    mimo.add_fault(kind, times=None)
    notes = await send_notes(fast_stage, 2)
    replies = fast_stage.telegram.replies

    def is_told(person: int) -> bool:
        return any(one.text.startswith(NOTICES) for one in replies(person))

    await fast_stage.telegram.wait_for(lambda: all(map(is_told, notes)))
    # Three more probes follow, which takes minutes of the program.
    asked = len(mimo.requests)
    await fast_stage.telegram.wait_for(lambda: len(mimo.requests) >= asked + 3)
    for person in notes:
        [job] = await fast_stage.jobs(person)
        assert job.state in OPEN_STATES
        [told] = replies(person)
        # A busy machine may have said before that it waits for its turn.
        others = [text for text in told.versions if text != MOMENT and not text.startswith(KEPT)]
        assert others == [told.text]
    # One call at a time probes the engine; how many depends on the speed of this machine.
    probes = mimo.requests[asked : asked + 3]
    assert all(a.ended_at_s and a.ended_at_s <= b.started_at_s for a, b in pairwise(probes))
    assert row in fast_stage.bot.log
    mimo.clear_faults()
    for person, number in notes.items():
        answer = await fast_stage.check_answer(person, number)
        # The one notice was replaced by a new message: that notifies, an edit would not.
        [notice, _] = replies(person, has_deleted=True)
        assert notice.is_deleted and count_notices(notice) == 1 and not count_notices(answer)


# F14 (broken speech) has no row here.
# F16, an outage of minutes: `tests.chaos.test_outage`.
