"""hearsay pause and hearsay resume: the switch that /admin pause turns, from a shell."""

from __future__ import annotations

import asyncio

import typer

from bots.exit_codes import prepare
from bots.program import open_store
from core.store.audit import SHELL_OPERATOR


def turn(*, is_on: bool, text: str = "") -> None:
    """Begin no new work, or begin it again, also in a bot that runs."""
    asyncio.run(_turn(is_on=is_on, text=text))
    typer.echo(
        "Paused: what comes in is kept, and each chat is told once. hearsay resume goes on."
        if is_on
        else "Resumed: what has waited is done now."
    )


async def _turn(*, is_on: bool, text: str) -> None:
    async with open_store(prepare()) as store:
        await store.controls.pause(SHELL_OPERATOR, is_on=is_on, text=text)
