"""Downloads: expired links are renewed, and large files are not fetched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bots.discord_bot import DiscordBot as Bot
from core.errors import BadAudio, PlatformBusy, TooLong, UserError
from core.models import Attachment, Message, QuotedMessage
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_inbox import FakeInbox, make_message

OGG = b"OggS" + bytes(5000)


async def receive_voice(server: Server, inbox: FakeInbox, **fields: Any) -> Message:
    """Let the bot receive a voice message and return it."""
    ann = server.add_user("Ann")
    server.send_voice(server.dm(ann), ann, OGG, **fields)
    await server.wait_for(lambda: inbox.messages)
    return inbox.messages[-1]


async def test_an_expired_link_is_renewed(server: Server, running: Bot, inbox: FakeInbox) -> None:
    """H10: the message is fetched again for a fresh link."""
    message = await receive_voice(server, inbox)
    assert await running.fetch(message) == OGG
    assert not server.requests_to("GET */messages/*")  # what was just sent costs no call
    server.expire_links()
    assert await running.fetch(message) == OGG
    assert len(server.requests_to("GET */messages/*")) == 1
    server.fault("GET /cdn", "status", status=503)
    with pytest.raises(PlatformBusy):
        await running.fetch(message)
    server.delete(message.message_id)
    server.expire_links()
    with pytest.raises(UserError, match="no longer has this file"):
        await running.fetch(message)


async def test_the_recording_of_the_quoted_message(
    server: Server, running: Bot, inbox: FakeInbox, ann: str
) -> None:
    chat = server.dm(ann)
    note = server.send_voice(chat, ann, OGG)
    server.send_text(chat, ann, "what was that?", reply_to=note)
    await server.wait_for(lambda: len(inbox.messages) == 2)
    running.files._links.clear()
    assert await running.fetch(inbox.messages[-1]) == OGG


async def test_a_forwarded_recording(server: Server, running: Bot, inbox: FakeInbox) -> None:
    ann, bob = server.add_user("Ann"), server.add_user("Bob")
    far = server.private_chat(ann, bob)
    note = server.send_voice(far, bob, OGG)
    server.forward(server.dm(ann), ann, note)
    await server.wait_for(lambda: inbox.messages)
    assert await running.fetch(inbox.messages[0]) == OGG
    running.files._links.clear()
    assert await running.fetch(inbox.messages[0]) == OGG


async def test_a_link_without_message_cannot_be_renewed(
    server: Server, running: Bot, inbox: FakeInbox
) -> None:
    with pytest.raises(BadAudio):  # nor is there always one
        await running.fetch(make_message("1", attachment=None, reply_to=QuotedMessage("2")))
    message = await receive_voice(server, inbox)
    assert message.attachment
    key = message.attachment.file_id
    link = running.files._links[key]
    only_link, with_both = (
        replace(message, attachment=replace(message.attachment, file_id=file_id))
        for file_id in (link, f"{key} {link}")
    )
    assert await running.fetch(only_link) == OGG == await running.fetch(with_both)
    server.expire_links()
    with pytest.raises(UserError, match="no longer has this file"):
        await running.fetch(only_link)
    assert await running.fetch(with_both) == OGG


@pytest.mark.parametrize("kind", ["close", "cut", "lose_reply"])
async def test_an_interrupted_download_is_retried_once(
    server: Server, running: Bot, inbox: FakeInbox, kind: str
) -> None:
    message = await receive_voice(server, inbox)
    server.fault("GET /cdn", kind)  # type: ignore[arg-type]
    assert await running.fetch(message) == OGG


@pytest.mark.finding(8)
async def test_large_files_are_not_fetched_whatever_they_claim(
    server: Server, running: Bot, inbox: FakeInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = Attachment("1/2/3", size_bytes=running.files.max_bytes + 1)
    with pytest.raises(TooLong):
        await running.fetch(make_message("1", attachment=large))
    assert not server.requests_to("GET /cdn")
    assert running.files.max_bytes == running.max_file_bytes == 128_000_000
    monkeypatch.setattr(running.files, "max_bytes", 3000)
    message = await receive_voice(server, inbox, claims={"claimed_bytes": 100})
    with pytest.raises(TooLong):
        await running.fetch(message)
