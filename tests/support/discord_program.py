"""The real program as a process, on the virtual Discord."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from core.models import Chat, ChatSettings
from tests.chaos.bot import START_S, Bot, Launcher, wait_for
from tests.emulators.discord import DiscordServer
from tests.emulators.discord.records import DEFER, Message
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

    async def answer(self, asked: str, channel: str = "") -> Message:
        """Return the answer to an interaction as it stands in the end, or the last of a channel.

        A voice message stands by itself; before the end it may be the text so far.
        """
        server = self.server

        def is_over() -> bool:
            kind = server.interaction(asked).answer_kind
            is_done = kind is not None and not (kind == DEFER and self.is_open(asked))
            return is_done and bool(server.answers_of(asked) or channel)

        try:
            await server.wait_for(is_over, 60)
        except TimeoutError:
            raise AssertionError(self.log[-6000:]) from None
        return (server.answers_of(asked) or server.answers(channel))[-1 if channel else 0]

    async def write_all(self, chat: int | str) -> None:
        """Let every voice message of a channel be written down, as its admins may."""
        store = open_store(self.home)
        try:
            place = Chat("discord", self.server.world.bot.user_id, str(chat))
            await store.chats.save_settings(place, ChatSettings(is_auto=True))
        finally:
            await store.close()


@asynccontextmanager
async def run_program(home: Path) -> AsyncIterator[DiscordProgram]:
    """Run one program for all tests of a file: each has people and servers of its own."""
    async with DiscordServer() as server, MimoServer() as mimo:
        program = DiscordProgram(home, server, mimo)
        await program.start()
        await server.wait_for(server.commands, timeout_s=30)
        yield program
        assert await program.stop() == 0
