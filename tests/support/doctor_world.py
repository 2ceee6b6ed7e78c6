"""A setup that is right in every way, for tests that spoil one thing and ask `hearsay doctor`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from socket import socket
from typing import Any

import pytest

from bots.doctor import check_settings, run_checks
from bots.doctor.checks import CHECKS
from bots.doctor.results import Report
from core.commands import pick_command
from core.models import Chat, Message
from tests.emulators.discord import DiscordServer
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.clean_start import open_store
from tests.support.hearsay_command import CANARIES, KEY, TOKEN
from tests.support.virtual_time import current_clock

#: Slow, and about the machine alone.
SLOW = ("offline", "sound", "sandbox")
#: What these say depends on the machine on which the tests run.
OF_THE_MACHINE = ("user", "sqlite", "disk")


@dataclass
class DoctorWorld:
    """Two platforms, a service, a used database, and the settings that belong to them."""

    folder: Path
    patch: pytest.MonkeyPatch
    telegram: TelegramServer
    discord: DiscordServer
    mimo: MimoServer
    #: A group of Telegram and a channel of Discord in which the bot has answered.
    group: int = 0
    channel: str = ""
    #: What is in .env.
    settings: dict[str, str] = field(default_factory=dict)
    #: Open until the end.
    sockets: list[socket] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    async def fill(self) -> None:
        """Use the bot in a group and a channel, and write what belongs into .env."""
        ann = self.telegram.add_user("Ann")
        self.group = self.telegram.add_chat(members={ann: "member"})
        guild = self.discord.add_guild(members=[self.discord.add_user("Ann")])
        self.channel = self.discord.channel(guild)
        self.home.mkdir(mode=0o700)
        store = open_store(self.home)
        bot = self.discord.world.bot.user_id
        for chat in (
            Chat("telegram", TOKEN.partition(":")[0], str(self.group)),
            Chat("discord", bot, self.channel),
        ):
            message = Message(chat, "1", current_clock().now(), "7", "Ann", text="hello")
            assert await store.intake.add(replace(message, command="help"), pick_command)
        await store.close()
        (self.home / "hearsay.db").chmod(0o600)
        self.settings |= {
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_BASE_URL": self.telegram.api_base_url,
            "DISCORD_BOT_TOKEN": self.discord.token,
            "DISCORD_API_BASE_URL": self.discord.api_base_url,
            "MIMO_API_KEY": KEY,
            "MIMO_BASE_URL": self.mimo.base_url,
            "ALLOWED_CHATS": "7",
            "HEARSAY_HOME": str(self.home),
            "WEB_PORT": "0",
        }

    async def ask_doctor(self, capsys: pytest.CaptureFixture[str]) -> Diagnosis:
        """Return what `hearsay doctor --json` prints, without the checks that are slow."""
        text = "".join(f"{name}='{value}'\n" for name, value in self.settings.items())
        path = self.folder / ".env"
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        path.write_bytes(text.encode(errors="surrogateescape"))
        path.chmod(mode)
        report = Report(is_json=True)
        if settings := check_settings(report):
            await run_checks(settings, report)
        report.end()
        printed = capsys.readouterr().out
        for secret in (*CANARIES, self.discord.token, self.settings.get("HEARSAY_SECRET_KEY", "")):
            assert not secret or secret not in printed
        # A line of the log may come before it, which a process writes elsewhere.
        value = json.loads(printed[printed.index("{\n") :])
        assert value["exit_code"] == report.code
        return Diagnosis(report.code, {one["name"]: one for one in value["checks"]})


@dataclass
class Diagnosis:
    """What the doctor has found, by the name of the check."""

    code: int
    checks: dict[str, dict[str, Any]]

    @property
    def troubles(self) -> set[str]:
        """The checks that found something that is no matter of the machine."""
        found = {name for name, check in self.checks.items() if check["status"] != "ok"}
        return found - {*OF_THE_MACHINE}


@asynccontextmanager
async def make_world(folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[DoctorWorld]:
    """Yield a world in which nothing is wrong, in a working folder of its own."""
    patch.chdir(folder)
    quick = {name: check for name, check in CHECKS.items() if name not in SLOW}
    patch.setattr("bots.doctor.checks.CHECKS", quick)
    async with TelegramServer(TOKEN) as telegram, DiscordServer() as discord, MimoServer() as mimo:
        mimo.rules.key = KEY
        world = DoctorWorld(folder, patch, telegram, discord, mimo)
        await world.fill()
        yield world
        for one in world.sockets:
            one.close()
