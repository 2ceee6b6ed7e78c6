"""What `hearsay doctor` finds out about the bot."""

from __future__ import annotations

import pytest

from bots.doctor.checks import check_discord, run_check
from bots.doctor.results import CheckRun, Result, Status
from bots.exit_codes import CONFIG, LOCKED, UNREACHABLE
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_inbox import make_settings


async def look(server: Server, **values: object) -> Result:
    at = {"discord_bot_token": server.token, "discord_api_base_url": server.api_base_url}
    return await run_check(check_discord, CheckRun(make_settings(**(at | values))))


async def test_all_is_well(server: Server) -> None:
    server.set_shards(3)
    at = {"discord_bot_token": server.token, "discord_api_base_url": server.api_base_url}
    visit = CheckRun(make_settings(**at))
    found = await run_check(check_discord, visit)
    assert found.status is Status.OK and found.text.endswith("3 connection(s)")
    assert abs(visit.skews_s["Discord"]) < 5


async def test_without_a_token_it_is_off() -> None:
    found = await run_check(check_discord, CheckRun(make_settings()))
    assert found.status is Status.OK and "DISCORD_BOT_TOKEN is empty" in found.text


async def test_a_wrong_token_is_told_and_not_shown(server: Server) -> None:
    found = await look(server, discord_bot_token="wrong-token")
    assert (found.status, found.code) == (Status.FAIL, LOCKED)
    assert "wrong-token" not in f"{found.text} {found.cure}"


async def test_an_intent_that_is_switched_off_is_told(server: Server) -> None:
    server.set_privileged()
    found = await look(server)
    assert (found.status, found.code) == (Status.FAIL, CONFIG)
    assert "Message Content" in found.cure


@pytest.mark.parametrize("status", [429, 503, 0])
async def test_trouble_is_not_taken_for_a_mistake(server: Server, status: int) -> None:
    server.fault("GET /gateway/bot", "status", status=status or 200)
    nobody = {} if status else {"discord_api_base_url": "http://127.0.0.1:1/api/v10"}
    found = await look(server, **nobody)
    assert (found.status, found.code) == (Status.FAIL, UNREACHABLE)
    found = await look(server, discord_api_base_url=server.base_url)  # another server
    assert found.status is Status.FAIL and "404" in found.text
