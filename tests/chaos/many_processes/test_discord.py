"""Discord with intakes that share the shards of a bot, and workers that answer."""

from __future__ import annotations

import asyncio
import json
import re
import time
from functools import partial

import pytest

from tests.chaos.conftest import IS_LONG
from tests.chaos.many_processes.cluster import SharedProgram
from tests.chaos.many_processes.discord_cluster import DiscordCluster
from tests.chaos.many_processes.test_take_over import describe
from tests.chaos.notes import make_note, read_number
from tests.chaos.report import add_table
from tests.chaos.running_program import wait_for
from tests.emulators.discord import DiscordServer
from tests.support.discord_server_chat import add_guilds

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

KILLS = 6 if IS_LONG else 1
#: From a kill until another process receives from its shard.
MAX_SHARD_S = 30.0
#: A shard, as logs name it.
PIECE = re.compile(r"discord \d+ (\d) of 2")


async def test_shards_are_shared_and_succeeded(
    discord: DiscordCluster, server: DiscordServer
) -> None:
    if IS_LONG:
        discord.overrides = {"constants": {}}
    ann = server.add_user("Ann")
    channels = [server.channel(guild) for guild in await add_guilds(server, 2, ann)]
    await discord.start()
    await wait_for(lambda: is_spread(discord), 60)
    for channel in channels:
        await discord.enable_auto(channel)
    took_s = list[float]()
    sent = await speak(server, channels, ann, 0)
    are_answered = partial(has_replies, server, sent)
    for number in range(1, KILLS + 1):
        await wait_for(are_answered, 60)
        victim = find_owner(discord, number % 2)
        await victim.kill()
        killed_s = time.monotonic()
        # No gateway delivers these to anybody.
        sent |= await speak(server, channels, ann, number)
        await wait_for(lambda: len(set(discord.owners().values())) == 1 or None, MAX_SHARD_S)
        await wait_for(lambda: server.connected() == 2, MAX_SHARD_S)
        took_s.append(time.monotonic() - killed_s)
        await wait_for(are_answered, 60)
        await discord.start()
        await wait_for(lambda: is_spread(discord), 60)
    for note, number in sent.items():
        [answer] = server.replies_to(note)
        assert read_number(answer.content) == number
    note = "" if IS_LONG else ", with short intervals"
    title = f"seconds until another process receives from a shard{note}"
    add_table(title, ("kills", "p50", "p95", "max"), [(KILLS, *describe(took_s))])
    assert max(took_s) <= MAX_SHARD_S
    assert "Traceback" not in discord.whole_log


async def test_a_worker_answers_interactions_that_an_intake_has_received(
    discord: DiscordCluster, server: DiscordServer
) -> None:
    ann = server.add_user("Ann")
    channels = [server.channel(guild) for guild in await add_guilds(server, 2, ann)]
    await discord.start()
    await wait_for(lambda: is_spread(discord), 60)
    await wait_for(lambda: all("discord_menu" in one.log for one in discord.processes) or None, 30)
    for channel in channels:
        helped = server.slash(channel, ann, "help")
        refused = server.slash(channel, ann, "say", {"text": "..."})
        [help_] = await server.wait_for(partial(server.responses_to, helped))
        [refusal] = await server.wait_for(partial(server.responses_to, refused))
        assert "</transcribe:" in help_.content, "commands are links"
        assert "nothing in this text" in refusal.content and refusal.is_ephemeral
    assert not any(one.is_loading for channel in channels for one in server.replies(channel))
    assert "Traceback" not in discord.whole_log


def is_spread(cluster: DiscordCluster) -> bool | None:
    """Return whether each of two processes receives from a shard."""
    return (len(set(cluster.owners().values())) == 2 and cluster.server.connected() == 2) or None


def find_owner(cluster: DiscordCluster, shard: int) -> SharedProgram:
    """Return the process that receives from a shard."""
    [owner] = [one for one in cluster.intakes if list_shards(one.log) == [shard]]
    return owner


def list_shards(log: str) -> list[int]:
    """Return the shards that a process has begun with and not left."""
    shards = set[int]()
    for line in log.splitlines():
        entry = json.loads(line)
        if (what := entry.get("what")) and (found := PIECE.fullmatch(what)):
            change = shards.add if entry["event"] == "this process alone does" else shards.discard
            change(int(found[1]) - 1)
    return [*shards]


async def speak(
    server: DiscordServer, channels: list[str], person: str, number: int
) -> dict[str, int]:
    """Send a voice note to each channel; return its number by its id."""
    numbers = [number * len(channels) + place for place in range(len(channels))]
    notes = [await asyncio.to_thread(make_note, one) for one in numbers]
    sent = zip(channels, notes, numbers, strict=True)
    return {server.send_voice(channel, person, note): one for channel, note, one in sent}


def has_replies(server: DiscordServer, sent: dict[str, int]) -> bool | None:
    """Return whether each of these notes has its transcript."""
    return (
        all(
            [read_number(one.content) for one in server.replies_to(note)] == [number]
            for note, number in sent.items()
        )
        or None
    )
