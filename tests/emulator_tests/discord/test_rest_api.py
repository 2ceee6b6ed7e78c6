"""Validation, permissions, file URLs and pings of the local Discord, with Discord's codes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.emulator_tests.discord.conftest import Rest
from tests.emulators.discord import DiscordServer

OPUS = b"OggS" + bytes(24) + b"OpusHead" + bytes(900)
WAVE = base64.b64encode(bytes(256)).decode()


@pytest.fixture
def ann(server: DiscordServer) -> str:
    return server.add_user("Ann")


@pytest.fixture
def channel(server: DiscordServer, ann: str) -> str:
    return server.channel(server.add_guild(members=[ann]))


def voice_form(**changes: Any) -> dict[str, Any]:
    """Return the arguments of a request that sends a voice message."""
    entry = {"id": "0", "filename": "voice.ogg", "duration_secs": 1.5, "waveform": WAVE}
    payload = {"flags": 8192, "attachments": [{**entry, **changes.pop("entry", {})}], **changes}
    files = {"files[0]": ("voice.ogg", OPUS, "audio/ogg")}
    return {"data": {"payload_json": json.dumps(payload)}, "files": files}


async def test_voice_messages_are_validated(
    server: DiscordServer, rest: Rest, channel: str
) -> None:
    path = f"/channels/{channel}/messages"
    sent = (await rest.call("POST", path, **voice_form())).json()
    [message] = server.replies(channel)
    assert message.is_voice and message.files[0].duration_s == 1.5
    assert sent["attachments"][0]["waveform"] == WAVE
    assert (await rest.call("GET", "/users/@me")).status_code == 200

    two, song = voice_form(), voice_form()
    two["files"]["files[1]"] = ("b.ogg", OPUS)
    song["files"] = {"files[0]": ("voice.ogg", b"ID3")}
    long = base64.b64encode(bytes(257)).decode()
    for wrong, code in (
        (voice_form(content="words"), 50159),
        (two, 50160),
        (song, 50160),
        (voice_form(entry={"duration_secs": None}), 50161),
        (voice_form(entry={"waveform": long}), 50161),
    ):
        assert await rest.code("POST", path, **wrong) == (400, code)
    edit = {"json": {"content": "x"}}
    assert await rest.code("PATCH", f"{path}/{sent['id']}", **edit) == (400, 50162)
    server.deny(channel, "", "SEND_VOICE_MESSAGES")
    assert await rest.code("POST", path, **voice_form()) == (403, 50173)
    assert len(server.replies(channel)) == 1


async def test_invalid_form_bodies_name_the_field(
    server: DiscordServer, rest: Rest, channel: str
) -> None:
    path = f"/channels/{channel}/messages"
    button = {"type": 2, "style": 1, "label": "Go", "custom_id": "go"}
    row = {"type": 1, "components": [button]}
    long = {"type": 1, "components": [button | {"custom_id": "c" * 101}]}
    both = {"parse": ["users"], "users": ["1"]}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"content": "x" * 2001}, "content"),
        ({"content": "x", "nonce": "n" * 26}, "nonce"),
        ({"content": "x", "message_reference": {"message_id": "1"}}, "message_reference"),
        ({"content": "x", "components": [row] * 6}, "components"),
        (
            {"components": [row | {"components": [button] * 2}]},
            "components.0.components.1.custom_id",
        ),
        ({"components": [long]}, "components.0.components.0.custom_id"),
        ({"content": "x", "allowed_mentions": both}, "allowed_mentions"),
    ]
    for form, place in wrong:
        answer = await rest.call("POST", path, json=form)
        tree = answer.json()["errors"]
        assert (answer.status_code, answer.json()["code"]) == (400, 50035), form
        for name in place.split("."):
            tree = tree[name]
        assert tree["_errors"][0]["message"]
    assert await rest.code("POST", path, json={"content": " "}) == (400, 50006)
    assert await rest.code("POST", path, json={"components": [row]}) == (200, 0)
    lenient = {"message_reference": {"message_id": "1", "fail_if_not_exists": False}}
    assert await rest.code("POST", path, json={"content": "x", **lenient}) == (200, 0)


async def test_missing_permissions_have_their_error_codes(
    server: DiscordServer, rest: Rest, ann: str, channel: str
) -> None:
    hello = {"json": {"content": "hello"}}
    note = server.send_text(channel, ann, "note")
    gone = server.send_text(channel, ann, "gone")
    server.delete(gone)
    assert await rest.code("GET", f"/channels/{channel}/messages/{gone}") == (404, 10008)
    assert await rest.code("GET", f"/channels/{channel}/messages?limit=101") == (400, 50035)
    server.deny(channel, "", "READ_MESSAGE_HISTORY")
    reply = {"json": {"content": "x", "message_reference": {"message_id": note}}}
    assert await rest.code("POST", f"/channels/{channel}/messages", **reply) == (403, 160002)
    server.deny(channel, "", "SEND_MESSAGES")
    assert await rest.code("POST", f"/channels/{channel}/messages", **hello) == (403, 50013)
    server.deny(channel, "", "VIEW_CHANNEL")
    assert await rest.code("POST", f"/channels/{channel}/messages", **hello) == (403, 50001)
    assert await rest.code("GET", f"/channels/{channel}") == (403, 50001)
    assert await rest.code("POST", "/channels/1/messages", **hello) == (404, 10003)
    foreign = server.channel(server.add_guild(members=[ann], has_bot=False))
    assert await rest.code("POST", f"/channels/{foreign}/messages", **hello) == (403, 50001)
    server.change(ann, is_closed=True)
    assert await rest.code("POST", f"/channels/{server.dm(ann)}/messages", **hello) == (403, 50007)
    assert await rest.code("POST", "/nowhere") == (404, 0)
    async with Rest(server, token="wrong") as stranger:
        assert await stranger.code("GET", "/users/@me") == (401, 0)
    assert server.invalid_requests() == 7


async def test_messages_unarchive_threads_unless_locked(
    server: DiscordServer, rest: Rest, ann: str, channel: str
) -> None:
    thread = server.add_thread(channel, ann)
    hello = {"json": {"content": "hello"}}
    sent = (await rest.call("POST", f"/channels/{thread}/messages", **hello)).json()
    server.archive_thread(thread)
    path = f"/channels/{thread}/messages"
    assert await rest.code("PATCH", f"{path}/{sent['id']}", **hello) == (400, 50083)
    assert await rest.code("POST", path, **hello) == (200, 0)
    assert not server.world.channels[thread].is_archived
    server.archive_thread(thread, is_locked=True)
    assert await rest.code("POST", path, **hello) == (400, 50083)
    forum = server.add_forum(str(server.world.channels[channel].guild_id))
    assert await rest.code("POST", f"/channels/{forum}/messages", **hello) == (400, 50008)
    note = server.send_text(channel, ann, "note")
    side = {"json": {"name": "Side"}}
    assert await rest.code("POST", f"/channels/{channel}/messages/{note}/threads", **side) == (
        201,
        0,
    )
    again = await rest.code("POST", f"/channels/{channel}/messages/{note}/threads", **side)
    assert again == (400, 160004)


async def test_file_urls_expire_and_a_fetched_message_has_new_ones(
    server: DiscordServer, rest: Rest, ann: str, channel: str
) -> None:
    note = server.send_voice(channel, ann, OPUS)

    async def link() -> str:
        message = (await rest.call("GET", f"/channels/{channel}/messages/{note}")).json()
        return str(message["attachments"][0]["url"])

    old = await link()
    assert (await rest.http.get(old)).content == OPUS
    server.advance(hours=25)
    assert (await rest.http.get(old)).status_code == 404
    new = await link()
    assert (await rest.http.get(new)).content == OPUS
    assert (await rest.http.get(new.replace("ex=", "ex=f"))).status_code == 404
    server.expire_links()
    assert (await rest.http.get(new)).status_code == 404
    assert (await rest.http.get(await link())).status_code == 200


async def test_pings_follow_allowed_mentions(
    server: DiscordServer, rest: Rest, ann: str, channel: str
) -> None:
    guild = str(server.world.channels[channel].guild_id)
    role = server.add_role(guild, "Crew")
    text = f"<@{ann}> <@!{ann}> <@&{role}> @everyone @here"
    path = f"/channels/{channel}/messages"
    note = server.send_text(channel, ann, "note")

    async def pinged(method: str = "POST", target: str = path, **body: Any) -> set[str]:
        server.clear_requests()
        assert (await rest.call(method, target, json=body)).is_success
        return {one.target for one in server.pings()}

    everybody = {f"user:{ann}", f"role:{role}", "everyone", "here"}
    assert await pinged(content=text) == everybody
    nobody: dict[str, Any] = {"parse": []}
    assert await pinged(content=text, allowed_mentions=nobody) == set()
    assert await pinged(content=text, allowed_mentions={"users": [ann]}) == {f"user:{ann}"}
    assert await pinged(content="x", message_reference={"message_id": note}) == {f"user:{ann}"}
    reference = {"message_id": note}
    assert await pinged(content="x", message_reference=reference, allowed_mentions=nobody) == set()
    # An edit is evaluated with the defaults again, whatever the first request allowed.
    sent = await rest.call("POST", path, json={"content": "x", "allowed_mentions": nobody})
    target = f"{path}/{sent.json()['id']}"
    assert await pinged("PATCH", target, content=text, allowed_mentions=nobody) == set()
    assert await pinged("PATCH", target, content=text) == everybody
    server.deny(channel, "", "MENTION_EVERYONE")
    assert await pinged(content=text) == {f"user:{ann}"}


async def test_application_commands_are_validated(server: DiscordServer, rest: Rest) -> None:
    path = f"/applications/{server.world.application_id}/commands"
    say = {"name": "say", "description": "Say it", "type": 1}
    menu = {"name": "Ask about this", "type": 3}

    async def put(*commands: dict[str, Any]) -> tuple[int, int]:
        return await rest.code("PUT", path, json=list(commands))

    assert await put(say, menu) == (200, 0)
    first = server.commands()["say"]["id"]
    assert await put(say) == (200, 0) and list(server.commands()) == ["say"]
    assert server.commands()["say"]["id"] == first
    assert server.command_writes() == [["say", "Ask about this"], ["say"]]
    assert await put(say | {"name_localizations": {"zh-CN": "说"}}) == (200, 0)
    [known] = (await rest.call("GET", path)).json()
    assert known["name_localizations"] == {"zh-CN": "说"}
    late = [{"name": "a", "description": "a", "type": 3},
            {"name": "b", "description": "b", "type": 3, "required": True}]  # fmt: skip
    for wrong in (
        [say | {"name": "Say"}], [say | {"description": "x" * 101}], [say | {"options": late}],
        [say | {"name_localizations": {"zh": "说"}}], [say, say], [menu | {"description": "no"}],
    ):  # fmt: skip
        assert await put(*wrong) == (400, 50035)
    assert await put(*({**menu, "name": f"m{number}"} for number in range(16))) == (400, 30032)
