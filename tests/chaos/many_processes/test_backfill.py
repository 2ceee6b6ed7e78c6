"""D12: a session that is lost for ten minutes, to each of two intakes and to another process."""

from __future__ import annotations

from functools import partial

import pytest

from tests.chaos.many_processes.discord_cluster import DiscordCluster
from tests.chaos.many_processes.test_discord import find_owner, has_replies, is_spread, speak
from tests.chaos.notes import read_number
from tests.chaos.report import add_table
from tests.chaos.running_program import wait_for
from tests.support.discord_server_chat import add_guilds

pytestmark = [pytest.mark.chaos, pytest.mark.real_time, pytest.mark.long]

#: Channels on two shards, messages in each, and old ones where nobody has spoken since.
CHANNELS, MESSAGES, OLD = 6, 10, 20


@pytest.mark.parametrize("is_killed", [False, True], ids=["lost", "killed"])
async def test_a_lost_session_loses_no_message(discord: DiscordCluster, is_killed: bool) -> None:
    server = discord.server
    discord.overrides["has_limits"] = False
    ann = server.add_user("Ann")
    guilds = await add_guilds(server, 2, ann)
    channels = [server.add_channel(guilds[n % 2], f"channel-{n}") for n in range(CHANNELS)]
    quiet = server.add_channel(guilds[0], "quiet")
    for number in range(OLD):
        server.send_text(quiet, ann, f"old {number}")
    await discord.start()
    await wait_for(lambda: is_spread(discord), 60)
    for channel in (*channels, quiet):
        await discord.enable_auto(channel)
    first = await speak(server, channels, ann, 0)
    await wait_for(partial(has_replies, server, first), 60)
    server.set_gateway_down(is_down=True)
    if is_killed:
        await find_owner(discord, 0).kill()
    server.lose_sessions()
    await server.wait_for(lambda: not server.connected())
    sent: dict[str, int] = {}
    for number in range(1, MESSAGES + 1):
        sent |= await speak(server, channels, ann, number)
    server.advance(seconds=600)
    server.set_gateway_down(is_down=False)
    await wait_for(partial(has_replies, server, sent), 180)
    await discord.settle(len(first) + len(sent))
    answers = {note: server.replies_to(note) for note in first | sent}
    fetched = {call.path.split("/")[2] for call in server.requests_to("GET */messages")}
    title = f"{len(sent)} notes in {CHANNELS} channels while no session was there for 10 min"
    lost = sum(not one for one in answers.values())
    repeated = sum(len(one) > 1 for one in answers.values())
    others = len(server.replies(quiet))
    row = ("a process killed" if is_killed else "sessions lost", lost, repeated, others)
    add_table(title, ("how", "lost", "repeated", "answers to old ones"), [row])
    assert (lost, repeated, others) == (0, 0, 0)
    for note, number in sent.items():
        assert read_number(answers[note][0].content) == number
    assert quiet not in fetched and fetched <= set(channels)
    # discord.py itself says so whenever a connection ends.
    lines = [line for line in discord.whole_log.splitlines() if "Traceback" in line]
    assert not [line for line in lines if "Attempting a reconnect" not in line]
