"""`hearsay doctor` on the Discord bot."""

from __future__ import annotations

import pytest

from bots.doctor.checks import run_check
from bots.doctor.results import CheckRun, Result, Status
from bots.exit_codes import CONFIG, UNREACHABLE
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_inbox import make_settings


async def check(server: Server, **values: object) -> Result:
    at = {"discord_bot_token": server.token, "discord_api_base_url": server.api_base_url}
    return await run_check("discord", CheckRun(make_settings(**(at | values))))


async def test_a_good_setup(server: Server) -> None:
    server.set_shards(3)
    at = {"discord_bot_token": server.token, "discord_api_base_url": server.api_base_url}
    run = CheckRun(make_settings(**at))
    found = await run_check("discord", run)
    assert found.status is Status.OK and ", 3 connection(s); " in found.text
    assert abs(run.skews_s["Discord"]) < 5


async def test_without_a_token_it_is_off() -> None:
    found = await run_check("discord", CheckRun(make_settings()))
    assert found.status is Status.OK and "DISCORD_BOT_TOKEN is empty" in found.text


@pytest.mark.parametrize("status", [429, 503, 0])
async def test_an_outage_is_not_a_mistake_in_the_setup(server: Server, status: int) -> None:
    server.fault("GET /gateway/bot", "status", status=status or 200)
    unreachable = {} if status else {"discord_api_base_url": "http://127.0.0.1:1/api/v10"}
    found = await check(server, **unreachable)
    assert (found.status, found.code) == (Status.FAIL, UNREACHABLE)
    found = await check(server, discord_api_base_url=server.base_url)  # another server
    assert found.status is Status.FAIL and "404" in found.text


async def test_without_a_gateway_neither_intent_nor_sessions_are_needed(server: Server) -> None:
    server.set_privileged()
    off = {"discord_gateway": "off", "discord_public_key": server.world.public_key.upper()}
    found = await check(server, **off)
    # The program has to run before the address can be saved.
    assert found.status is Status.WARN and "Interactions Endpoint URL" in found.cure
    server.world.endpoint_url = "https://voice.example/discord/interactions"
    found = await check(server, **off)
    assert found.status is Status.OK and "https://voice.example" in found.text


async def test_interactions_that_do_not_arrive_are_reported(server: Server) -> None:
    found = await check(server, discord_public_key="ab" * 32)
    assert (found.status, found.code) == (Status.FAIL, CONFIG)
    assert "DISCORD_PUBLIC_KEY" in found.text
    server.world.endpoint_url = "https://other.example/"
    found = await check(server)
    assert (found.status, found.code) == (Status.FAIL, CONFIG)
    assert "https://other.example/" in found.text
    found = await check(server, discord_public_key=server.world.public_key)
    assert found.status is Status.OK and ", 1 connection(s); " in found.text
