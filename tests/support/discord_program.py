"""The program as a process, connected to a virtual Discord."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, update

from core.models import Chat, ChatSettings
from core.store import Store
from core.store.database.queries import chat_row
from core.store.database.tables import chats
from tests.chaos.running_program import START_S, Launcher, RunningProgram, wait_for
from tests.emulators.discord import DiscordServer
from tests.emulators.discord.records import DEFER
from tests.emulators.discord.records import Message as SentMessage
from tests.emulators.mimo import MimoServer
from tests.support.clean_start import open_store
from tests.support.virtual_time import current_clock


def make_environment(home: Path, server: DiscordServer, mimo: MimoServer) -> dict[str, str]:
    """Return the settings of a process between these two."""
    return {
        "PATH": os.environ["PATH"],
        "HEARSAY_HOME": str(home),
        "DISCORD_BOT_TOKEN": server.token,
        "DISCORD_API_BASE_URL": server.api_base_url,
        "MIMO_API_KEY": mimo.key,
        "MIMO_BASE_URL": mimo.base_url,
        "WEB_PORT": "0",
    }


class DiscordProgram(RunningProgram):
    """The program with Discord instead of Telegram."""

    def __init__(
        self, home: Path, server: DiscordServer, mimo: MimoServer, launcher: Launcher | None = None
    ) -> None:
        super().__init__(home, cast("Any", None), mimo, launcher)
        self.server = server

    @property
    def environment(self) -> dict[str, str]:
        return make_environment(self.home, self.server, self.mimo)

    async def start(self, *, is_awaited: bool = True, **overrides: Any) -> None:
        """Start the process and wait until it receives gateway events."""
        known = self.server.identifies(1e6)
        await super().start(is_awaited=False, **overrides)

        def is_connected() -> bool:
            # The connection of a killed process is still counted for a moment.
            return self.server.identifies(1e6) > known and self.server.connected() > 0

        if is_awaited:
            await wait_for(lambda: is_connected() or self.code is not None, START_S)
            assert self.code is None, self.log

    def is_open(self, interaction_id: str) -> bool:
        """Return whether an interaction is uncommitted or its job has not ended."""
        query = (
            "select jobs.state from messages left join jobs using (message_pk) "
            f"where messages.message_id = 'interaction:{interaction_id}'"
        )
        states = {state for (state,) in self.rows(query)}
        return not states or bool(states & {"waiting", "running"})

    async def answer(self, interaction_id: str, channel: str = "") -> SentMessage:
        """Return the final reply to an interaction, or the last one in a channel.

        channel: for replies that are messages of their own, such as voice messages.
        """
        server = self.server

        def is_over() -> bool:
            kind = server.interaction(interaction_id).response_type
            is_done = kind is not None and not (kind == DEFER and self.is_open(interaction_id))
            return is_done and bool(server.responses_to(interaction_id) or channel)

        try:
            await server.wait_for(is_over, 60)
        except TimeoutError:
            raise AssertionError(self.log[-6000:]) from None
        return (server.responses_to(interaction_id) or server.replies(channel))[
            -1 if channel else 0
        ]

    async def enable_auto(self, chat: int | str) -> None:
        """Turn automatic transcription on in a channel."""
        store = open_store(self.home)
        try:
            chat_ = Chat("discord", self.server.world.bot.user_id, str(chat))
            await store.chats.save_settings(chat_, ChatSettings(is_auto=True))
        finally:
            await store.close()

    async def note_known(self, channel: str) -> None:
        """Let a channel have been used before: see `note_known`."""
        store = open_store(self.home)
        try:
            await note_known(store, self.server, channel)
        finally:
            await store.close()


async def note_known(store: Store, server: DiscordServer, channel: str) -> None:
    """Let a channel have been used before: nothing in it is the first contact."""
    chat = Chat("discord", server.world.bot.user_id, channel)
    used_at = current_clock().now()

    def note(connection: Connection) -> None:
        is_it = chats.c.chat_pk == chat_row(connection, chat).chat_pk
        connection.execute(update(chats).where(is_it).values(used_at=used_at))

    await store._database.write(note)


@asynccontextmanager
async def run_program(home: Path) -> AsyncIterator[DiscordProgram]:
    """Run a program for all tests of a module; each adds its own users and servers."""
    async with DiscordServer() as server, MimoServer() as mimo:
        program = DiscordProgram(home, server, mimo)
        await program.start()
        await server.wait_for(server.commands, timeout_s=30)
        yield program
        assert await program.stop() == 0
