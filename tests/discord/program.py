"""The real program as a process, on the virtual Discord."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

from core.models import Chat, ChatSettings
from core.store import Store, make_cipher, migrate
from tests.chaos.bot import START_S, Bot, Launcher, wait_for
from tests.emulators.discord import DiscordServer
from tests.emulators.mimo import MimoServer


class DiscordProgram(Bot):
    """One bot on one home, with Discord instead of Telegram."""

    def __init__(
        self,
        home: Path,
        server: DiscordServer,
        mimo: MimoServer,
        launcher: Launcher | None = None,
    ) -> None:
        super().__init__(home, cast("Any", None), mimo, launcher)
        self.server = server

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HEARSAY_HOME": str(self.home),
            "DISCORD_BOT_TOKEN": self.server.token,
            "DISCORD_API_BASE_URL": self.server.api_base_url,
            "MIMO_API_KEY": self.mimo.key,
            "MIMO_BASE_URL": self.mimo.base_url,
            "WEB_PORT": "0",
        }

    async def start(self, *, is_awaited: bool = True, **orders: Any) -> None:
        """Start the process and wait until the gateway tells it of messages."""
        await super().start(is_awaited=False, **orders)
        if is_awaited:
            await wait_for(lambda: self.server.connected() or self.code is not None, START_S)
            assert self.code is None, self.log

    async def write_all(self, chat: int | str) -> None:
        """Let every voice message of a channel be written down, as its admins may."""
        url = f"sqlite:///{self.home / 'hearsay.db'}"
        await migrate(url)
        store = Store(url, make_cipher(None, self.home))
        try:
            place = Chat("discord", self.server.world.bot.user_id, str(chat))
            await store.chats.save_settings(place, ChatSettings(is_auto=True))
        finally:
            await store.close()
