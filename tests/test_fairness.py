"""One person's hundreds of notes delay nobody, through the whole road."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from pydantic import SecretStr

from core.clock import Clock
from core.config import Settings
from core.engines.mimo.transcriber import MimoTranscriber
from core.models import Attachment, Chat, JobState, Message
from core.store import Store
from core.store.work import excess
from tests.conftest import NewMessage
from tests.emulators.mimo import MimoServer
from tests.support import audio_samples
from tests.support.loopback import Loopback, run_loopback

NOTE_S, LATENCY_S = 5.0, 1.0
Note = Callable[[str, int], Message]


@pytest.fixture
async def busy(store: Store, mimo: MimoServer) -> AsyncIterator[Loopback]:
    """A loopback with MiMo, whose calls take a second, and a different recording each time."""
    mimo.rules.latency_s = LATENCY_S
    mimo.rules.has_limits = True
    settings = Settings(
        _env_file=None, mimo_base_url=mimo.base_url, mimo_api_key=SecretStr(mimo.key)
    )  # type: ignore[call-arg]
    transcriber = MimoTranscriber(settings)
    whole = audio_samples.speech(NOTE_S + 1)

    async def fetch(message: Message) -> bytes:
        return audio_samples.file("wav", whole[: int(32000 * NOTE_S) + 2 * int(message.message_id)])

    async with run_loopback(store, transcriber) as loopback:
        loopback.platform.fetch = fetch  # type: ignore[method-assign]
        yield loopback
    await transcriber.close()


@pytest.fixture
def note(new_message: NewMessage) -> Note:
    def make(person: str, chat: int) -> Message:
        attachment = Attachment("file", duration_s=NOTE_S)
        message = new_message(sender_id=person, attachment=attachment)
        return replace(message, chat=Chat("test", "1", f"{person}-{chat}"))

    return make


async def wait_s(busy: Loopback, message: Message, clock: Clock) -> float:
    """Return how long the reply to a note takes."""
    began_s = clock.monotonic()
    await busy.inbox.accept(message)
    while message.message_id not in busy.platform.sent_to:
        await clock.sleep(0.05)
    return clock.monotonic() - began_s


async def test_three_hundred_notes_delay_another_note_by_two_seconds_at_most(
    busy: Loopback, note: Note, clock: Clock, mimo: MimoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excess, "MAX_OF_PERSON", 1000)
    alone_s = await wait_s(busy, note("first", 0), clock)
    for number in range(300):
        await busy.inbox.accept(note("many", number % 60))
    for after_s in (1, 20, 40):
        await clock.sleep(after_s)
        assert await wait_s(busy, note(f"other {after_s}", 0), clock) <= alone_s + 2.0
    assert sum(call.status == 429 for call in mimo.requests) <= 0.02 * len(mimo.requests)


async def test_what_is_too_much_gets_one_answer(
    busy: Loopback, note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excess, "MAX_OF_PERSON", 5)
    taken = [await busy.inbox.accept(note("many", number % 3)) for number in range(12)]
    assert [job is not None for job in taken] == [True] * 6 + [False] * 6
    assert await busy.settle() == {JobState.DONE: 5, JobState.REFUSED: 7}
    told = [reply.text for _, reply in busy.platform.sent if "take no more" in reply.text]
    assert len(told) == 1 and len(busy.platform.sent) == 6


async def test_three_times_the_limits_are_used_up_and_shared(
    busy: Loopback, note: Note, clock: Clock, mimo: MimoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One chat has two hundred jobs, twenty people have five, and one has a single one."""
    monkeypatch.setattr(excess, "MAX_OF_PERSON", 1000)
    began_s = clock.monotonic()
    for number in range(200):
        await busy.inbox.accept(note("many", 0))
        if number < 100:
            await busy.inbox.accept(note(f"person {number % 20}", number % 2))
    await clock.sleep(10)
    # Whoever waits has a share of the hundred calls a minute, as many as there are people.
    fair_s = 60.0 / 100 * 22
    assert await wait_s(busy, note("single", 0), clock) <= 2 * fair_s
    await busy.settle()
    calls = mimo.requests
    assert sum(call.status == 429 for call in calls) <= 0.02 * len(calls)
    minutes = Counter(int((call.started_at_s - began_s) // 60) for call in calls)
    assert all(minutes[number] >= 90 for number in range(2)), minutes
    assert len(busy.platform.sent) == 301
