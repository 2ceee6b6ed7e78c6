"""/admin and /cancel overtake what waits, and are no way to keep others waiting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.clock import Clock
from core.models import Chat, JobState
from core.store.work import excess
from tests.emulators.telegram import TelegramServer
from tests.operations.test_access_requests import asking
from tests.operations.test_admin import Desk
from tests.support.virtual_time import current_clock

FLOOD = 300


@pytest.fixture
async def desk(telegram: TelegramServer, tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(telegram, tmp_path, allowed_chats="")
    async with asking(desk.settings) as store:
        desk.store = store
        yield desk


async def wait_s(desk: Desk, person: int, words: str) -> float:
    """Return how long the reply to a command takes."""
    clock, telegram = current_clock(), desk.telegram
    began_s = clock.monotonic()
    sent = telegram.send_command(person, person, words)
    while not telegram.replies_to(person, sent):
        await clock.sleep(0.2)
    return clock.monotonic() - began_s


@pytest.mark.parametrize("words", ["/xyzzy", "/admin", "/admin status", "/cancel"])
async def test_hundreds_of_commands_of_one_person_delay_nobody(
    desk: Desk, clock: Clock, words: str
) -> None:
    telegram = desk.telegram
    await wait_s(desk, desk.ben, "/help")
    await clock.sleep(5)
    for _ in range(FLOOD):
        telegram.send_command(desk.ann, desk.ann, words)
    await clock.sleep(20)
    assert await wait_s(desk, desk.ben, "/help") <= 2.0
    # An operator need not wait even for their own work.
    assert await wait_s(desk, desk.boss, "/admin status") <= 2.0
    counts = await desk.store.jobs.counts()
    assert counts[JobState.REFUSED] >= FLOOD - excess.MAX_OF_PERSON - 50, "all but its answer"


async def test_admin_of_somebody_else_is_stored_as_an_unknown_command(
    desk: Desk, clock: Clock
) -> None:
    """So it is treated as one everywhere: in its turn, while work is paused, in statistics."""
    await desk.ask("pause")
    sent = {
        words: desk.telegram.send_command(person, person, words)
        for person, words in ((desk.ann, "/admin"), (desk.ben, "/xyzzy"))
    }
    await clock.sleep(5)
    for (words, message_id), person in zip(sent.items(), (desk.ann, desk.ben), strict=True):
        chat = Chat("telegram", "123456", str(person))
        job = await desk.store.jobs.of_message(chat, str(message_id))
        assert job and (job.command, job.state) == ("unknown", JobState.WAITING), words
    assert desk.texts(desk.ann) == desk.texts(desk.ben)
    await desk.ask("resume")
    await desk.telegram.wait_for(lambda: "I don't know /admin" in desk.texts(desk.ann)[-1])


async def test_a_button_of_a_former_operator_is_an_unknown_command(
    telegram: TelegramServer, tmp_path: Path, clock: Clock
) -> None:
    desk = Desk(telegram, tmp_path, allowed_chats="")
    async with asking(desk.settings) as store:
        desk.store = store
        await desk.ask("broadcast Tonight.")
    asked = telegram.replies(desk.boss)[-1]
    async with asking(desk.settings.model_copy(update={"admin_ids": ()})) as store:
        [[button]] = asked.buttons
        telegram.press_button(desk.boss, desk.boss, asked.message_id, button["text"])
        await clock.sleep(10)
        commands = {job.command for job in await store.jobs.recent([JobState.DONE], 1)}
    assert commands == {"unknown"}
