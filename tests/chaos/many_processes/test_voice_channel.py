"""A voice channel belongs to the process that receives from its server, whoever does the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from tests.chaos.many_processes.discord_cluster import DiscordCluster
from tests.chaos.running_program import wait_for
from tests.emulators.discord import DiscordServer
from tests.emulators.discord.records import VOICE_CHANNEL, Message
from tests.emulators.discord.voice import SILENCE
from tests.emulators.mimo import MimoServer
from tests.emulators.tls import open_tls
from tests.support.postgresql import PostgresServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]


@pytest.fixture
async def cluster(
    tmp_path: Path, server: DiscordServer, mimo: MimoServer, postgresql: PostgresServer
) -> AsyncIterator[DiscordCluster]:
    async with open_tls(server.port, tmp_path) as (place, trusted):
        server.gateway.voice.endpoint = place
        servers, commands = (server, mimo), ("intake", "worker")
        async with DiscordCluster(tmp_path, postgresql.create(), servers, commands) as cluster:
            cluster.trust(trusted)
            yield cluster


async def test_what_is_said_there_is_played_by_its_process_and_outlives_it(
    cluster: DiscordCluster, server: DiscordServer, mimo: MimoServer
) -> None:
    voice, ann = server.gateway.voice, server.add_user("Ann")
    guild = server.add_guild(members=[ann])
    channel, sofa = server.channel(guild), server.add_channel(guild, "Sofa", VOICE_CHANNEL)
    voice.move(guild, ann, sofa)
    await cluster.start()
    await server.wait_for(server.commands)
    await server.wait_for(lambda: server.connected() == 1)
    joined = server.slash(channel, ann, "join")
    [told] = await server.wait_for(partial(server.responses_to, joined))
    assert "Sofa" in told.content and voice.channel_of(guild) == sofa

    say = partial(server.slash, channel, ann, "say")
    say({"text": "Good morning, all."})
    [answer] = await server.wait_for(lambda: list_voices(server, channel))
    length_s = answer.files[0].duration_s or 0
    await server.wait_for(lambda: measure_speech(server, guild) >= length_s > 0)

    # Its process ends in the middle of the next one: a worker says it, in the chat.
    [intake], calls = cluster.intakes, len(mimo.requests)
    mimo.rules.latency_s = 600.0
    say({"text": "This comes late."})
    await server.wait_for(lambda: len(mimo.requests) > calls)
    server.slash(channel, ann, "stop")
    await wait_for(lambda: cluster.rows(WAITING) == [(1,)] or None, 20)
    mimo.rules.latency_s = 0.0
    await intake.kill()
    await server.wait_for(lambda: len(list_voices(server, channel)) == 2, 40)
    assert set(await cluster.settle(4)) == {"done", "refused"}
    await cluster.start()
    await server.wait_for(lambda: server.connected() == 1)
    again = server.slash(channel, ann, "join")
    await server.wait_for(partial(server.responses_to, again))
    assert "Traceback" not in cluster.whole_log


#: Jobs that wait for the process that alone can run them.
WAITING = (
    "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND queue_name LIKE 'only %'"
)


def list_voices(server: DiscordServer, channel: str) -> list[Message]:
    """Return the voice messages that the bot has sent to a channel."""
    return [one for one in server.replies(channel) if one.is_voice]


def measure_speech(server: DiscordServer, guild: str) -> float:
    """Return the seconds of speech that were played in a server."""
    return 0.02 * sum(packet.opus != SILENCE for packet in server.gateway.voice.packets(guild))
