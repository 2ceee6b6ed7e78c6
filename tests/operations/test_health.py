"""Each part of the running program is made to fail: health checks name it, operators are told."""

from __future__ import annotations

import asyncio
import gc
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from bots import program
from bots.telegram_bot.polling import POLL_S
from core.clock import Clock
from core.operations import incidents, outages
from core.operations.health import LOW_BYTES
from core.store import Store, make_cipher
from core.store.database import connections
from tests.emulators.cut_proxy import CutProxy
from tests.emulators.discord import DiscordServer
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.operations.test_incidents import Usage
from tests.support.clean_start import make_database
from tests.support.fake_inbox import make_settings
from tests.support.postgresql import PostgresServer
from tests.support.telegram_webhook import find_port
from tests.support.virtual_time import current_clock

#: In which a part that fails has to be named.
NAMED_S = 60.0


@dataclass
class Case:
    """How a part fails and is mended, and what operators are told, in the order of the table."""

    part: str
    break_it: Callable[[Running], object]
    mend: Callable[[Running], object]
    told: tuple[str, ...]
    #: How long it fails after it was named: others are told of later.
    lasts_s: float = 0.0
    #: After how long it fails: a poll that is under way is still answered.
    begins_s: float = 0.0


@dataclass
class Running:
    """The whole program between local servers."""

    telegram: TelegramServer
    discord: DiscordServer
    mimo: MimoServer
    home: Path
    monkeypatch: pytest.MonkeyPatch
    clock: Clock
    url: str = ""
    admin: int = 0
    held: list[sqlite3.Connection] = field(default_factory=list)

    async def ask(self, path: str = "/readyz") -> tuple[int, dict[str, Any]]:
        async with httpx.AsyncClient(base_url=self.url, timeout=30, verify=False) as client:
            answer = await client.get(path)
            return answer.status_code, answer.json()

    async def wait(self, part: str, *, is_ready: bool, most_s: float) -> float:
        """Return after how many seconds a part is ready, or is not."""
        began_s = self.clock.monotonic()
        while (took_s := self.clock.monotonic() - began_s) <= most_s:
            status, found = await self.ask()
            assert found["is_ready"] is (status == 200)
            assert found["faults"].keys() == {k for k, ok in found["parts"].items() if not ok}
            if found["parts"][part] is is_ready:
                return took_s
            await self.clock.sleep(4)
        raise AssertionError(f"{part} after {most_s} s: {found}")

    def lock(self) -> None:
        other = sqlite3.connect(self.home / "hearsay.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        self.held.append(other)

    def unlock(self) -> None:
        self.held.pop().close()

    def fill(self, free_bytes: int) -> None:
        self.monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, free_bytes))

    def ask_engine(self) -> None:
        """Let several people ask something that only the engine can answer."""
        for _ in range(6):
            ann = self.telegram.add_user()
            self.telegram.send_command(ann, ann, "/ask What is a finch?")

    def break_engine(self, kind: str) -> None:
        self.mimo.add_fault(kind, times=None)
        self.ask_engine()

    def silence_discord(self) -> None:
        self.discord.set_gateway_down(is_down=True)
        self.discord.make_zombies()

    @property
    def told(self) -> list[str]:
        return [one.text for one in self.telegram.replies(self.admin)]


CASES = (
    Case("telegram", lambda r: r.telegram.fault("getUpdates", "close", count=None),
         lambda r: r.telegram.clear_faults(),
         ("telegram: no messages have been", "telegram: messages are received"), 150, POLL_S),
    Case("discord", Running.silence_discord,
         lambda r: r.discord.set_gateway_down(is_down=False),
         ("discord: no messages have been", "discord: messages are received"), 150),
    Case("database", Running.lock, Running.unlock,
         ("The database could not be written: OperationalError: database is locked",
          "The database can be written"), 90),
    Case("disk", lambda r: r.fill(LOW_BYTES - 1), lambda r: r.fill(LOW_BYTES * 9),
         ("The disk is filling", "The disk has space"), 60),
    Case("mimo", lambda r: r.break_engine("503"), lambda r: r.mimo.clear_faults(),
         ("mimo is out of order", "mimo works again"), 60),
    Case("mimo", lambda r: r.break_engine("402"), lambda r: r.mimo.clear_faults(),
         ("mimo refuses calls because the balance", "mimo works again"), 60),
)  # fmt: skip


@asynccontextmanager
async def running(bot: Running) -> AsyncIterator[Running]:
    bot.admin = bot.telegram.add_user("Operator")
    port = find_port()
    bot.url = f"http://127.0.0.1:{port}"
    make_database(bot.home)
    settings = make_settings(
        hearsay_home=bot.home, web_port=port, admin_ids=f"telegram:{bot.admin}",
        telegram_bot_token=bot.telegram.token,
        telegram_api_base_url=bot.telegram.api_base_url,
        telegram_file_base_url=bot.telegram.file_base_url,
        discord_bot_token=bot.discord.token, discord_api_base_url=bot.discord.api_base_url,
        mimo_base_url=bot.mimo.base_url, mimo_api_key=bot.mimo.key, model_probe="off",
    )  # fmt: skip
    task = asyncio.create_task(program.run(settings, {}, clock=bot.clock))
    try:
        await bot.clock.sleep(60)
        assert not task.done()
        yield bot
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_each_part_that_fails_is_named_within_a_minute_and_told_once(
    telegram: TelegramServer, mimo: MimoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setattr(connections, "BUSY_TIMEOUT_MS", 50)
    # A minute instead of five: all that happens meanwhile takes its time.
    monkeypatch.setattr(outages, "WRITE_CHECK_S", 60.0)
    monkeypatch.setattr(incidents, "DISK_CHECK_S", 60.0)
    async with DiscordServer() as discord:
        clock = current_clock()
        bot = Running(telegram, discord, mimo, tmp_path, monkeypatch, clock)
        bot.fill(LOW_BYTES * 9)
        async with running(bot):
            status, found = await bot.ask()
            parts = {"telegram", "discord", "web", "database", "disk", "mimo"}
            assert (status, found["parts"]) == (200, dict.fromkeys(parts, True))
            for case in CASES:
                await check(bot, case)
            assert len(bot.told) == 2 * len(CASES)


async def check(bot: Running, case: Case) -> None:
    before = len(bot.told)
    case.break_it(bot)
    await bot.clock.sleep(case.begins_s)
    took_s = await bot.wait(case.part, is_ready=False, most_s=NAMED_S)
    assert (await bot.ask("/livez"))[0] == 200
    await bot.clock.sleep(case.lasts_s)
    case.mend(bot)
    await bot.wait(case.part, is_ready=True, most_s=NAMED_S if case.part != "mimo" else 400)
    await bot.clock.sleep(60)
    told = bot.told[before:]
    assert len(told) == len(case.told), (case.part, took_s, told)
    for text, begin in zip(told, case.told, strict=True):
        assert text.startswith(begin), case.part


async def test_postgresql_that_is_away_is_named(
    postgresql: PostgresServer, tmp_path: Path, clock: Clock
) -> None:
    url = postgresql.borrow()
    async with CutProxy(postgresql.port) as proxy:
        cipher = make_cipher(None, tmp_path)
        store = Store(url.replace(f":{postgresql.port}", f":{proxy.port}"), cipher, clock)
        assert await store.probes.check_writes() == ""
        await clock.sleep(60)
        proxy.is_down = True
        proxy.cut()
        assert "connection" in await store.probes.check_writes()
        proxy.is_down = False
        await clock.sleep(60)
        assert await store.probes.check_writes() == ""
        await store.close()
    postgresql.give_back(url)


@pytest.mark.sqlite_only
async def test_a_read_only_database_is_named(store: Store, clock: Clock) -> None:
    def set_read_only(value: str) -> None:
        writer: Any = store.probes._database._writer
        with writer.engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA query_only={value}")

    assert await store.probes.check_writes() == ""
    await clock.sleep(60)
    set_read_only("ON")
    assert "readonly database" in await store.probes.check_writes()
    set_read_only("OFF")
    await clock.sleep(60)
    assert await store.probes.check_writes() == ""
