"""What goes wrong on Discord goes wrong here: sessions, events, requests, downloads."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from core.clock import Clock
from tests.emulators.discord import DiscordServer
from tests.emulators.discord.calls import FaultKind
from tests.emulators.discord.client import LocalClient, Remote, Rest, discord


class Ears(LocalClient):
    """A bot that remembers what it hears."""

    def __init__(self, server: DiscordServer, **options: Any) -> None:
        super().__init__(server, guild_ready_timeout=0.2, **options)
        self.heard: list[str] = []

    async def on_message(self, message: discord.Message) -> None:
        self.heard.append(message.content)


async def say(server: DiscordServer, bot: Ears, *texts: str) -> None:
    """Let somebody write, and wait until the bot has heard as many messages."""
    ann = server.add_user()
    count = len(bot.heard) + len(texts)
    for text in texts:
        server.send_text(server.dm(ann), ann, text)
    await server.wait_for(lambda: len(bot.heard) >= count, timeout_s=20)


# --- the gateway


@pytest.mark.parametrize("fault", ["op 7", "op 9 true", "close 4000", "close 4009"])
async def test_a_session_survives(server: DiscordServer, fault: str) -> None:
    async with Ears(server) as bot:
        await say(server, bot, "before")
        if fault == "op 7":
            server.ask_reconnect()
        elif fault == "op 9 true":
            server.invalidate(is_resumable=True)
        else:
            server.close_gateway(int(fault.split()[1]))
        await say(server, bot, "after")
        await server.wait_for(lambda: server.resumes() == 1, timeout_s=20)
        assert bot.heard == ["before", "after"] and server.identifies() == 1


@pytest.mark.parametrize("fault", ["op 9 false", "cut", "away"])
async def test_a_lost_session_identifies_anew_and_has_missed_something(
    server: DiscordServer, fault: str
) -> None:
    async with Ears(server) as bot:
        await say(server, bot, "before")
        if fault == "op 9 false":
            server.invalidate()
        elif fault == "cut":
            server.lose_sessions()
        else:
            # Where it cannot connect, the sharded client gives its session up.
            await server.close()
            await asyncio.sleep(0.2)
            await server.open()
        ann = server.add_user()
        server.send_text(server.dm(ann), ann, "missed")
        await server.wait_for(lambda: server.connected() and server.identifies() == 2, timeout_s=20)
        await say(server, bot, "after")
        assert bot.heard == ["before", "after"] and server.resumes() == 0


async def test_a_zombie_is_left_by_the_client(server: DiscordServer) -> None:
    server.set_heartbeat(0.2)
    async with Ears(server, heartbeat_timeout=1.0) as bot:
        server.make_zombies()
        await say(server, bot, "meanwhile")
        assert server.identifies() == 1 and server.resumes() >= 1
        assert not server.late_beats(2.0) and len(server.gateway.sessions.beats) >= 2


async def test_events_come_twice_shuffled_and_not_at_all(server: DiscordServer) -> None:
    async with Ears(server) as bot:
        server.repeat_events(2)
        await say(server, bot, "double")
        await server.wait_for(lambda: bot.heard == ["double"] * 2)
        server.repeat_events(1)
        server.lose_events(1)
        ann = server.add_user()
        server.send_text(server.dm(ann), ann, "lost")
        server.hold_events()
        texts = [str(number) for number in range(9)]
        for text in texts:
            server.send_text(server.dm(ann), ann, text)
        await asyncio.sleep(0.1)
        assert len(bot.heard) == 2
        server.release_events(is_shuffled=True)
        await server.wait_for(lambda: len(bot.heard) == 11)
        assert sorted(bot.heard[2:]) == texts and bot.heard[2:] != texts


@pytest.mark.parametrize("code", [4004, 4013])
async def test_some_close_codes_are_final(server: DiscordServer, code: int) -> None:
    server.refuse_identify(code)
    with pytest.raises(discord.ConnectionClosed) as closed:
        await Ears(server).__aenter__()
    assert closed.value.code == code and server.identifies() == 1


async def test_an_intent_that_was_not_granted_is_refused(server: DiscordServer) -> None:
    server.set_privileged("GUILD_MEMBERS")
    with pytest.raises(discord.PrivilegedIntentsRequired):
        await Ears(server).__aenter__()
    intents = discord.Intents.default()
    ann = server.add_user()
    room = server.channel(server.add_guild(members=[ann]))
    async with Ears(server, intents=intents) as bot:
        server.send_text(room, ann, "hidden")
        server.send_text(room, ann, f"<@{server.world.bot.user_id}> seen")
        server.send_text(server.dm(ann), ann, "private")
        await server.wait_for(lambda: len(bot.heard) == 3)
        assert bot.heard[0] == "" and "seen" in bot.heard[1] and bot.heard[2] == "private"
    async with Rest(server) as rest:
        messages = (await rest.call("GET", f"/channels/{room}/messages")).json()
        assert [one["content"] == "" for one in messages] == [False, True]


async def test_shards_hear_their_own_servers(server: DiscordServer) -> None:
    server.set_shards(2)
    ann = server.add_user()
    rooms = []
    for _ in range(2):
        rooms.append(server.channel(server.add_guild(members=[ann])))
        await asyncio.sleep(0.002)  # another millisecond, another shard
    async with Ears(server) as bot:
        assert server.connected() == 2 and server.identifies() == 2 and len(bot.guilds) == 2
        for room in rooms:
            server.send_text(room, ann, room)
        await server.wait_for(lambda: len(bot.heard) >= 2)
        assert sorted(bot.heard) == sorted(rooms)


async def _hello(server: DiscordServer) -> ClientConnection:
    socket = await connect(f"{server.gateway_url}?v=10&encoding=json")
    assert json.loads(await socket.recv())["op"] == 10
    return socket


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("no JSON", 4002),
        ('{"op": 99}', 4003),
        ('{"op": 2, "d": {"token": "wrong", "intents": 0}}', 4004),
        ('{"op": 6, "d": {"token": "wrong", "session_id": "x", "seq": 1}}', 4004),
    ],
)
async def test_what_cannot_be_understood_closes_the_line(
    server: DiscordServer, sent: str, code: int
) -> None:
    async with await _hello(server) as socket:
        await socket.send(sent)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd and closed.value.rcvd.code == code


async def test_too_many_messages_close_the_line_and_a_goodbye_ends_the_session(
    server: DiscordServer,
) -> None:
    intents = {"op": 2, "d": {"token": server.token, "intents": 1}}
    async with await _hello(server) as socket:
        await socket.send(json.dumps(intents))
        ready = json.loads(await socket.recv())
        assert ready["t"] == "READY"
        for _ in range(120):
            await socket.send('{"op": 1, "d": null}')
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await socket.recv()
        assert closed.value.rcvd and closed.value.rcvd.code == 4008
    again = {"token": server.token, "session_id": ready["d"]["session_id"], "seq": 1}
    async with await _hello(server) as socket:
        await socket.send(json.dumps({"op": 6, "d": again}))
        assert json.loads(await socket.recv())["t"] == "RESUMED"
        await socket.close(1000)
    async with await _hello(server) as socket:
        await socket.send(json.dumps({"op": 6, "d": again}))
        assert json.loads(await socket.recv()) == {"op": 9, "d": False}


# --- requests


async def test_an_answer_that_was_lost_is_sent_once(server: DiscordServer) -> None:
    ann = server.add_user()
    async with Ears(server) as bot:
        chat = bot.get_partial_messageable(int(server.dm(ann)))
        kinds: tuple[FaultKind, ...] = ("lose_reply", "close")
        for kind in kinds:
            server.fault("POST */messages", kind)
            with pytest.raises((OSError, discord.HTTPException)):
                await chat.send("hello")
        assert len(server.answers(server.dm(ann))) == 1
        server.fault("POST */messages", "status", status=503)
        with pytest.raises(discord.DiscordServerError):
            await chat.send("hello")
        server.fault("POST */messages", "html", status=429)
        with pytest.raises(discord.HTTPException) as page:
            await chat.send("hello")
        assert page.value.status == 429 and server.invalid_requests() == 1


@pytest.mark.parametrize(("scope", "count"), [("user", 1), ("global", 1), ("shared", 0)])
async def test_who_is_to_blame_for_a_429(
    server: DiscordServer, rest: Rest, scope: Any, count: int
) -> None:
    server.fault("GET /users/@me", "rate_limit", retry_after=1.5, scope=scope)
    answer = await rest.call("GET", "/users/@me")
    assert answer.status_code == 429 and answer.json()["retry_after"] == 1.5
    assert answer.json()["global"] == (scope == "global")
    assert answer.headers["X-RateLimit-Scope"] == scope and "Via" in answer.headers
    assert server.invalid_requests() == count
    server.advance(seconds=601)
    assert server.invalid_requests() == 0


async def test_limits_refuse_and_a_ban_is_a_page(server: DiscordServer, rest: Rest) -> None:
    ann = server.add_user()
    path = f"/channels/{server.dm(ann)}/messages"
    server.set_limits(is_strict=True)
    server.freeze()
    answers = [await rest.call("POST", path, json={"content": f"{n}"}) for n in range(7)]
    assert [one.status_code for one in answers] == [200] * 5 + [429] * 2
    assert [one.headers["X-RateLimit-Remaining"] for one in answers[:5]] == list("43210")
    assert server.violations() == {"POST /channels/{channel}/messages": 2}
    server.advance(seconds=5)
    assert (await rest.call("POST", path, json={"content": "x"})).status_code == 200
    for _ in range(49):
        await rest.call("GET", "/users/@me")
    over = await rest.call("GET", "/users/@me")
    assert over.json()["global"] and over.headers["X-RateLimit-Global"] == "true"
    server.set_ban(3)
    page = await rest.call("GET", "/users/@me")
    assert page.status_code == 429 and "Via" not in page.headers
    assert page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("kind", ["status", "close", "cut", "slow", "delay", "hang"])
async def test_downloads_fail_in_every_way(
    server: DiscordServer, rest: Rest, kind: FaultKind, clock: Clock
) -> None:
    ann = server.add_user()
    note = server.send_file(server.dm(ann), ann, bytes(4000))
    link = server.world.link(server.message(note).files[0])
    server.fault("GET /cdn", kind, status=403, delay_s=0.3, bytes_per_s=10_000)
    begun_s = clock.monotonic()
    if kind in ("slow", "delay"):
        assert (await rest.http.get(link)).content == bytes(4000)
        assert clock.monotonic() - begun_s > 0.25
    elif kind == "status":
        assert (await rest.http.get(link)).status_code == 403
    else:
        with pytest.raises(httpx.TransportError):
            await rest.http.get(link, timeout=0.5)
    assert (await rest.http.get(link)).status_code == 200


# --- as a process


@pytest.mark.real_time
async def test_the_server_as_a_process_of_its_own() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.emulators.discord", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        addresses = json.loads(await process.stdout.readline())
        assert addresses["gateway_url"].startswith("ws://127.0.0.1:")
        await asyncio.to_thread(_talk, Remote(addresses["base_url"]))
    finally:
        process.terminate()
        assert await process.wait() == 0


def _talk(remote: Remote) -> None:
    ann = remote.add_user("Ann")
    room = remote.channel(remote.add_guild(members=[ann]))
    note = remote.send_voice(room, ann, data=b"OggS", duration=2)
    assert remote.message(note)["files"][0]["duration_s"] == 2
    assert remote.answers_to(note) == [] and remote.visible_counts([note]) == {note: 0}
    with pytest.raises(RuntimeError, match="no command"):
        remote.slash(room, ann, "say")
