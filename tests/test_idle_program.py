"""The program while nobody writes: it sleeps until something is due, and misses nothing by that."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bots import program
from core.clock import Clock
from core.models import DigestSchedule
from core.operations.delays import SILENT_DELAY_S
from tests.conftest import NewMessage, ask_for_help
from tests.emulators.discord import DiscordServer
from tests.emulators.telegram import TelegramServer
from tests.support.clean_start import make_database
from tests.support.fake_inbox import make_settings
from tests.support.loopback import Loopback

HOUR_S = 3600.0
#: Timers that may expire in an hour: Telegram's long polls, of 30 s, on both sides; Discord's
#: heartbeats every 10 s; looks at jobs and digests every minute, at what may be broken every 5 s.
MOST_WAKES = 2 * HOUR_S / 30 + HOUR_S / 10 + 2 * HOUR_S / 60 + HOUR_S / 5


async def test_the_whole_program_sleeps_until_something_is_due(
    telegram: TelegramServer, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    call_at, wakes = loop.call_at, list[float]()

    def count_call(when: float, callback: Callable[..., object], *values: Any, **more: Any) -> Any:
        def call() -> None:
            wakes.append(when)
            callback(*values)

        return call_at(when, call, **more)

    monkeypatch.setattr(gc, "freeze", lambda: None)
    make_database(tmp_path)
    async with DiscordServer() as discord:
        settings = make_settings(
            hearsay_home=tmp_path,
            web_port=0,
            telegram_bot_token=telegram.token,
            telegram_api_base_url=telegram.api_base_url,
            telegram_file_base_url=telegram.file_base_url,
            discord_bot_token=discord.token,
            discord_api_base_url=discord.api_base_url,
        )
        running = asyncio.create_task(program.run(settings, {}, clock=clock))
        await clock.sleep(60)
        assert discord.connected() and not running.done()
        monkeypatch.setattr(loop, "call_at", count_call)
        await clock.sleep(HOUR_S)
        monkeypatch.undo()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert len(wakes) <= MOST_WAKES


async def test_what_the_program_says_of_itself_is_said_at_once(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    async with loopback.running():
        await clock.sleep(100)
        await loopback.store.intake.add_own(ask_for_help(new_message))
        await clock.sleep(0.1)
        assert loopback.platform.sent_to == ["1"]


async def test_a_digest_planned_for_soon_is_in_time(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    chat, due_at = new_message().chat, clock.now() + timedelta(seconds=130)
    plan = DigestSchedule("1", chat, "09:00", "UTC", False, None, False, "en", due_at)
    async with loopback.running():
        await clock.sleep(100)
        await loopback.store.schedules.add(plan)
        await clock.sleep(30.1)
        assert [job.command for job in await loopback.store.jobs.history(chat)] == ["digest_due"]


async def test_others_pass_a_slow_message_as_soon_as_its_sender_was_told(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    loopback.engine.latency_s = 100.0
    async with loopback.running():
        await loopback.inbox.accept(new_message(message_id="slow"))
        await loopback.inbox.accept(ask_for_help(new_message, message_id="help"))
        await clock.sleep(SILENT_DELAY_S - 1)
        assert loopback.platform.sent_to == []
        await clock.sleep(1.5)
        assert loopback.platform.sent_to == ["help"]
        await loopback.settle()
