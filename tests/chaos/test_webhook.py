"""The program with a webhook: killed before and after the commit, restarted, stopped."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.kills import Outcome, Step, check_steps
from tests.chaos.notes import make_note
from tests.chaos.points import WEBHOOK_POINTS
from tests.chaos.running_program import RunningProgram, wait_for
from tests.chaos.test_steps import kill_during_transcription, split
from tests.support.telegram_webhook import SECRET, build_url, find_port

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

#: The last point of polling, and the first one after both.
SHARED = ("S0 update received", "S1 message committed", "S2 job claimed", "S8 reply saved")


def set_webhook(bot: RunningProgram) -> None:
    """Have updates delivered to the program."""
    port = find_port()
    bot.settings |= {
        "WEB_PORT": str(port),
        "TELEGRAM_WEBHOOK_URL": build_url(port).removesuffix("/telegram/webhook"),
        "TELEGRAM_WEBHOOK_SECRET": SECRET,
    }


async def test_a_kill_between_request_commit_and_response_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    async def act(bot: RunningProgram, step: Step) -> Outcome:
        set_webhook(bot)
        outcome = await kill_during_transcription(bot, step, "private")
        # Telegram's next try may come later than the reply.
        await bot.start()
        await wait_for(lambda: not bot.telegram.pending(), 60)
        await bot.settle(1)
        await bot.stop()
        [ann] = {one.chat_id for one in outcome.answers}
        outcome = replace(outcome, answers=split(bot.telegram.replies(ann))[0])
        statuses = [one.status for one in bot.telegram.deliveries]
        is_cut = step[0] in WEBHOOK_POINTS or step[0].startswith(("S0", "S1"))
        outcome.faults.update(
            {
                "polled": bool(bot.telegram.requests_to("getUpdates")),
                "not confirmed": statuses[-1] != 200 or bool(bot.telegram.pending()),
                "confirmed too early": is_cut and (statuses[0] == 200 or len(statuses) < 2),
                "secret in the log": SECRET in bot.whole_log,
            }
        )
        return outcome

    steps = [(name, 1) for name in (*WEBHOOK_POINTS, *SHARED)]
    await check_steps("a note by webhook", steps, act, tmp_path)


async def test_it_is_left_set_and_serves_again(bot: RunningProgram) -> None:
    telegram, ann = bot.telegram, bot.telegram.add_user("Ann")
    set_webhook(bot)
    for number in range(2):
        telegram.send_voice(ann, ann, make_note(number), duration=2)
        await bot.start()
        await bot.settle(number + 1)
        status, ready = bot.page("/readyz")
        assert status == 200 and '"telegram":true' in ready.replace(" ", "")
        assert await bot.stop() == 0
    telegram.send_voice(ann, ann, make_note(2), duration=2)
    # Without the setting it is removed, and what waits is polled.
    del bot.settings["TELEGRAM_WEBHOOK_URL"]
    await bot.start()
    await bot.settle(3)
    assert await bot.stop() == 0
    assert len(telegram.replies(ann)) == 3
    assert len(telegram.requests_to("deleteWebhook")) == 1


@pytest.mark.parametrize("secret", ["", "short-0123456789", "ä" * 40])
async def test_without_a_good_secret_it_does_not_start(bot: RunningProgram, secret: str) -> None:
    set_webhook(bot)
    bot.settings["TELEGRAM_WEBHOOK_SECRET"] = secret
    await bot.start(is_awaited=False)
    assert await bot.wait_for_exit() == 78
    assert "TELEGRAM_WEBHOOK_SECRET" in bot.log
    assert not secret or secret not in bot.log
    assert not bot.telegram.requests


async def test_a_paused_program_is_caught_up_with(bot: RunningProgram) -> None:
    telegram, ann = bot.telegram, bot.telegram.add_user("Ann")
    set_webhook(bot)
    await bot.start()
    await wait_for(lambda: telegram.webhook()["url"] or None, 30)
    bot.signal(signal.SIGSTOP)
    for number in range(3):
        telegram.send_voice(ann, ann, make_note(number), duration=2)
    await wait_for(lambda: telegram.deliveries or None, 10)
    assert len(telegram.pending()) == 3, "nothing is confirmed"
    bot.signal(signal.SIGCONT)
    await bot.settle(3)
    await bot.stop()
    assert len(telegram.replies(ann)) == 3
