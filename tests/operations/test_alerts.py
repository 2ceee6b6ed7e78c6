"""What operators are told: in their private chats on real platforms, once, whatever restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from bots.exit_codes import describe_settings_error
from bots.program import Program, build_platforms, make_job_runner, open_program
from core.clock import Clock
from core.config import Settings
from core.errors import ChatGone, PlatformBusy, PlatformError
from core.interfaces import Platform
from core.models import Chat, JobState, ProbeResult
from core.operations.alerts import Alerts
from core.store import Store
from tests.emulators.discord import DiscordServer
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.engines.conftest import make_settings
from tests.support.clean_start import make_database, settle
from tests.support.loopback import LoopbackPlatform
from tests.support.virtual_time import current_clock

OLD = "mimo-v2-asr"
NEWS = f"mimo: the model for transcription is now mimo-v2.5-asr instead of {OLD}."


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[tuple[Program, dict[str, Platform]]]:
    """Run the program on all platforms but the page."""
    make_database(settings.hearsay_home)
    async with open_program(settings, current_clock()) as program:
        platforms = build_platforms(settings, program.inbox, program.clock)
        program.inbox.platforms = platforms
        del platforms["web"]
        worker = make_job_runner(settings, program, platforms)
        runs = [*(platform.run() for platform in platforms.values()), worker.run()]
        tasks = [asyncio.create_task(run) for run in runs]
        try:
            yield program, platforms
        finally:
            await worker.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for platform in platforms.values():
                await platform.close()


def on_telegram(home: Path, telegram: TelegramServer) -> dict[str, Any]:
    return {
        "hearsay_home": home, "telegram_bot_token": telegram.token,
        "telegram_api_base_url": telegram.api_base_url,
        "telegram_file_base_url": telegram.file_base_url,
    }  # fmt: skip


async def test_news_of_a_model_reach_the_operator_once(
    tmp_path: Path, telegram: TelegramServer, clock: Clock
) -> None:
    """Whatever restarts; and nobody else can make the program say a notice."""
    ann = telegram.add_user("Ann")
    async with MimoServer() as mimo:
        keys = {"mimo_api_key": mimo.key, "mimo_base_url": mimo.base_url}
        admins = (f"telegram:{ann}",)
        settings = make_settings(**on_telegram(tmp_path, telegram), **keys, admin_ids=admins)
        for is_again in (False, True):
            async with running(settings) as (program, _):
                if not is_again:
                    yesterday = clock.now() - timedelta(days=1)
                    await program.store.probes.begin("hears", yesterday)
                    await program.store.probes.end(ProbeResult("hears", "mimo", OLD, yesterday))
                await clock.sleep(599)
                assert len(telegram.replies(ann)) == is_again
                await clock.sleep(10)
                assert await settle(program.store) == {JobState.DONE: 1}
                assert [answer.text for answer in telegram.replies(ann)] == [NEWS]
                if is_again:
                    telegram.send_command(ann, ann, "/notice Buy this.")
                    await clock.sleep(10)
    assert len(telegram.replies(ann)) == 2
    assert "Buy this" not in telegram.replies(ann)[-1].text


@pytest.mark.real_time  # discord.py's heartbeat is a thread with a clock of its own
async def test_each_operator_gets_alerts_in_their_private_chat(
    tmp_path: Path, telegram: TelegramServer
) -> None:
    async with DiscordServer() as discord:
        ann, ben = telegram.add_user("Ann"), discord.add_user("Ben")
        closed = discord.add_user("Cora", is_closed=True)
        keys = {"discord_bot_token": discord.token, "discord_api_base_url": discord.api_base_url}
        settings = make_settings(**on_telegram(tmp_path, telegram), **keys)
        admins = (f"discord:{closed}", "discord:404", f"telegram:{ann}", f"discord:{ben}")
        with capture_logs() as logs:
            async with running(settings) as (program, platforms):
                alerts = Alerts(program.store.intake, platforms, admins)
                for _ in range(2):
                    await alerts.send("key", "News.")
                ended = {JobState.DONE: 2, JobState.CANCELLED: 1}
                assert await settle(program.store) == ended
        assert [answer.text for answer in telegram.replies(ann)] == ["News."]
        assert [a.content for a in discord.replies(discord.dm(ben))] == ["News."]
        assert discord.pings() == []
    unsent = [log["platform"] for log in logs if "not sent" in log["event"]]
    assert unsent == ["discord"] * 2


class Shy(LoopbackPlatform):
    """A platform that is not connected at first."""

    def __init__(self, *errors: PlatformError) -> None:
        super().__init__()
        self.errors = list(errors)
        self.asked = 0

    async def private_chat(self, person_id: str) -> Chat:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return Chat("test", "1", person_id)


async def texts_in(store: Store) -> list[tuple[str, str]]:
    jobs = await store.jobs.recent(set(JobState), 99)
    return [(job.message.chat.chat_id, job.message.text) for job in reversed(jobs)]


async def test_each_key_is_sent_once_to_each(store: Store) -> None:
    both = Alerts(store.intake, {"a": Shy(), "b": Shy()}, ("a:7", "b:8:9"))
    for key, text in [("k1", "One."), ("k1", "One again."), ("k2", "Two.")]:
        await both.send(key, text)
    assert await texts_in(store) == [
        ("7", "One."),
        ("8:9", "One."),
        ("7", "Two."),
        ("8:9", "Two."),
    ]
    assert {job.command for job in await store.jobs.recent(set(JobState), 9)} == {"notice"}
    await Alerts(store.intake, {}, ()).send("k3", "Nobody is to be told.")
    assert len(await texts_in(store)) == 4


async def test_a_platform_that_is_still_starting_is_waited_for(store: Store, clock: Clock) -> None:
    began_s = clock.monotonic()
    busy = [PlatformBusy("not connected yet") for _ in range(12)]
    await Alerts(store.intake, {"a": Shy(*busy)}, ("a:7",)).send("k", "News.")
    assert await texts_in(store) == [("7", "News.")]
    assert 20 < clock.monotonic() - began_s < 120


@pytest.mark.parametrize(
    ("errors", "asked"), [([PlatformBusy("away")] * 99, 18), ([ChatGone()], 1)]
)
async def test_an_unreachable_operator_does_not_block_others(
    store: Store, clock: Clock, errors: list[PlatformError], asked: int
) -> None:
    began_s, away = clock.monotonic(), Shy(*errors)
    with capture_logs() as logs:
        platforms = {"a": away, "b": Shy()}
        await Alerts(store.intake, platforms, ("a:7", "b:8")).send("k", "News.")
    assert await texts_in(store) == [("8", "News.")]
    assert away.asked == asked and clock.monotonic() - began_s < 180
    # stamina logs the attempts; the last line is ours.
    assert (logs[-1]["platform"], logs[-1]["error"]) == ("a", str(errors[0]))


@pytest.mark.finding(12)
def test_an_id_of_a_platform_that_is_off_is_named_and_what_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="TELEGRAM_BOT_TOKEN is not set"):
        make_settings(admin_ids="telegram:7")
    tokens = {"telegram_bot_token": "1:a", "discord_bot_token": "x"}
    for wrong in ("7", "telegram:ann", "web:7", "discord:1,ann", "7,8"):
        with pytest.raises(ValidationError) as caught:
            make_settings(admin_ids=wrong, **tokens)
        told = describe_settings_error(caught.value)
        assert told == "ADMIN_IDS: each must be like telegram:12345 or discord:12345"
    assert make_settings(admin_ids=" Telegram:7", **tokens).admin_ids == ("telegram:7",)
