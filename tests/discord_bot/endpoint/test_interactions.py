"""Interactions over HTTP: the same messages as over the gateway, answered within 3 s."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.outgoing.routes import read_interaction_token
from core.errors import ConfigError, StorageFull, StoreError
from core.models import FORM_TOKEN
from tests.discord_bot.test_interactions import BUTTONS, TOKEN
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_endpoint import run_with_endpoint
from tests.support.discord_inbox import OpenInbox


@pytest.fixture
def inbox() -> OpenInbox:
    return OpenInbox()


@pytest.fixture
async def posted(server: Server, inbox: OpenInbox) -> AsyncIterator[Bot]:
    """A bot without a gateway, whose endpoint is saved."""
    async with run_with_endpoint(server, inbox) as bot:
        yield bot


async def test_a_command_is_committed_and_then_deferred_in_the_answer(
    server: Server, posted: Bot, inbox: OpenInbox, ann: str, channel_id: str
) -> None:
    inbox.may_accept.clear()
    sent = server.slash(channel_id, ann, "say", {"text": "Hi", "voice": "Mia"})
    await server.wait_for(lambda: inbox.tries)
    await asyncio.sleep(1)
    assert server.interaction(sent).posts == []
    inbox.may_accept.set()
    await server.wait_for(lambda: server.thinking(channel_id))
    [message] = inbox.messages
    assert (message.command, message.text) == ("say", 'voice:"Mia" Hi')
    assert message.message_id == f"interaction:{sent}" and message.chat.chat_id == channel_id
    known = server.interaction(sent)
    token = read_interaction_token(message.reply_token)
    assert token and (token.interaction_id, token.token) == (sent, known.token)
    assert known.response_type == 5 and known.posts == [200]
    assert not server.thinking(channel_id)[0].is_ephemeral
    # Nothing went over REST, and there is no gateway.
    assert not server.requests_to("POST /interactions/*") and server.identifies(1e6) == 0


async def test_what_is_ephemeral_over_the_gateway_is_so_here(
    server: Server, posted: Bot, ann: str, channel_id: str
) -> None:
    server.slash(channel_id, ann, "help")
    [thinking] = await server.wait_for(lambda: server.thinking(channel_id))
    assert thinking.is_ephemeral


async def test_a_button_a_second_press_and_one_that_has_expired(
    server: Server, posted: Bot, inbox: OpenInbox, ann: str, channel_id: str
) -> None:
    with server.world.lock:
        me = server.world.bot.user_id
        shown = server.world.add_message(
            server.world.channels[channel_id], me, "What I said", components=BUTTONS
        ).message_id
    pressed = server.press(shown, ann, label="Listen")
    await server.wait_for(lambda: inbox.messages)
    assert inbox.messages[0].button == TOKEN
    await server.wait_for(lambda: server.interaction(pressed).response_type == 5)
    old = server.press(shown, ann, label="Old")
    [answer] = await server.wait_for(lambda: server.responses_to(old))
    assert answer.is_ephemeral and "expired" in answer.content
    assert server.interaction(old).response_type == 4


async def test_a_form_is_shown_and_submitted(
    server: Server, posted: Bot, inbox: OpenInbox, ann: str, channel_id: str
) -> None:
    text = server.send_text(channel_id, ann, "We meet at ten.")
    opened = server.context_menu(text, ann, "Ask about this")
    await server.wait_for(lambda: server.interaction(opened).modal)
    assert server.interaction(opened).posts == [200] and len(inbox.openers) == 1
    submitted = server.submit(opened, ann, {"text": "When?"})
    await server.wait_for(lambda: inbox.messages)
    assert inbox.messages[0].button == f"{FORM_TOKEN}interaction:{opened}"
    await server.wait_for(lambda: server.interaction(submitted).response_type == 5)


async def test_autocomplete_is_answered_at_once_and_never_fails(
    server: Server, posted: Bot, inbox: OpenInbox, ann: str, channel_id: str
) -> None:
    typed = server.autocomplete(channel_id, ann, "say", "voice", "say")
    [choice] = await server.wait_for(lambda: server.interaction(typed).choices)
    assert choice["value"] == "say voice"
    inbox.failures = [StoreError("locked")]
    typed = server.autocomplete(channel_id, ann, "say", "voice", "say")
    await server.wait_for(lambda: server.interaction(typed).posts)
    assert server.interaction(typed).response_type == 8
    assert server.interaction(typed).choices == [] and not inbox.messages


async def test_an_interaction_that_comes_again_changes_nothing(
    server: Server, posted: Bot, inbox: OpenInbox, ann: str, channel_id: str
) -> None:
    server.endpoint.copies = 3
    inbox.may_accept.clear()
    sent = server.slash(channel_id, ann, "say", {"text": "Hi"})
    await server.wait_for(lambda: len(server.endpoint.sent) == 3)
    await asyncio.sleep(0.5)
    inbox.may_accept.set()
    await server.wait_for(lambda: len(server.interaction(sent).posts) == 3)
    assert server.interaction(sent).posts == [200] * 3 and len(inbox.messages) == 1
    tries = inbox.tries
    # Somebody else sends again what was recorded.
    status, answer = await server.endpoint.post(*server.endpoint.sent[0])
    assert (status, answer) == (200, {"type": 5}) and inbox.tries == tries
    await asyncio.sleep(301)
    assert (await server.endpoint.post(*server.endpoint.sent[0]))[0] == 401


async def test_after_a_restart_a_repeated_interaction_changes_nothing(
    server: Server, inbox: OpenInbox, ann: str, channel_id: str
) -> None:
    async with run_with_endpoint(server, inbox):
        sent = server.slash(channel_id, ann, "say", {"text": "Hi"})
        await server.wait_for(lambda: server.interaction(sent).posts)
    async with run_with_endpoint(server, inbox):
        server.clear_requests()
        status, _ = await server.endpoint.post(*server.endpoint.sent[0])
        await asyncio.sleep(5)
        assert status == 200 and len(inbox.messages) == 1
        # Its response is not replaced by another.
        assert not server.requests_to("PATCH */messages/*")


async def test_a_commit_that_fails_in_time_is_retried(
    server: Server, posted: Bot, inbox: OpenInbox, ann: str, channel_id: str
) -> None:
    inbox.failures = [StoreError("locked"), StoreError("locked")]
    sent = server.slash(channel_id, ann, "say", {"text": "Hi"})
    await server.wait_for(lambda: server.interaction(sent).posts)
    assert server.interaction(sent).posts == [200] and len(inbox.messages) == 1


async def test_a_commit_that_takes_too_long_is_answered_in_the_channel(
    server: Server, posted: Bot, inbox: OpenInbox, ann: str, channel_id: str
) -> None:
    """Discord says that the application did not respond; the message is committed all the same."""
    inbox.may_accept.clear()
    sent = server.slash(channel_id, ann, "say", {"text": "Hi"})
    await server.wait_for(lambda: server.interaction(sent).posts)
    assert server.interaction(sent).posts == [503] and server.thinking(channel_id) == []
    # Before Discord has given up: it knows from us.
    latency_s = server.world.clock.monotonic() - server.interaction(sent).created_at
    assert latency_s < 3
    inbox.may_accept.set()
    await server.wait_for(lambda: inbox.messages)
    await asyncio.sleep(5)
    assert server.interaction(sent).response_type is None and len(inbox.messages) == 1
    # What is possible by now is no first response: Discord shows none to whom it has told that.
    assert (await server.endpoint.post(*server.endpoint.sent[0]))[0] == 503
    assert not posted.client.first_responses._pending


async def test_a_commit_that_never_succeeds_leaves_nothing(
    server: Server, posted: Bot, inbox: OpenInbox, ann: str, channel_id: str
) -> None:
    inbox.failures = [StoreError("locked") for _ in range(1000)]
    sent = server.slash(channel_id, ann, "say", {"text": "Hi"})
    await server.wait_for(lambda: server.interaction(sent).posts)
    await asyncio.sleep(20 * 60)
    assert server.interaction(sent).posts == [503] and not inbox.messages
    assert server.thinking(channel_id) == [] == server.replies(channel_id)


async def test_a_full_disk_is_told_in_the_answer(
    server: Server, posted: Bot, inbox: OpenInbox, ann: str, channel_id: str
) -> None:
    inbox.failures = [StorageFull("/x/hearsay.db", 0)]
    sent = server.slash(channel_id, ann, "help")
    [answer] = await server.wait_for(lambda: server.responses_to(sent))
    assert answer.content.endswith("Please send it again later.") and answer.is_ephemeral


@pytest.mark.parametrize("lag_s", [0.0, 1.0])
async def test_a_server_that_is_not_allowed_is_told_so(
    server: Server, inbox: OpenInbox, ann: str, channel_id: str, lag_s: float
) -> None:
    """Even if Discord does not know the response yet when it is edited."""
    server.endpoint.lag_s = lag_s
    async with run_with_endpoint(server, inbox, allowed_chats=("1",)):
        sent = server.slash(channel_id, ann, "say", {"text": "Hi"})
        [answer] = await server.wait_for(lambda: server.responses_to(sent))
        assert "not enabled" in answer.content and not inbox.messages


async def test_gateway_and_endpoint_at_once(
    server: Server, inbox: OpenInbox, ann: str, channel_id: str
) -> None:
    async with run_with_endpoint(server, inbox, discord_gateway="on") as bot:
        assert server.connected() == 1 and bot.is_ready and bot.voice is not None
        server.send_text(channel_id, ann, "over the gateway")
        server.slash(channel_id, ann, "say", {"text": "over HTTP"})
        await server.wait_for(lambda: len(inbox.messages) == 2)
        assert sorted(inbox.texts()) == ["over HTTP", "over the gateway"]
        server.world.endpoint_url = ""
        sent = server.slash(channel_id, ann, "say", {"text": "over the gateway again"})
        await server.wait_for(lambda: server.interaction(sent).response_type == 5)
        assert server.interaction(sent).posts == []


async def test_while_it_is_stopped_nothing_is_lost_that_was_taken(
    server: Server, inbox: OpenInbox, ann: str, channel_id: str
) -> None:
    async with run_with_endpoint(server, inbox):
        inbox.may_accept.clear()
        server.slash(channel_id, ann, "say", {"text": "Hi"})
        await server.wait_for(lambda: inbox.tries)
        asyncio.get_running_loop().call_later(1, inbox.may_accept.set)
    assert len(inbox.messages) == 1


async def test_messages_are_not_seen_and_it_says_so(
    server: Server, posted: Bot, inbox: OpenInbox, ann: str, channel_id: str
) -> None:
    server.send_text(server.dm(ann), ann, "hello")
    await asyncio.sleep(5)
    assert not inbox.messages and posted.voice is None
    assert "join" not in server.commands() and "say" in server.commands()
    server.slash(channel_id, ann, "auto", is_forced=True)
    message = (await server.wait_for(lambda: inbox.messages))[0]
    assert "only see commands" in await posted.explain_blindness(message)


async def test_a_key_of_another_application_ends_the_program(
    server: Server, inbox: OpenInbox
) -> None:
    with pytest.raises(ConfigError, match="DISCORD_PUBLIC_KEY"):
        async with run_with_endpoint(server, inbox, discord_public_key="ab" * 32):
            pass
