"""Shards come and go while others stay connected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from bots.discord_bot import DiscordBot
from core.config import Settings
from core.errors import StoreError
from tests.discord_bot.conftest import run_bot
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_inbox import FakeInbox
from tests.support.discord_server_chat import add_guilds


@pytest.fixture
async def channels(server: Server, ann: str) -> list[str]:
    """A channel of a server of each of two shards."""
    return [server.channel(guild) for guild in await add_guilds(server, 2, ann)]


@pytest.fixture
async def running(
    server: Server, settings: Settings, inbox: FakeInbox, channels: list[str]
) -> AsyncIterator[DiscordBot]:
    async with run_bot(settings.model_copy(update={"discord_shard_count": 2}), inbox) as bot:
        yield bot


async def test_a_shard_is_left_and_comes_back(
    server: Server, running: DiscordBot, inbox: FakeInbox, channels: list[str], ann: str
) -> None:
    client = running.client
    await client.remove_shard(1)
    await server.wait_for(lambda: server.connected() == 1)
    assert {guild.shard_id for guild in client.guilds} == {0} and running.is_ready
    for channel in channels:
        server.send_text(channel, ann, f"first in {channel}")
    await server.wait_for(lambda: inbox.messages)
    await client.add_shard(1)
    assert not running.is_ready
    await server.wait_for(lambda: running.is_ready)
    assert {guild.shard_id for guild in client.guilds} == {0, 1}
    server.send_text(channels[1], ann, "second")
    await server.wait_for(lambda: len(inbox.messages) == 2)
    assert inbox.texts() == [f"first in {channels[0]}", "second"]


async def test_one_that_is_left_while_its_connection_is_lost_stays_away(
    server: Server, running: DiscordBot
) -> None:
    server.close_gateway(1000)
    await asyncio.sleep(0.1)
    await running.client.remove_shard(1)
    await asyncio.sleep(300)
    assert server.connected() == 1 and running.is_ready
    await running.client.remove_shard(0)
    await asyncio.sleep(1)
    assert server.connected() == 0 and not running.is_ready


async def test_one_that_is_left_while_it_connects_is_closed(
    server: Server, running: DiscordBot
) -> None:
    await running.client.remove_shard(1)
    adding = asyncio.create_task(running.client.add_shard(1))
    await asyncio.sleep(0)
    adding.cancel()
    await asyncio.gather(adding, return_exceptions=True)
    await running.client.remove_shard(1)
    await asyncio.sleep(300)
    assert server.connected() == 1 and running.is_ready


@pytest.mark.parametrize("is_connecting", [True, False])
async def test_one_that_is_left_does_not_connect_again(
    server: Server, running: DiscordBot, is_connecting: bool
) -> None:
    client, turns, may_begin = running.client, list[int](), asyncio.Event()

    async def wait(number: int) -> None:
        turns.append(number)
        await may_begin.wait()

    client.take_turn = wait
    server.close_gateway(1000)
    await asyncio.sleep(60)
    assert server.connected() == 0
    [connecting] = turns  # the other one is next
    left = connecting if is_connecting else 1 - connecting
    await client.remove_shard(left)
    may_begin.set()
    await asyncio.sleep(60)
    assert server.connected() == 1 and running.is_ready and client.wanted == {1 - left}


async def test_no_more_sessions_begin_than_discord_allows(
    server: Server, running: DiscordBot
) -> None:
    client, begun = running.client, server.identifies()
    for number in (0, 1):
        await client.remove_shard(number)
    client._remaining, client._reset_s = 1, 3600.0
    await client.add_shard(0)
    adding = asyncio.create_task(client.add_shard(1))
    await asyncio.sleep(3590)
    assert server.identifies(9) == begun + 1
    await asyncio.sleep(20)
    assert server.identifies(9) == begun + 2 and adding.done()


async def test_a_database_that_is_away_is_waited_for(
    server: Server, running: DiscordBot, inbox: FakeInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = list[str]()

    def fail_thrice(name: str, found: object) -> Callable[..., Awaitable[object]]:
        async def call(*_: object) -> object:
            calls.append(name)
            if calls.count(name) <= 3:
                raise StoreError("the network is down")
            return found

        return call

    monkeypatch.setattr(inbox, "watermarks", fail_thrice("load", {}))
    monkeypatch.setattr(inbox.ownership, "take_turn", fail_thrice("turn", None))
    monkeypatch.setattr(running.client, "take_turn", running._listening._take_turn)
    await running.client.remove_shard(1)
    await server.wait_for(lambda: server.connected() == 1)
    receiving = asyncio.create_task(running._listening._receive(1))
    await asyncio.sleep(5)
    assert server.connected() == 1 and calls == 4 * ["load"] + 2 * ["turn"]
    await server.wait_for(lambda: server.connected() == 2)
    assert calls[6:] == 2 * ["turn"]
    receiving.cancel()
