"""A full disk: Discord delivers interactions once, so the person is asked to try again."""

from __future__ import annotations

import pytest

from bots.discord_bot import DiscordBot
from core.errors import StorageFull
from tests.emulators.discord import DiscordServer
from tests.support.discord_inbox import OpenInbox


@pytest.mark.finding(26)
async def test_the_person_is_asked_to_send_it_again(
    server: DiscordServer, running: DiscordBot, inbox: OpenInbox
) -> None:
    ann = server.add_user("Ann")
    channel = server.channel(server.add_guild(members=[ann]))
    await server.wait_for(server.commands)
    inbox.failures = [StorageFull("/x/hearsay.db", 0)]
    interaction_id = server.slash(channel, ann, "help")
    [answer] = await server.wait_for(lambda: server.responses_to(interaction_id))
    assert answer.content.endswith("disk is full. Please send it again later.")
    assert answer.is_ephemeral and "/x/" not in answer.content
    assert inbox.tries == 1 and not inbox.messages
    server.slash(channel, ann, "help")
    await server.wait_for(lambda: inbox.messages)
