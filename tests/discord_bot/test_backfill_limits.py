"""Limits of backfill, its retries, and the watermarks that it holds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import discord
import pytest
from discord.utils import time_snowflake

from bots.discord_bot.incoming.backfill import MAX_AGE, MAX_CHANNELS, MAX_MESSAGES, PAGE, Backfill
from bots.discord_bot.incoming.intake import ChannelWatermarks
from core.clock import Clock
from core.errors import PlatformBusy, PlatformError
from tests.support.discord_inbox import FakeInbox

AT_ONCE = 4


class FakeChannel(discord.abc.Messageable):
    """A channel with its newest message."""

    def __init__(self, guild: Any, channel_id: int, newest: int | None) -> None:
        self.guild, self.id, self.last_message_id = guild, channel_id, newest

    async def _get_channel(self) -> Any:
        return self


@dataclass
class FakeDiscord:
    """A fake client: Discord's channels, and the requests made: time, channel, after."""

    clock: Clock
    guilds: list[Any] = field(default_factory=list)
    news: dict[int, list[int]] = field(default_factory=dict)
    privates: dict[int, dict[str, Any]] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)
    requests: list[tuple[float, int, int]] = field(default_factory=list)
    bot_id: str = "1"
    open: int = 0
    is_open: bool = False
    most_open: int = 0

    @property
    def http(self) -> Any:
        return SimpleNamespace(logs_from=self.logs_from, get_channel=self.find)

    async def wait_open(self) -> None:
        self.is_open = True

    def get_guild(self, guild_id: int) -> Any:
        return next((one for one in self.guilds if one.id == guild_id), None)

    def get_channel(self, channel_id: int) -> Any:
        return next((c for g in self.guilds for c in g.channels if c.id == channel_id), None)

    def add_guild(self, *newest: int | None, shard_id: int = 0) -> Any:
        """Add a server with channels of these newest messages: 101, 102, …, and 201, …."""
        guild = SimpleNamespace(
            id=len(self.guilds) + 1, shard_id=shard_id, unavailable=False, threads=[], channels=[]
        )
        for number, one in enumerate(newest, 1):
            guild.channels.append(FakeChannel(guild, guild.id * 100 + number, one))
            self.news[guild.channels[-1].id] = [one] if one else []
        self.guilds.append(guild)
        return guild

    async def find(self, channel_id: int) -> dict[str, Any]:
        return self.privates[channel_id]

    async def logs_from(self, channel_id: int, limit: int, after: int) -> list[dict[str, Any]]:
        assert self.is_open
        self.requests.append((self.clock.monotonic(), channel_id, after))
        if self.errors:
            raise self.errors.pop(0)
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        await self.clock.sleep(1)
        self.open -= 1
        found = sorted(one for one in self.news[channel_id] if one > after)[:limit]
        return [{"id": str(one), "channel_id": str(channel_id)} for one in reversed(found)]


class Scene:
    """A backfill on a fake client."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.server, self.inbox = clock, FakeDiscord(clock), FakeInbox()
        self.watermarks = ChannelWatermarks(self.inbox, clock)
        self.committed: list[int] = []
        self.backfill = Backfill(self.server, self.watermarks, self.commit)  # type: ignore[arg-type]
        self.base = time_snowflake(clock.now())

    async def commit(self, kind: str, raw: dict[str, Any], channel: Any) -> None:
        assert kind == "MESSAGE_CREATE" and channel
        self.committed.append(int(raw["id"]))

    async def load(self, *chats: int, watermark: int = 0) -> None:
        """Load watermarks of chats, by default as of now."""
        self.inbox.saved_watermarks = {str(chat): str(watermark or self.base) for chat in chats}
        await self.watermarks.load("9")

    def requests(self) -> list[int]:
        return [channel for _, channel, _ in self.server.requests]

    async def fill(self, shard_id: int = 0) -> None:
        self.backfill.start_session(shard_id)
        self.backfill.complete_session(shard_id)
        await self.rest()

    async def rest(self) -> None:
        while self.backfill._tasks:
            await self.clock.sleep(1)


@pytest.fixture
async def scene(clock: Clock) -> Scene:
    return Scene(clock)


async def test_failed_requests_are_retried_with_backoff(scene: Scene) -> None:
    scene.server.add_guild(scene.base + 1)
    await scene.load(101)
    scene.server.errors = [PlatformBusy("x")] * 10
    await scene.fill()
    moments = [at for at, _, _ in scene.server.requests]
    waits_s = [later - one for one, later in pairwise(moments)]
    assert waits_s == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60, 60])
    assert scene.committed == [scene.base + 1]


@pytest.mark.parametrize(
    ("errors", "tries", "least_s"),
    [
        ([PlatformBusy("x")] * 2000, 1445, 86_403),
        ([PlatformError("refused")] * 20, 1, 0),
        ([PlatformBusy("x", retry_after_s=500.0)], 2, 500),
        ([RuntimeError("closed")], 2, 1),
        ([discord.ConnectionClosed(SimpleNamespace(close_code=1), shard_id=0)], 2, 1),  # type: ignore[arg-type]
    ],
)
async def test_refused_and_unreachable_channels_are_given_up(
    scene: Scene, errors: list[Exception], tries: int, least_s: float
) -> None:
    scene.server.add_guild(scene.base + 1)
    await scene.load(101)
    scene.server.errors = errors
    begun_s = scene.clock.monotonic()
    await scene.fill()
    assert len(scene.server.requests) == tries
    assert least_s <= scene.clock.monotonic() - begun_s <= least_s + 3
    assert bool(scene.committed) is (tries == 2)
    assert not scene.watermarks._held


async def test_the_newest_channels_first_a_few_at_a_time(scene: Scene) -> None:
    count = MAX_CHANNELS + 9
    scene.server.add_guild(*(scene.base + number for number in range(1, count + 1)))
    await scene.load(*range(101, 101 + count))
    await scene.fill()
    assert scene.requests() == [100 + number for number in range(count, 9, -1)]
    assert scene.server.most_open == AT_ONCE


async def test_private_chats_are_backfilled_by_the_first_shard(scene: Scene) -> None:
    count = MAX_CHANNELS + 9
    scene.server.add_guild(None)
    scene.inbox.saved_watermarks = {"101": str(scene.base)}
    for number in range(1, count + 1):
        chat = 1000 + number
        scene.inbox.saved_watermarks[str(chat)] = str(scene.base + number)
        scene.server.news[chat] = [scene.base + 999]
        newest = {count: None, count - 2: scene.base + number}.get(number, scene.base + 999)
        guild = {"guild_id": "7"} if number == count - 1 else {}
        scene.server.privates[chat] = {"id": str(chat), "last_message_id": newest, **guild}
    await scene.watermarks.load("9")
    await scene.fill(shard_id=1)
    assert scene.requests() == []
    await scene.fill()
    # Two have no news, one is none of ours alone, and the oldest nine are left out.
    assert scene.requests() == [1000 + number for number in range(count - 3, 9, -1)]


async def test_channels_of_other_shards_are_not_taken_for_private_chats(scene: Scene) -> None:
    await scene.load(1001, 1002)
    for chat in (1001, 1002):
        scene.server.news[chat] = [scene.base + 1]
        scene.server.privates[chat] = {"id": str(chat), "last_message_id": scene.base + 1}
    await scene.watermarks.note("1002", str(scene.base), is_private=False)
    await scene.fill()
    assert scene.requests() == [1001]


async def test_only_messages_after_the_watermark_that_are_not_too_old(scene: Scene) -> None:
    scene.server.add_guild(scene.base + 5, scene.base, None, scene.base + 6)
    scene.server.news[101] = [scene.base - 1, scene.base + 4, scene.base + 5]
    await scene.load(101, 102, 103)
    await scene.fill()
    assert scene.committed == [scene.base + 4, scene.base + 5]
    assert [(channel, after) for _, channel, after in scene.server.requests] == [(101, scene.base)]
    scene.server.add_guild(scene.base + 1)
    await scene.load(201, watermark=1)
    await scene.fill()
    assert scene.server.requests[-1][2] == pytest.approx(
        time_snowflake(scene.clock.now() - MAX_AGE)
    )


async def test_a_late_server_is_backfilled_once(scene: Scene) -> None:
    guild = scene.server.add_guild(scene.base + 1)
    guild.unavailable = True
    channels, guild.channels = guild.channels, []
    await scene.load(101)
    scene.backfill.add_guild(7)
    scene.backfill.start_session(0)
    scene.backfill.add_guild(1)
    await scene.rest()
    assert scene.requests() == []
    scene.backfill.complete_session(0)
    guild.unavailable, guild.channels = False, channels
    await scene.load(101, watermark=scene.base + 1)  # what was known before counts
    for _ in range(2):
        scene.backfill.add_guild(1)
        await scene.rest()
    assert scene.requests() == [101] and scene.committed == [scene.base + 1]
    # One that was there in time is asked only again after the next session.
    [channel] = channels
    channel.last_message_id = scene.base + 2
    await scene.fill()
    scene.backfill.add_guild(1)
    await scene.rest()
    assert scene.requests() == [101, 101]


async def test_watermarks_are_held_until_backfill_is_complete(scene: Scene) -> None:
    scene.server.add_guild(scene.base + 1, scene.base + 1)
    scene.server.add_guild(None, shard_id=1)
    await scene.load(101, 102, 201)
    for shard_id in (0, 1):
        scene.backfill.start_session(shard_id)
    scene.backfill.complete_session(0)
    for chat in ("101", "102", "201"):
        await scene.watermarks.note(chat, str(scene.base + 9))
    await scene.watermarks.flush()
    assert set(scene.inbox.saved_watermarks.values()) == {
        str(scene.base)
    }  # the second shard is not there yet
    scene.backfill.complete_session(1)
    await scene.watermarks.flush()
    assert scene.inbox.saved_watermarks["201"] == str(scene.base + 9)
    assert (
        scene.inbox.saved_watermarks["101"]
        == scene.inbox.saved_watermarks["102"]
        == str(scene.base)
    )
    await scene.rest()
    await scene.watermarks.flush()
    assert set(scene.inbox.saved_watermarks.values()) == {str(scene.base + 9)}


async def test_a_cancelled_backfill_moves_no_watermark(scene: Scene) -> None:
    scene.server.add_guild(scene.base + 1)
    await scene.load(101)
    scene.backfill.start_session(0)
    scene.backfill.complete_session(0)
    await asyncio.sleep(0.5)
    await scene.backfill.close()
    await scene.watermarks.note("101", str(scene.base + 9))
    await scene.watermarks.flush()
    assert scene.inbox.saved_watermarks["101"] == str(scene.base) and not scene.committed


async def test_an_incomplete_session_hides_nothing(scene: Scene) -> None:
    """Messages of the first session must not count as known before the second."""
    scene.server.add_guild(scene.base + 1)
    await scene.load(101)
    scene.backfill.start_session(0)
    await scene.watermarks.note("101", str(scene.base + 9))
    await scene.fill()
    scene.backfill.complete_session(0)  # a session is completed once
    await scene.rest()
    assert scene.requests() == [101] and scene.committed == [scene.base + 1]


async def test_the_limit_of_messages_per_channel(scene: Scene) -> None:
    scene.server.add_guild(scene.base + 999)
    sent = [scene.base + number for number in range(1, MAX_MESSAGES + 2)]
    scene.server.news[101] = sent
    await scene.load(101)
    await scene.fill()
    assert scene.committed == sent[:MAX_MESSAGES]
    assert len(scene.server.requests) == MAX_MESSAGES // PAGE
