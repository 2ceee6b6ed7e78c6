"""hearsay keys rotate: replace the key of the database while the bot runs."""

from __future__ import annotations

import asyncio

import typer

from bots.exit_codes import prepare
from bots.program import open_store

WARNING = (
    "Everything in the database is encrypted with a new key, and the old one is removed. Backups "
    "from before can be read with the old key only: keep a copy of it as long as you keep them. "
    "Continue?"
)


def rotate(*, is_sure: bool) -> None:
    """Encrypt everything with a new key and remove the old one, after a question."""
    if not is_sure:
        typer.confirm(WARNING, abort=True, err=True)
    count = asyncio.run(_rotate())
    typer.echo(f"Done. Values encrypted with the new key: {count}. The old one is refused now.")


async def _rotate() -> int:
    async with open_store(prepare()) as store:
        return await store.rotation.run(_show)


def _show(count: int) -> None:
    typer.echo(f"\rValues: {count}", nl=False, err=True)
