"""The real program as a process, on the virtual Discord."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

from core.models import Chat, ChatSettings
from tests.chaos.bot import START_S, Bot, Launcher, wait_for
from tests.emulators.discord import DiscordServer
from tests.emulators.mimo import MimoServer
from tests.support.clean_start import open_store


class DiscordProgram(Bot):
    """One bot on one home, with Discord instead of Telegram."""

    def __init__(
        self, home: Path, server: DiscordServer, mimo: MimoServer, launcher: Launcher | None = None
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
        known = self.server.identifies(1e6)
        await super().start(is_awaited=False, **orders)

        def is_there() -> bool:
            # The connection of a process that was killed may count as one for a moment longer.
            return self.server.identifies(1e6) > known and self.server.connected() > 0

        if is_awaited:
            await wait_for(lambda: is_there() or self.code is not None, START_S)
            assert self.code is None, self.log

    def is_open(self, asked: str) -> bool:
        """Tell whether an interaction waits to be kept, or for its job to end."""
        query = (
            "select jobs.state from messages left join jobs using (message_pk) "
            f"where messages.message_id = 'interaction:{asked}'"
        )
        states = {state for (state,) in self.rows(query)}
        return not states or bool(states & {"waiting", "running"})

    async def write_all(self, chat: int | str) -> None:
        """Let every voice message of a channel be written down, as its admins may."""
        store = open_store(self.home)
        try:
            place = Chat("discord", self.server.world.bot.user_id, str(chat))
            await store.chats.save_settings(place, ChatSettings(is_auto=True))
        finally:
            await store.close()
