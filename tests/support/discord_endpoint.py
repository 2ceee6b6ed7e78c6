"""A Discord bot without a gateway: its endpoint is served here, and Discord posts to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bots.discord_bot import DiscordBot
from bots.discord_bot.interactions.endpoint import PATH
from bots.web_server import open_socket, serve
from core.config import Settings
from core.inbox import Inbox
from tests.emulators.discord import DiscordServer
from tests.support.discord_inbox import make_settings
from tests.support.virtual_time import current_clock


def make_endpoint_settings(server: DiscordServer, **values: Any) -> Settings:
    """Return the settings of a bot that takes interactions over HTTP alone."""
    usual = {
        "discord_bot_token": server.token,
        "discord_api_base_url": server.api_base_url,
        "discord_public_key": server.world.public_key,
        "discord_gateway": "off",
    }
    return make_settings(**(usual | values))


@asynccontextmanager
async def serve_bot(bot: DiscordBot) -> AsyncIterator[str]:
    """Serve the endpoint of a bot, on this loop; yield its URL."""
    listener = open_socket("127.0.0.1", 0)
    serving = asyncio.create_task(serve(bot.endpoints[PATH], listener, current_clock()))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}"
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@asynccontextmanager
async def run_with_endpoint(
    server: DiscordServer, inbox: Inbox, **values: Any
) -> AsyncIterator[DiscordBot]:
    """Run a bot whose endpoint is saved in Discord's settings. values: further settings."""
    bot = DiscordBot(make_endpoint_settings(server, **values), inbox, current_clock())
    running = asyncio.create_task(bot.run())
    try:
        await server.wait_for(lambda: bot.is_ready or running.done())
        if running.done():
            running.result()
        async with serve_bot(bot) as url:
            await server.endpoint.save(url)
            await server.wait_for(server.commands)
            yield bot
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await bot.close()
