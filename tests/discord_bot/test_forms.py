"""Forms that are submitted after a restart, twice, or when they are no longer stored."""

from __future__ import annotations

import pytest

from bots.discord_bot import DiscordBot as Bot
from tests.emulators.discord import DiscordServer as Server
from tests.emulators.mimo import MimoServer
from tests.support.discord_inbox import FakeInbox
from tests.support.discord_program import DiscordProgram

ENTRY = "Ask about this"


async def open_form(server: Server, message: str, person: str) -> str:
    """Choose the entry that opens a form, and return the interaction once it is open."""
    await server.wait_for(lambda: ENTRY in server.commands(), 30)
    opened = server.context_menu(message, person, ENTRY)
    form = await server.wait_for(lambda: server.interaction(opened).modal, 30)
    assert len(form["custom_id"]) <= 100
    return opened


@pytest.mark.finding(2)
@pytest.mark.real_time
@pytest.mark.parametrize("has_bot", [True, False])
async def test_a_form_is_submitted_after_a_restart(
    program: DiscordProgram, mimo: MimoServer, server: Server, *, has_bot: bool
) -> None:
    """Also where a person has installed the app, and the bot cannot fetch the message."""
    eve = server.add_user("Eve", has_app=True)
    channel = server.channel(server.add_guild(members=[eve], has_bot=has_bot))
    await program.start()
    text = server.send_text(channel, eve, "We meet at ten.")
    opened = await open_form(server, text, eve)
    await program.kill()
    await program.start()
    submitted = [server.submit(opened, eve, {"text": "When do we meet?"}) for _ in range(2)]
    await server.wait_for(
        lambda: all(server.interaction(one).response_type is not None for one in submitted), 30
    )
    assert await program.settle(1) == {"done": 1}
    [request] = mimo.requests
    assert "When do we meet?" in str(request) and "We meet at ten." in str(request)
    # Submitted again, as when Discord's first attempt seems to have failed: it was asked once.
    assert sorted(str(server.interaction(one).response_type) for one in submitted) == ["5", "6"]
    assert server.thinking(channel) == []


@pytest.mark.real_time
async def test_a_form_that_is_no_longer_stored_has_expired(
    program: DiscordProgram, server: Server, ann: str, channel_id: str
) -> None:
    await program.start()
    text = server.send_text(channel_id, ann, "We meet at ten.")
    opened = await open_form(server, text, ann)
    await program.answer(server.slash(channel_id, ann, "forget", {"whose": "me"}))
    stored = f"select * from messages where message_id = 'interaction:{opened}'"
    assert program.rows(stored) == []
    answer = await program.answer(server.submit(opened, ann, {"text": "When do we meet?"}))
    assert answer.content == "This has expired. Please start again." and answer.is_ephemeral


@pytest.mark.parametrize("custom_id", ["f:an older form", "f:1:Translate", "f", "", "h:1:2"])
async def test_an_unknown_form_is_refused(
    server: Server, running: Bot, inbox: FakeInbox, ann: str, channel_id: str, custom_id: str
) -> None:
    opened = await open_form(server, server.send_text(channel_id, ann, "We meet at ten."), ann)
    modal = server.world.interactions[opened].modal
    assert running.is_ready and modal
    modal["custom_id"] = custom_id
    sent = server.submit(opened, ann, {"text": "When?"})
    [answer] = await server.wait_for(lambda: server.responses_to(sent))
    assert answer.is_ephemeral and "When?" not in inbox.texts()
