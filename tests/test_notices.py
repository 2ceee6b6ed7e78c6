"""What operators are told: in their private chats on real platforms, once, whatever restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from bots.__main__ import _build_platforms, make_worker, open_program
from core import jobs as jobs_module
from core.config import Settings
from core.models import Chat, JobState, Probe
from core.store import Store
from tests.emulators.discord import DiscordServer
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.engines.conftest import make_settings
from tests.support.clean_start import make_database
from tests.support.loopback import settle

OLD = "mimo-v2-asr"
NEWS = f"mimo: mimo-v2.5-asr hears from now on, instead of {OLD}."


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as server:
        yield server


class Operators:
    """Ann on Telegram and Ben on Discord, who run the program."""

    def __init__(
        self, home: Path, telegram: TelegramServer, discord: DiscordServer, mimo: MimoServer
    ) -> None:
        self.home, self.telegram, self.discord, self.mimo = home, telegram, discord, mimo
        self.ann, self.ben = telegram.add_user("Ann"), discord.add_user("Ben")
        make_database(home)

    def settings(self, *admins: str) -> Settings:
        return make_settings(
            hearsay_home=self.home,
            telegram_bot_token=self.telegram.token,
            telegram_api_base_url=self.telegram.api_base_url,
            telegram_file_base_url=self.telegram.file_base_url,
            discord_bot_token=self.discord.token,
            discord_api_base_url=self.discord.api_base_url,
            mimo_api_key=self.mimo.key,
            mimo_base_url=self.mimo.base_url,
            admin_ids=admins or (f"telegram:{self.ann}", f"discord:{self.ben}"),
        )

    @asynccontextmanager
    async def running(self, settings: Settings) -> AsyncIterator[Store]:
        """Run the program, the first time on the day after another model heard."""
        async with open_program(settings) as program:
            yesterday = datetime.now(UTC) - timedelta(days=1)
            if not await program.store.probes.all():
                await program.store.probes.begin("hears", yesterday)
                await program.store.probes.end(Probe("hears", "mimo", OLD, yesterday))
            platforms = _build_platforms(settings, program.assistant)
            program.assistant.platforms = platforms
            del platforms["web"]
            worker = make_worker(settings, program, platforms)
            runs = [*(platform.run() for platform in platforms.values()), worker.run()]
            tasks = [asyncio.create_task(run) for run in runs]
            try:
                with pytest.MonkeyPatch.context() as often:
                    often.setattr(jobs_module, "PROBE_AFTER_S", 0.05)
                    often.setattr(jobs_module, "IDLE_S", 0.1)
                    yield program.store
            finally:
                # None of the many looks at the probes is to be broken off within the database.
                await asyncio.sleep(0.3)
                await worker.stop()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                for platform in platforms.values():
                    await platform.close()

    async def settle(self, store: Store) -> dict[JobState, int]:
        """Wait until every role was probed and all is told; return what became of the jobs."""
        async with asyncio.timeout(60):
            while len(await store.probes.all()) < 3 or await self._is_probing(store):
                await asyncio.sleep(0.02)
        return await settle(store)

    async def _is_probing(self, store: Store) -> bool:
        # What the probe of a role has found is kept after it was told.
        found = await store.probes.all()
        return found["hears"].model == OLD or not all(probe.model for probe in found.values())

    def read(self) -> tuple[list[str], list[str]]:
        """Return what Ann and Ben see."""
        return (
            [answer.text for answer in self.telegram.answers(self.ann)],
            [answer.content for answer in self.discord.answers(self.discord.dm(self.ben))],
        )


@pytest.fixture
def operators(
    tmp_path: Path, telegram: TelegramServer, discord: DiscordServer, mimo: MimoServer
) -> Operators:
    return Operators(tmp_path, telegram, discord, mimo)


async def test_each_operator_is_told_in_their_private_chat(operators: Operators) -> None:
    async with operators.running(operators.settings()) as store:
        assert await operators.settle(store) == {"done": 2}
    assert operators.read() == ([NEWS], [NEWS])
    assert operators.discord.pings() == []


async def test_after_a_restart_nothing_is_told_again(operators: Operators) -> None:
    settings = operators.settings()
    for _ in range(2):
        async with operators.running(settings) as store:
            assert await operators.settle(store) == {"done": 2}
            # Long enough for more.
            await asyncio.sleep(0.3)
    assert operators.read() == ([NEWS], [NEWS])


async def test_who_cannot_be_reached_keeps_nobody_else_waiting(operators: Operators) -> None:
    closed = operators.discord.add_user("Cora", is_closed=True)
    admins = (f"discord:{closed}", "discord:404", f"telegram:{operators.ann}")
    with capture_logs() as logs:
        async with operators.running(operators.settings(*admins)) as store:
            assert await operators.settle(store) == {"done": 1, "cancelled": 1}
    assert operators.read() == ([NEWS], [])
    assert [log["platform"] for log in logs if "could not be told" in log["event"]] == ["discord"]


async def test_without_operators_the_log_alone_tells(operators: Operators) -> None:
    settings = operators.settings().model_copy(update={"admin_ids": ()})
    async with operators.running(settings) as store:
        assert await operators.settle(store) == {}
    assert operators.read() == ([], [])


async def test_a_notice_is_kept_once(operators: Operators) -> None:
    async with open_program(operators.settings()) as program:
        chat, notices = Chat("telegram", "1", "7"), program.store.notices
        assert await notices.add(chat, "a", "Something.")
        assert not await notices.add(chat, "a", "Something.")
        assert await notices.add(chat, "b", "Something else.")
        assert await program.store.jobs.counts() == {JobState.WAITING: 2}


async def test_nobody_can_type_a_notice(operators: Operators) -> None:
    async with operators.running(operators.settings()) as store:
        await operators.settle(store)
        operators.telegram.send_command(operators.ann, operators.ann, "/notice Buy this.")
        await operators.telegram.wait_for(lambda: len(operators.read()[0]) > 1)
    assert "Buy this" not in operators.read()[0][-1]


@pytest.mark.parametrize("wrong", ["7", "telegram:ann", "web:7", "discord:1,ann"])
def test_an_id_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="admin_ids"):
        make_settings(admin_ids=wrong, telegram_bot_token="1:a", discord_bot_token="x")


def test_a_platform_that_is_off_is_named() -> None:
    with pytest.raises(ValidationError, match="TELEGRAM_BOT_TOKEN is not set"):
        make_settings(admin_ids="telegram:7")
