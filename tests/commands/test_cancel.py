"""/cancel: whose requests it ends, at which stage, and what each of them says then."""

from __future__ import annotations

from typing import Any

import pytest

from core.clock import Clock
from core.models import CANCEL_TOKEN, Job, JobState, QuotedMessage, Reply
from tests.conftest import NewMessage
from tests.support.loopback import Loopback

OTHER = "someone-else"


class Room:
    """A group whose requests each take half a minute."""

    def __init__(self, loopback: Loopback, new: NewMessage) -> None:
        self.loopback, self.new = loopback, new
        loopback.engine.latency_s = 30.0
        loopback.platform.can_administer = False

    async def ask(self, **changes: Any) -> Job:
        changes = {"is_private": False, "command": "transcribe", **changes}
        job = await self.loopback.inbox.accept(self.new(**changes))
        assert job
        return job

    async def cancel(self, **changes: Any) -> Job:
        return await self.ask(command="cancel", attachment=None, **changes)

    def reply_to(self, job: Job) -> Reply:
        [reply] = [r for to, r in self.loopback.platform.sent if to == job.message.message_id]
        return reply


@pytest.fixture
def room(loopback: Loopback, new_message: NewMessage) -> Room:
    return Room(loopback, new_message)


@pytest.mark.finding(22)
async def test_cancel_ends_what_runs_and_what_waits_at_once(room: Room, clock: Clock) -> None:
    async with room.loopback.running():
        running, waiting, foreign = (
            await room.ask(),
            await room.ask(),
            await room.ask(sender_id=OTHER),
        )
        await clock.sleep(5)
        assert room.loopback.engine.at_once == 1
        asked = await room.cancel()
        await clock.sleep(1)
        assert [room.reply_to(job).text for job in (running, waiting)] == ["Cancelled."] * 2
        states = {JobState.CANCELLED: 2, JobState.DONE: 2, JobState.REFUSED: 1}
        assert room.reply_to(asked).text == "2 requests were cancelled.", "it does not wait"
        again = await room.cancel()
        assert await room.loopback.settle() == states, "what another person asked for goes on"
    assert room.reply_to(foreign).quote == "call 2"
    assert len(room.loopback.engine.calls) == 2, "what had not begun costs nothing"
    assert room.reply_to(again).text == "There is nothing to cancel."


@pytest.mark.finding(22)
async def test_a_button_cancels_its_job_for_its_owner_and_for_admins(
    room: Room, clock: Clock
) -> None:
    async with room.loopback.running():
        first = await room.ask()
        await clock.sleep(1)
        button = f"{CANCEL_TOKEN}{first.job_id}"
        foreign = await room.ask(command="", attachment=None, button=button, sender_id=OTHER)
        await clock.sleep(1)
        assert room.loopback.engine.at_once == 1, "it goes on"
        assert "Only the person who asked" in room.reply_to(foreign).text
        room.loopback.platform.can_administer = True
        pressed = await room.ask(command="", attachment=None, button=button, sender_id="admin")
        await clock.sleep(1)
        assert room.reply_to(first).text == "Cancelled."
        await room.loopback.settle()
        room.loopback.platform.can_administer = False
        second = await room.ask()
        own = await room.ask(command="", attachment=None, button=f"{CANCEL_TOKEN}{second.job_id}")
        await room.loopback.settle()
    assert room.reply_to(second).text == "Cancelled."
    assert room.reply_to(pressed) == room.reply_to(own) == Reply(), "what it cancelled says so"


@pytest.mark.finding(22)
async def test_cancel_as_a_reply_means_that_message_and_all_means_everybody(
    room: Room, clock: Clock
) -> None:
    room.loopback.platform.can_administer = True
    async with room.loopback.running():
        first, second = await room.ask(sender_id=OTHER), await room.ask(sender_id=OTHER)
        third = await room.ask()
        await clock.sleep(1)
        one = await room.cancel(reply_to=QuotedMessage(second.message.message_id))
        everything = await room.cancel(text="all")
        assert await room.loopback.settle() == {JobState.CANCELLED: 3, JobState.DONE: 2}
    assert room.reply_to(one).text == "1 request was cancelled."
    assert room.reply_to(everything).text == "2 requests were cancelled."
    assert [room.reply_to(job).text for job in (first, second, third)] == ["Cancelled."] * 3


async def test_an_edit_becomes_a_cancel_once(room: Room) -> None:
    """Telegram also reports edits that change nothing."""
    async with room.loopback.running():
        asked = await room.ask()
        typo = room.new(command="cancell", attachment=None)
        await room.loopback.inbox.accept(typo)
        edited = await room.cancel(message_id=typo.message_id, edit_id="2")
        later = await room.ask()
        again = room.new(command="cancel", attachment=None, message_id=typo.message_id, edit_id="3")
        assert await room.loopback.inbox.accept(again) is None
        await room.loopback.settle()
    assert room.reply_to(asked).text == "Cancelled." and room.reply_to(later).quote
    texts = [r.text for to, r in room.loopback.platform.sent if to == edited.message.message_id]
    assert "2 requests were cancelled." in texts, "the one that explains the typing error, too"


@pytest.mark.finding(22)
async def test_a_repeated_cancel_does_not_reach_what_came_later(room: Room, clock: Clock) -> None:
    async with room.loopback.running():
        await room.ask()
        cancel = room.new(command="cancel", attachment=None, is_private=False)
        await room.loopback.inbox.accept(cancel)
        later = await room.ask()
        assert await room.loopback.inbox.accept(cancel) is None
        assert await room.loopback.settle() == {JobState.CANCELLED: 1, JobState.DONE: 2}
    assert room.reply_to(later).quote
