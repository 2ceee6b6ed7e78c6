"""F: a service that never responds: people are told, then get a failure with Retry."""

from __future__ import annotations

import pytest

from core.models import JobState
from core.operations.delays import SLOW
from tests.acceptance.conftest import Open
from tests.chaos.notes import read_number
from tests.chaos.report import row

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]

#: Instead of 20, 90 and 15 s.
WAITS = {
    "core.operations.delays:DelayNotices.tell_after_s": 0.5,
    "core.operations.delays:CHECK_S": 0.1,
    "core.stall:StallTimer.max_s": 2.0,
    "core.stall:MIN_TRY_S": 0.5,
}


@pytest.mark.finding(11)
@row("F4-hang", "no response at all: a word, then a failure with Retry, which answers")
async def test_a_hanging_service_is_told_and_ends(open_stage: Open, row: str) -> None:
    async with open_stage(constants=WAITS) as stage:
        stage.mimo.add_fault("hang", times=None)
        person = stage.person()
        _, number = await stage.send_note(person)
        [job] = await stage.settle(person)
        [told] = stage.telegram.replies(person)
        assert job.state is JobState.DEAD and told.labels == ["Retry"]
        # The failure comes as a new message, which notifies, instead of the notice.
        sent = stage.telegram.requests_to("sendMessage")
        assert SLOW in [call.params["text"] for call in sent]
        assert told.text.startswith("I could not transcribe this. The AI service is busy.")
        stage.mimo.clear_faults()
        stage.telegram.press_button(person, person, told.message_id, "Retry")
        await stage.settle(person, 2)
        [answer] = stage.telegram.replies(person)
        assert read_number(answer.text) == number


@pytest.mark.finding(13)
@row("G14-refused", "a file that Telegram does not give: its fault, said within a minute")
async def test_a_file_that_telegram_does_not_give(open_stage: Open, row: str) -> None:
    async with open_stage(speed=20) as stage:
        stage.telegram.fault("download", "status", status=502, count=None)
        person = stage.person()
        await stage.send_note(person)
        [job] = await stage.settle(person)
        [told] = stage.telegram.replies(person)
        assert job.state is JobState.REFUSED
        assert told.text == "Telegram does not give me this file. Please send it again."
        assert stage.mimo.requests == []
