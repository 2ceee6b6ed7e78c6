"""Waiting is told after 20 s and ends after 90 s, whatever is waited for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from core.clock import Clock
from core.config import Settings
from core.engines.mimo.transcriber import MimoTranscriber
from core.errors import EngineBusy, EngineLocked
from core.interfaces import TranscriberLimits
from core.jobs.runner import MAX_RUNNING
from core.models import Chat, ChatSettings, JobState, Message, TalkSettings
from core.operations.delays import DOWN, QUEUED, SLOW
from core.store import Store
from tests.conftest import NewMessage, ask_for_help
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.support import audio_samples
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.support.thread_media import ThreadMedia

pytestmark = pytest.mark.finding(11)

BUSY = "I could not transcribe this. The AI service is busy."


@pytest.fixture
async def real(mimo: MimoServer, store: Store) -> AsyncIterator[Loopback]:
    """The job runner between a scripted platform and MiMo's real wire."""
    settings = Settings(
        _env_file=None, mimo_base_url=mimo.base_url, mimo_api_key=SecretStr(mimo.key)
    )  # type: ignore[call-arg]
    engine = MimoTranscriber(settings)
    loopback = Loopback(store, engine, ThreadMedia())  # type: ignore[arg-type]
    async with loopback.running():
        yield loopback
    await engine.close()


def notices(loopback: Loopback) -> list[str]:
    return [text for _, text, is_lasting in loopback.platform.shown if is_lasting]


async def wait_for_notices(loopback: Loopback, clock: Clock, count: int = 1) -> float:
    """Return after how many seconds so many notices are shown."""
    began_s = clock.monotonic()
    while len(notices(loopback)) < count:
        await clock.sleep(0.25)
    return clock.monotonic() - began_s


async def wait_for_replies(loopback: Loopback, clock: Clock, count: int = 1) -> float:
    """Return after how many seconds so many replies are sent."""
    began_s = clock.monotonic()
    while len(loopback.platform.sent) < count:
        await clock.sleep(0.25)
    return clock.monotonic() - began_s


@pytest.mark.parametrize("kind", ["hang", "429_seconds", "500", "drip"])
async def test_whatever_fails_is_told_after_20_s_and_ends_with_retry_within_90_s(
    real: Loopback, mimo: MimoServer, new_message: NewMessage, clock: Clock, kind: str
) -> None:
    mimo.add_fault(kind, times=None, value=1.0)
    job = await real.inbox.accept(new_message(language="en"))
    told_s = await wait_for_notices(real, clock) if kind in ("hang", "drip") else 0.0
    ended_s = told_s + await wait_for_replies(real, clock)
    assert 60 <= ended_s <= 91 if kind in ("hang", "drip") else ended_s <= 91
    [(_, failure)] = real.platform.sent
    assert failure.text.startswith(BUSY) and [b.label for b in failure.buttons] == ["Retry"]
    if kind in ("hang", "drip"):
        assert told_s == pytest.approx(20, abs=1) and notices(real) == [SLOW]
    mimo.clear_faults()
    await clock.sleep(60)
    assert job and await real.inbox.retry(job.job_id)
    assert await real.settle() == {JobState.DONE: 1}
    assert real.platform.sent[-1][1].quote


async def test_every_message_of_a_chat_whose_service_hangs_ends_within_90_s(
    real: Loopback, mimo: MimoServer, new_message: NewMessage, clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The first does not hold up the others: they would fail one after the other."""
    mimo.add_fault("hang", times=None)

    async def fetch(message: Message) -> bytes:
        # Different ones: equal recordings share a call.
        return make_recording([int(message.message_id)])

    monkeypatch.setattr(real.platform, "fetch", fetch)
    began_s = clock.monotonic()
    for _ in range(4):
        await real.inbox.accept(new_message(language="en"))
    assert await wait_for_notices(real, clock) == pytest.approx(20, abs=1)
    assert await real.settle() == {JobState.DEAD: 4}
    assert clock.monotonic() - began_s <= 105, "90, and the rest is the test that looks"
    assert len(notices(real)) == 4


@pytest.mark.finding(4)
async def test_four_equal_recordings_whose_service_hangs_share_a_call_and_its_end(
    real: Loopback, mimo: MimoServer, new_message: NewMessage, clock: Clock
) -> None:
    mimo.add_fault("hang", times=None)
    began_s = clock.monotonic()
    jobs = [await real.inbox.accept(new_message(language="en")) for _ in range(4)]
    assert await wait_for_notices(real, clock, 4) == pytest.approx(20, abs=1)
    await wait_for_replies(real, clock, 4)
    assert clock.monotonic() - began_s <= 91
    for _, failure in real.platform.sent:
        assert failure.text.startswith(BUSY) and [b.label for b in failure.buttons] == ["Retry"]
    assert await real.settle() == {JobState.DEAD: 4}
    calls = len(mimo.requests)
    assert calls == 3, "one after the other within 90 s, each given up by itself after 31"
    mimo.clear_faults()
    await clock.sleep(60)
    for job in jobs:
        assert job and await real.inbox.retry(job.job_id)
    assert await real.settle() == {JobState.DONE: 4}
    assert len({reply.quote for _, reply in real.platform.sent[4:]}) == 1
    assert len(mimo.requests) == calls + 1, "one serves all"


@pytest.mark.finding(4)
async def test_who_comes_later_shares_the_calls_and_has_90_s_of_their_own(
    real: Loopback, mimo: MimoServer, new_message: NewMessage, clock: Clock
) -> None:
    mimo.add_fault("hang", times=None)
    began_s = clock.monotonic()
    for _ in range(4):
        await real.inbox.accept(new_message(language="en"))
        await clock.sleep(20)
    for number in range(4):
        await wait_for_replies(real, clock, number + 1)
        assert 70 <= clock.monotonic() - began_s - 20 * number <= 91
    assert await real.settle() == {JobState.DEAD: 4}
    assert len(mimo.requests) <= 5, "one after the other for 150 s"


async def test_a_service_that_says_when_is_waited_for_and_that_is_told(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    loopback.engine.failures = [EngineBusy("429", retry_after_s=300)]
    async with loopback.running():
        await loopback.inbox.accept(new_message(language="en"))
        assert await loopback.settle() == {JobState.DONE: 1}
    assert clock.monotonic() >= 300
    [told] = notices(loopback)
    assert "5 min" in told
    assert [reply.quote for _, reply in loopback.platform.sent] == ["call 2"]


@pytest.mark.parametrize(("asked_s", "most_s"), [(3, 100), (40, 180), (300, 700)])
async def test_a_service_that_breaks_its_word_again_and_again_is_given_up(
    loopback: Loopback, new_message: NewMessage, clock: Clock, asked_s: float, most_s: float
) -> None:
    errors = [EngineBusy("429", retry_after_s=asked_s) for _ in range(200)]
    loopback.engine.failures = [*errors]
    began_s = clock.monotonic()
    async with loopback.running():
        await loopback.inbox.accept(new_message())
        assert await loopback.settle() == {JobState.DEAD: 1}
    assert clock.monotonic() - began_s <= most_s


async def test_what_only_the_operator_can_fix_is_told_as_such_and_kept(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    loopback.engine.failures = [EngineLocked("402") for _ in range(30)]
    async with loopback.running():
        await loopback.inbox.accept(new_message(language="en"))
        assert await loopback.settle() == {JobState.DONE: 1}
    assert notices(loopback) == [DOWN.format(delay="I cannot transcribe this yet.")], "once"


async def test_a_message_that_waits_for_its_turn_is_told(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    """All places are taken by recordings that take a minute each."""
    loopback.engine.latency_s = 60.0
    async with loopback.running():
        for number in range(MAX_RUNNING):
            message = new_message(str(number), language="en", sender_id=f"person {number}")
            await loopback.inbox.accept(message)
        await clock.sleep(1)
        helped = await loopback.inbox.accept(ask_for_help(new_message, "last", language="en"))
        await clock.sleep(20.5)
        told = [i for i, text, _ in loopback.platform.shown if text == QUEUED]
        assert helped and told == [helped.message.message_id]
        assert await loopback.settle() == {JobState.DONE: MAX_RUNNING + 1}


@pytest.mark.parametrize(("each_s", "is_told"), [(15.0, False), (25.0, True)])
async def test_nobody_is_told_to_wait_while_others_of_the_chat_are_replied_to(
    loopback: Loopback, new_message: NewMessage, each_s: float, is_told: bool
) -> None:
    """They wait for their turn, in order; who is told lets later ones pass."""

    async def fetch(message: Message) -> bytes:
        return audio_samples.file("wav", audio_samples.speech(2.0 + int(message.message_id)))

    loopback.engine.latency_s, loopback.platform.fetch = each_s, fetch  # type: ignore[method-assign]
    async with loopback.running():
        for _ in range(4):
            await loopback.inbox.accept(new_message(language="en"))
        assert await loopback.settle() == {JobState.DONE: 4}
    assert any(text == QUEUED for _, text, _ in loopback.platform.shown) is is_told
    assert is_told or loopback.platform.sent_to == sorted(loopback.platform.sent_to)


async def test_the_accounts_own_limit_is_told_and_waited_for(
    store: Store, new_message: NewMessage, clock: Clock
) -> None:
    """The line moves: that somebody is last in it is no failure."""
    limits = TranscriberLimits(calls_per_minute=1, concurrency=2)
    loopback = Loopback(store, ScriptedTranscriber(limits), ThreadMedia())
    began_s = clock.monotonic()
    async with loopback.running():
        for number in range(5):
            await loopback.store.chats.save_settings(
                new_message(str(number)).chat, ChatSettings(language=f"x{number}")
            )
            await loopback.inbox.accept(new_message(str(number), language="en"))
        assert await loopback.settle() == {JobState.DONE: 5}
    assert clock.monotonic() - began_s > 230
    assert len(notices(loopback)) > 4 and SLOW not in notices(loopback), "the clock says it"


async def test_a_long_recording_that_makes_progress_is_neither_told_nor_ended(
    store: Store, new_message: NewMessage, clock: Clock
) -> None:
    limits = TranscriberLimits(target_piece_s=3.0, max_piece_s=5.0, concurrency=1)
    loopback = Loopback(store, ScriptedTranscriber(limits), ThreadMedia())
    loopback.engine.latency_s = 15.0
    loopback.platform.recording = make_recording(range(30), gap_s=0.64)
    async with loopback.running():
        await loopback.inbox.accept(new_message())
        assert await loopback.settle() == {JobState.DONE: 1}
    assert len(loopback.engine.calls) * 15 > 90 and notices(loopback) == []
    [(_, reply)] = loopback.platform.sent
    assert reply.quote


async def test_a_slow_machine_at_home_may_be_silent_until_its_deadline(
    store: Store, new_message: NewMessage, clock: Clock
) -> None:
    engine = ScriptedTranscriber(replace(TranscriberLimits(), is_slow=True))
    engine.latency_s = 170.0
    loopback = Loopback(store, engine, ThreadMedia())
    async with loopback.running():
        await loopback.inbox.accept(new_message(language="en"))
        assert await loopback.settle() == {JobState.DONE: 1}
    assert notices(loopback) == [SLOW]


@pytest.mark.finding(22)
async def test_what_takes_longer_than_5_s_can_be_cancelled_by_a_button(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    """Also between two attempts; nobody is offered to cancel what was not asked for."""
    offered, engine = loopback.platform.cancellable, loopback.engine
    talk = TalkSettings(remember_days=1)
    group = Chat("test", "1", "-2")
    await loopback.store.chats.save_settings(group, ChatSettings(talk=talk))
    async with loopback.running():
        engine.latency_s = 4.0
        await loopback.inbox.accept(new_message())
        unasked = new_message(chat=group, is_private=False)
        assert await loopback.inbox.accept(unasked)
        await loopback.settle()
        assert offered == []
        engine.latency_s, loopback.platform.recording = 30.0, make_recording([3])
        note = new_message(chat=Chat("test", "1", "3"))
        await loopback.inbox.accept(note)
        await loopback.inbox.accept(new_message(chat=group, is_private=False))
        await clock.sleep(4.5)
        assert offered == []
        await clock.sleep(1)
        assert offered == [note.message_id]
        engine.latency_s, engine.failures = 0.0, [EngineBusy("503")] * 9
        loopback.platform.recording = make_recording([4])
        failed = new_message(chat=Chat("test", "1", "4"))
        await loopback.inbox.accept(failed)
        await clock.sleep(6)
        assert offered == [note.message_id, failed.message_id]
        await loopback.settle()
    assert len(offered) == 2, "once"
