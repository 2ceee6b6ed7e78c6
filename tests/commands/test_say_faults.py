"""What goes wrong while MiMo speaks, on the whole road: one answer, nothing half, nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from core import jobs
from core.engines.mimo import Mimo
from core.models import JobState, Reply
from core.store import Store, tables
from tests.conftest import NewMessage
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.speaking import RATE_HZ, expected_numbers, read_numbers
from tests.engines.conftest import make_settings
from tests.support import sounds
from tests.support.loopback import Road, road_on

TEXT = "Three words here."
LONG = "Here is one. Here is two. Here is three. Here is four."
#: Some of the faults of `tests/engines/test_faults.py`, where all of them are.
UNBILLED = ("429_seconds", "503", "reset")
OF_STREAMS = ("sse_reset", "sse_no_done", "speech_odd")
OF_FILES = ("speech_wav_cut", "speech_base64", "short_body")


class Talk:
    """One person, the road, and a MiMo that fails."""

    def __init__(self, road: Road, engine: Mimo, server: MimoServer, new: NewMessage) -> None:
        self.road, self.engine, self.server, self._new = road, engine, server, new

    async def say(self, text: str) -> str:
        """Type /say and return the job's id."""
        message = self._new(attachment=None, command="say", text=text)
        job = await self.road.assistant.accept(message)
        assert job is not None
        return job.job_id

    async def settle(self) -> dict[JobState, int]:
        return await self.road.settle()

    @property
    def reply(self) -> Reply:
        """The one answer that was sent."""
        [(_, reply)] = self.road.platform.sent
        return reply

    def check_said(self, text: str) -> None:
        """See that the one answer says all of `text`, each word once."""
        [file] = self.reply.files
        assert read_numbers(sounds.decode(file.data, RATE_HZ), RATE_HZ) == expected_numbers(text)


@pytest.fixture
async def talk(store: Store, new_message: NewMessage) -> AsyncIterator[Talk]:
    async with MimoServer() as server:
        engine = Mimo(make_settings(mimo_base_url=server.base_url, mimo_api_key=server.key))
        async with road_on(store, synthesizer=engine) as road:
            yield Talk(road, engine, server, new_message)
        await engine.close()


async def fail_once(talk: Talk, kind: str) -> None:
    talk.server.add_fault(kind, value=30)
    await talk.say(TEXT)
    assert await talk.settle() == {JobState.DONE: 1}
    talk.check_said(TEXT)
    assert [call.fault for call in talk.server.calls] == [kind, ""]
    assert len(talk.road.platform.sent) == 1


@pytest.mark.parametrize("kind", UNBILLED)
async def test_a_call_that_was_not_taken_is_made_again(talk: Talk, kind: str) -> None:
    await fail_once(talk, kind)
    assert len(talk.server.billed) == 1


@pytest.mark.parametrize("kind", OF_STREAMS)
async def test_a_stream_that_breaks_leaves_nothing_half(talk: Talk, kind: str) -> None:
    await fail_once(talk, kind)
    assert len(talk.server.billed) <= 2


@pytest.mark.parametrize("kind", OF_FILES)
async def test_a_file_that_is_wrong_is_not_sent(talk: Talk, kind: str) -> None:
    talk.engine.can_stream_speech = False
    await fail_once(talk, kind)
    assert len(talk.server.billed) <= 2


async def test_a_service_that_hangs(talk: Talk) -> None:
    talk.server.add_fault("hang")
    await talk.say(TEXT)
    assert await talk.settle() == {JobState.DONE: 1}
    talk.check_said(TEXT)


@pytest.mark.parametrize("kind", ["500", "sse_no_done"])
async def test_given_up_it_says_so_and_offers_to_try_again(talk: Talk, kind: str) -> None:
    talk.server.add_fault(kind, times=None)
    job_id = await talk.say(TEXT)
    assert await talk.settle() == {JobState.DEAD: 1}
    assert len(talk.server.calls) == jobs.MAX_ATTEMPTS
    reply = talk.reply
    assert job_id in reply.text and "\n" not in reply.text
    assert [button.label for button in reply.buttons] == ["Retry"]
    assert not reply.files and not reply.quote

    talk.server.clear_faults()
    talk.road.platform.sent.clear()
    assert await talk.road.store.jobs.retry(job_id)
    talk.road.worker.wake()
    assert await talk.settle() == {JobState.DONE: 1}
    talk.check_said(TEXT)


@pytest.mark.parametrize("kind", ["421", "content_filter"])
async def test_a_text_that_is_refused_is_not_tried_again(talk: Talk, kind: str) -> None:
    talk.server.add_fault(kind, times=None)
    await talk.say(TEXT)
    assert await talk.settle() == {JobState.REFUSED: 1}
    assert len(talk.server.calls) == 1
    assert talk.reply.text.startswith("The speech service refused this")
    assert "\n" not in talk.reply.text
    assert not talk.reply.files and not talk.reply.buttons


@pytest.mark.parametrize("kind", ["401", "402"])
async def test_what_only_the_operator_can_mend_is_kept(talk: Talk, kind: str) -> None:
    talk.server.add_fault(kind)
    job_id = await talk.say(TEXT)
    assert await talk.settle() == {JobState.DONE: 1}
    talk.check_said(TEXT)
    found = await talk.road.store.jobs.find(job_id)
    assert found is not None and found.attempts == 1, "that the key was wrong is no attempt"
    assert len(talk.server.billed) == 1


async def test_of_a_long_text_only_what_failed_is_said_again(talk: Talk) -> None:
    kinds = ("503", "sse_reset", "speech_odd")
    for kind in kinds:
        talk.server.add_fault(kind)
    limits = talk.engine.speech_limits
    talk.engine.speech_limits = replace(limits, max_chars=30)
    await talk.say(LONG)
    assert await talk.settle() == {JobState.DONE: 1}
    talk.check_said(LONG)
    asked = Counter(call.text for call in talk.server.calls)
    whole = Counter(call.text for call in talk.server.calls if not call.fault)
    assert len(asked) >= 2 and set(whole.values()) == {1} and set(whole) == set(asked)
    assert sum(asked.values()) == len(asked) + len(kinds)


async def test_a_piece_that_breaks_off_in_the_middle_is_not_kept(talk: Talk, store: Store) -> None:
    talk.server.add_fault("sse_reset", times=None)
    await talk.say(TEXT)
    assert await talk.settle() == {JobState.DEAD: 1}
    assert b"".join(talk.road.platform.played), "some of it was heard while it came"
    assert await count_sounds(store) == 0
    assert not talk.reply.files


async def count_sounds(store: Store) -> int:
    """How many pieces of speech are kept."""
    async with store._database.read() as connection:
        found = await connection.execute(select(func.count()).select_from(tables.sounds))
    return int(found.scalar_one())
