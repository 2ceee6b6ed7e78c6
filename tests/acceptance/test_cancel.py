"""A long recording on Telegram: how far it is, and the button that cancels it."""

from __future__ import annotations

import re

import pytest

from core.models import JobState
from tests.acceptance.stage import Stage
from tests.support import audio_samples

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]

STATE = re.compile(r"([0-9]+)% · [0-9]:[0-9]{2} of 2:00")


@pytest.mark.finding(22)
async def test_a_translation_in_a_group_shows_how_far_its_recording_is(stage: Stage) -> None:
    """Comes first: once the engine is known to be fast, a long recording is no reason to say so."""
    ann, telegram = stage.person(), stage.telegram
    group = stage.group(person=ann)
    sound = audio_samples.file("ogg-opus", audio_samples.speech(120.3))
    async with stage.slow_engine(60.0):
        note = telegram.send_voice(group, ann, sound, duration=120)
        ask = telegram.send_command(group, ann, "/translate German", reply_to=note)

        def is_shown() -> bool:
            return any(STATE.search(one.text) for one in telegram.replies_to(group, ask))

        await telegram.wait_for(is_shown, 40)
        [progress] = telegram.replies_to(group, ask)
        telegram.press_button(group, ann, progress.message_id, "Cancel")
        await stage.settle(group, 2)
    assert [one.text for one in telegram.replies(group)] == ["Cancelled."]


@pytest.mark.finding(22)
async def test_a_long_recording_shows_how_far_it_is_and_can_be_cancelled(stage: Stage) -> None:
    ann, telegram = stage.person(), stage.telegram
    sound = audio_samples.file("ogg-opus", audio_samples.speech(120))
    async with stage.slow_engine(60.0):
        telegram.send_voice(ann, ann, sound, duration=120)
        await telegram.wait_for(lambda: telegram.replies(ann), 40)
        [progress] = telegram.replies(ann)
        assert STATE.search(progress.text), progress.text
        [[button]] = progress.buttons
        assert button["text"] == "Cancel"
        telegram.press_button(ann, ann, progress.message_id, "Cancel")
        jobs = await stage.settle(ann, 2)
    assert {job.state for job in jobs} == {JobState.CANCELLED, JobState.DONE}
    [reply] = telegram.replies(ann)
    assert (reply.text, reply.buttons) == ("Cancelled.", [])


@pytest.mark.finding(22)
async def test_the_reply_of_a_long_recording_takes_the_place_of_its_progress(stage: Stage) -> None:
    ann, telegram = stage.person(), stage.telegram
    sound = audio_samples.file("ogg-opus", audio_samples.speech(120))
    async with stage.slow_engine(6.0):
        telegram.send_audio(ann, ann, sound)
        jobs = await stage.settle(ann, 1)
    assert [job.state for job in jobs] == [JobState.DONE]
    progress, *answer = telegram.replies(ann, has_deleted=True)
    assert all(STATE.search(version) for version in progress.versions) and progress.is_deleted
    assert answer and "Cancel" not in str(answer[-1].buttons)
