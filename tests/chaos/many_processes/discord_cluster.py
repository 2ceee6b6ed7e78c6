"""Intakes and workers on one PostgreSQL between an emulated Discord and a local MiMo."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from core.models import Chat, ChatSettings
from core.store import Store, make_cipher
from tests.chaos.many_processes.cluster import KEY, QUICK, Cluster, SharedProgram
from tests.chaos.running_program import Launcher, SubprocessLauncher
from tests.emulators.discord import DiscordServer
from tests.emulators.mimo import MimoServer
from tests.support.discord_program import make_environment

#: Sessions follow each other sooner: tests wait for them.
SOON: dict[str, float] = {
    "bots.discord_bot.client.shards:IDENTIFY_S": 0.2,
    "bots.discord_bot.listening:IDENTIFY_S": 0.2,
}


class DiscordPart(SharedProgram):
    """One of several processes, with Discord instead of Telegram."""

    def __init__(
        self, home: Path, command: str, url: str, servers: tuple[DiscordServer, MimoServer]
    ) -> None:
        super().__init__(home, command, url, cast("Any", servers))
        self.server = servers[0]
        self.started = "discord_started" if command == "intake" else self.started

    @property
    def environment(self) -> dict[str, str]:
        usual = make_environment(self.home, self.server, self.mimo)
        return usual | {"MODEL_PROBE": "off"} | self.settings


class DiscordCluster(Cluster):
    """Two intakes and two workers, unless told otherwise."""

    def __init__(
        self,
        folder: Path,
        url: str,
        servers: tuple[DiscordServer, MimoServer],
        commands: tuple[str, ...] = ("intake", "intake", "worker", "worker"),
    ) -> None:
        super().__init__(folder, url, cast("Any", servers), commands=())
        self.server = servers[0]
        self.processes = [
            DiscordPart(folder / f"{number} {command}", command, url, servers)
            for number, command in enumerate(commands)
        ]
        self.overrides = {"constants": QUICK | SOON}

    def trust(self, certificate: Path) -> None:
        """Let the processes trust a certificate."""
        launcher: Launcher = SubprocessLauncher()
        for one in self.processes:
            one.settings["SSL_CERT_FILE"] = str(certificate)
            # Not forked: what is trusted is read when aiohttp is loaded.
            one.launcher = launcher

    def owners(self) -> dict[int, str]:
        """Return which process receives from each shard, as the database has it."""
        query = (
            "SELECT name, holder FROM leases"
            " WHERE name LIKE 'discord % of %' AND until_at > clock_timestamp()"
        )
        return {int(name.split()[-3]) - 1: holder for name, holder in self.rows(query)}

    async def enable_auto(self, chat: int | str) -> None:
        """Turn automatic transcription on in a channel."""
        store = Store(self.url, make_cipher(KEY, self.processes[0].home))
        try:
            here = Chat("discord", self.server.world.bot.user_id, str(chat))
            await store.chats.save_settings(here, ChatSettings(is_auto=True))
        finally:
            await store.close()
