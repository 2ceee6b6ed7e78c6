"""The cells of docs/permissions.md on Discord, through the whole assistant."""

from __future__ import annotations

import pytest

from bots.discord_bot import DiscordBot
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_permissions import Stage
from tests.support.loopback import Loopback
from tests.support.permission_table import (
    Person,
    Place,
    Row,
    decide_cell,
    list_cells,
    list_trials,
)


@pytest.mark.parametrize(("row", "place", "expected"), list_trials("discord"))
async def test_each_cell(
    row: Row,
    place: Place,
    expected: dict[Person, bool],
    server: Server,
    whole: tuple[Loopback, DiscordBot],
) -> None:
    """The forger's cells are below."""
    stage = Stage(server, *whole, place)
    await server.wait_for(lambda: stage.bot.client.get_channel(int(stage.channel)))
    assert {one: await stage.attempt(row, one) for one in expected} == expected


@pytest.mark.parametrize("place", Place)
async def test_forged_buttons_do_nothing(
    place: Place, server: Server, whole: tuple[Loopback, DiscordBot]
) -> None:
    """The forger does the same for every action."""
    rows = [row for row, at in list_cells("discord") if at is place]
    assert {decide_cell(row, Person.FORGER, place) for row in rows} == {False}
    stage = Stage(server, *whole, place)
    await server.wait_for(lambda: stage.bot.client.get_channel(int(stage.channel)))
    assert not await stage.forge(await stage.set_up(rows[0], Person.FORGER))
