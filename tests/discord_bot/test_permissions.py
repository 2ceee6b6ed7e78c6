"""Every cell of docs/permissions.md on Discord, through the whole assistant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from bots.discord_bot import DiscordBot
from core.config import Settings
from core.store import Store
from tests.discord_bot.conftest import run_bot
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_permissions import Stage
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.support.permission_table import ROWS, Person, Place, Row, decide_cell


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


CELLS = [
    pytest.param(row, place, id=f"{row.action}-{'own' if row.is_own else 'any'}-{place.name}")
    for row in ROWS
    if "discord" in row.platforms
    for place in Place
    if place in row.places
]
_TELEGRAMS = {Person.ANONYMOUS, Person.CHANNEL}


@pytest.mark.parametrize(("row", "place"), CELLS)
async def test_every_cell(
    row: Row, place: Place, server: Server, whole: tuple[Loopback, DiscordBot]
) -> None:
    stage = Stage(server, *whole, place)
    await server.wait_for(lambda: stage.bot.client.get_channel(int(stage.channel)))
    # The forger first: voice connections keep real time, which passes slowly.
    people = [one for one in reversed(Person) if one not in _TELEGRAMS]
    expected = {one: decide_cell(row, one, place) for one in people}
    found = {one: await stage.attempt(row, one) for one in people if expected[one] is not None}
    assert found == {one: expected[one] for one in found}
