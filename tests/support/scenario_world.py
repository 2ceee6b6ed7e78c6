"""Where the story happens: one program, all its platforms, and a person on each."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.bot import PAGE, START_S, Bot, wait_for
from tests.emulators.discord import DiscordServer
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.scenario_people import OnDiscord, OnTelegram, OnWeb

#: How long a step may take: the machine may be busy.
WAIT_S = 60.0


class Program(Bot):
    """The program with every platform switched on."""

    def __init__(
        self, home: Path, telegram: TelegramServer, discord: DiscordServer, mimo: MimoServer
    ) -> None:
        super().__init__(home, telegram, mimo)
        self.discord = discord

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HEARSAY_HOME": str(self.home),
            "TELEGRAM_BOT_TOKEN": self.telegram.token,
            "TELEGRAM_API_BASE_URL": self.telegram.api_base_url,
            "TELEGRAM_FILE_BASE_URL": self.telegram.file_base_url,
            "DISCORD_BOT_TOKEN": self.discord.token,
            "DISCORD_API_BASE_URL": self.discord.api_base_url,
            "WEB_PORT": "0",
            "MIMO_API_KEY": self.mimo.key,
            "MIMO_BASE_URL": self.mimo.base_url,
        }

    async def open(self) -> str:
        """Start it, wait until it is there on every platform, and return the page's address."""
        await self.start()
        await wait_for(lambda: bool(self.discord.commands()), START_S)
        found = await wait_for(lambda: PAGE.search(self.log), START_S)
        return str(found[0])

    async def settle_one(self, message_id: str) -> None:
        """Wait until the job of a message has ended, and not badly."""
        query = (
            "select jobs.state from messages join jobs using (message_pk) "
            f"where messages.message_id = '{message_id}'"
        )

        def has_ended() -> bool:
            states = {state for (state,) in self.rows(query)}
            return bool(states) and not states & {"waiting", "running"}

        try:
            await wait_for(has_ended, WAIT_S)
        except TimeoutError:
            raise AssertionError(f"{message_id}\n{self.log[-6000:]}") from None


@dataclass
class Town:
    """The program and the people."""

    program: Program
    telegram: OnTelegram
    discord: OnDiscord
    web: OnWeb


@asynccontextmanager
async def open_town(home: Path, mimo: MimoServer) -> AsyncIterator[Town]:
    """Let the program run, and people find it."""
    async with (
        TelegramServer() as telegram,
        DiscordServer() as discord,
        Program(home, telegram, discord, mimo) as program,
    ):
        url = await program.open()
        settle = program.settle_one
        web = OnWeb(url, settle)
        await web.open()
        yield Town(program, OnTelegram(telegram, settle), OnDiscord(discord, settle), web)
        await web.close()
        assert discord.pings() == []
        assert await program.stop() == 0
