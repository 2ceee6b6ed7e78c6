"""hearsay keys rotate | fingerprint: replace the key of the database, and name it."""

from __future__ import annotations

import asyncio
import json

import typer

from bots.exit_codes import CONFIG, exit_with, prepare
from bots.program import open_store
from core.store.database.cipher import find_key_id
from core.store.database.encryption import build_cipher
from core.store.database.key import find_keys

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


def print_fingerprints(*, is_json: bool) -> None:
    """Print the fingerprint of each key, the one that encrypts first. Makes no key."""
    source = find_keys(prepare())
    if source.path and not source.path.exists():
        exit_with(f"{source.name} is missing: the first start makes it", CONFIG)
    build_cipher(source)  # a malformed key is an error of its own
    found = [find_key_id(key).hex() for key in source.read()]
    if is_json:
        typer.echo(json.dumps({"keys": found, "source": source.name}))
        return
    for number, fingerprint in enumerate(found):
        typer.echo(f"{fingerprint} {'decrypts' if number else 'encrypts'}, in {source.name}")
