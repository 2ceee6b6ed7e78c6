"""An emulated Discord and a bot connected to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bots.discord_bot import DiscordBot
from core.clock import Clock
from core.config import Settings
from core.store import Store
from tests.emulators.discord import DiscordServer as Server
from tests.emulators.mimo import MimoServer
from tests.support.discord_inbox import FakeInbox, make_settings
from tests.support.discord_program import DiscordProgram
from tests.support.discord_server_chat import ServerChannel, make_server_channel
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.support.virtual_time import VirtualLoop, current_clock

#: Lets seconds pass at once: nothing else runs meanwhile.
Advance = Callable[[float], None]


@pytest.fixture
async def advance() -> Advance:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop.advance


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as server:
        yield server


@pytest.fixture
def ann(server: Server) -> str:
    return server.add_user("Ann")


@pytest.fixture
def channel(server: Server, ann: str) -> ServerChannel:
    """A server channel with Ann in it."""
    return make_server_channel(server, ann)


@pytest.fixture
def settings(server: Server) -> Settings:
    return make_settings(discord_bot_token=server.token, discord_api_base_url=server.api_base_url)


@pytest.fixture
def inbox() -> FakeInbox:
    return FakeInbox()


@pytest.fixture
async def bot(settings: Settings, inbox: FakeInbox, clock: Clock) -> AsyncIterator[DiscordBot]:
    """A bot that is logged in but not connected to the gateway."""
    bot = DiscordBot(settings, inbox, clock)
    await bot.client.open()
    yield bot
    await bot.close()


@asynccontextmanager
async def run_bot(
    settings: Settings, inbox: FakeInbox, wait_s: float = 30
) -> AsyncIterator[DiscordBot]:
    """Run a bot from its start to its end."""
    bot = DiscordBot(settings, inbox, current_clock())
    task = asyncio.create_task(bot.run())
    try:
        async with asyncio.timeout(wait_s):
            while not (bot.is_ready or task.done()):
                await asyncio.sleep(0.01)
        if task.done():
            task.result()
        yield bot
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bot.close()


@pytest.fixture
async def running(settings: Settings, inbox: FakeInbox) -> AsyncIterator[DiscordBot]:
    """A running bot."""
    async with run_bot(settings, inbox) as bot:
        yield bot


@pytest.fixture
async def whole(
    server: Server, settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Loopback, DiscordBot]]:
    """The whole assistant on a real store, and a bot on an emulated Discord."""
    loopback = Loopback(store, ScriptedTranscriber())
    async with loopback.running(), run_bot(settings, loopback.inbox) as bot:  # type: ignore[arg-type]
        loopback.inbox.platforms["discord"] = bot  # type: ignore[index]
        connect: Callable[..., Awaitable[Any]] = bot.client.http.ws_connect

        async def ws_connect(url: str, **options: Any) -> Any:
            # The virtual Discord has no certificate.
            return await connect(url.replace("wss://127.", "ws://127."), **options)

        monkeypatch.setattr(bot.client.http, "ws_connect", ws_connect)
        await server.wait_for(server.commands)
        yield loopback, bot


@pytest.fixture
async def program(
    tmp_path: Path, server: Server, mimo: MimoServer
) -> AsyncIterator[DiscordProgram]:
    """A program that is not started yet."""
    async with DiscordProgram(tmp_path / "home", server, mimo) as program:
        yield program


@pytest.fixture
def channel_id(channel: ServerChannel) -> str:
    return channel.id
