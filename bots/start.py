"""The start of `hearsay run`: bots ask for messages first, then the rest is loaded.

Loading all of the program takes longer than anything else at a start. Until it is loaded, what a
platform has sent waits with the platform, which keeps what is not confirmed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from importlib import import_module
from types import ModuleType
from typing import Any

from bots import CLIENTS, list_platforms, load
from bots.home import lock_home
from bots.parts import EVERYTHING, Part
from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import ConfigError
from core.logs import set_up_logs

#: How long the first requests have the interpreter for themselves.
HEAD_START_S = 0.05


async def run(
    settings: Settings, parts: Collection[Part] = EVERYTHING, clock: Clock = CLOCK
) -> None:
    """Run the program, or some of its parts, until SIGTERM or SIGINT.

    Raises ConfigError, PlatformLocked: what the operator has to correct.
    """
    set_up_logs(settings.log_level, settings.secrets(), format=settings.log_format)
    if settings.is_shared:
        program = await asyncio.to_thread(_load_program, settings)
        await program.run(settings, {}, parts, clock)
        return
    if set(parts) != EVERYTHING:
        raise ConfigError(
            "several processes share a database on PostgreSQL only: set DATABASE_URL to "
            "postgresql+psycopg://…, or run everything in one process: hearsay run"
        )
    with lock_home(settings.hearsay_home):
        async with AsyncExitStack() as stack:
            clients: dict[str, Any] = {}
            for name in CLIENTS.keys() & list_platforms(settings):
                clients[name] = load(CLIENTS[name])(settings)
                stack.push_async_callback(clients[name].close)
                clients[name].start()
            if clients:
                await clock.sleep(HEAD_START_S)
            # In a thread, so that the connections are opened meanwhile.
            program = await asyncio.to_thread(_load_program, settings)
            await program.run(settings, clients, parts, clock)


def _load_program(settings: Settings) -> ModuleType:
    """Return `bots.program`, which imports everything, with all that it would import later."""
    program = import_module("bots.program")
    program.preload(settings)
    return program
