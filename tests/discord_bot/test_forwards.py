"""Forwards: whose words and recordings they are."""

from __future__ import annotations

import pytest

from bots.discord_bot import DiscordBot as Bot
from core.models import Message
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_inbox import FakeInbox


@pytest.fixture
def bob(server: Server) -> str:
    return server.add_user("Bob")


@pytest.fixture
def other_id(server: Server, ann: str, bob: str) -> str:
    """Another channel that the bot can read."""
    return server.channel(server.add_guild(members=[ann, bob]))


async def accepted(server: Server, inbox: FakeInbox, message_id: str) -> Message:
    """Return a message once it was accepted."""

    def find() -> list[Message]:
        return [message for message in inbox.messages if message.message_id == message_id]

    found: list[Message] = await server.wait_for(find)
    return found[0]


async def test_a_forward_names_who_wrote_the_original(
    server: Server, running: Bot, inbox: FakeInbox, ann: str, bob: str, other_id: str
) -> None:
    assert running.is_ready
    note = server.send_voice(other_id, bob, b"OggS")
    again = server.forward(other_id, ann, note)
    for original in (note, again):
        forward = server.forward(server.dm(ann), ann, original)
        message = await accepted(server, inbox, forward)
        assert (message.sender_id, message.origin_id) == (ann, bob)


async def test_so_does_the_menu_of_a_forward_and_a_reply_to_it(
    server: Server, running: Bot, inbox: FakeInbox, ann: str, bob: str, other_id: str
) -> None:
    assert running.is_ready
    note = server.send_voice(other_id, bob, b"OggS")
    forward = server.forward(other_id, ann, note)
    await server.wait_for(lambda: "Transcribe" in server.commands(), 30)
    asked = server.context_menu(forward, ann, "Transcribe")
    replied = server.send_text(other_id, ann, f"<@{running.client.bot_id}>", reply_to=forward)
    ids = {f"interaction:{asked}", replied}
    found = await server.wait_for(
        lambda: len(got := [m for m in inbox.messages if m.message_id in ids]) == 2 and got
    )
    for message in found:
        assert message.reply_to
        assert (message.reply_to.sender_id, message.reply_to.origin_id) == (ann, bob)


async def test_the_author_of_what_the_bot_cannot_read_is_unknown(
    server: Server, running: Bot, inbox: FakeInbox, ann: str, bob: str
) -> None:
    assert running.is_ready
    away = server.channel(server.add_guild(members=[ann, bob], has_bot=False))
    forward = server.forward(server.dm(ann), ann, server.send_voice(away, bob, b"OggS"))
    message = await accepted(server, inbox, forward)
    assert message.forwarded_from and message.origin_id == ""
