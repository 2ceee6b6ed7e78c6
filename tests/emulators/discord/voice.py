"""Voice channels: voice states, the voice gateway (version 8), and audio received over UDP.

Source: Discord, "Voice Connections": hello, identify, ready, select protocol, session
description, and RTP packets in `aead_xchacha20_poly1305_rtpsize`; without DAVE.
`DiscordServer.gateway.voice` is the server:

    voice.move(guild, ann, channel)             # Ann joins; "" = she leaves
    pcm = voice.received_pcm(guild)             # 48 kHz, 16-bit, two channels
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import av
import nacl.secret
from nacl.exceptions import CryptoError
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.emulators.discord.events import emit_voice_state
from tests.emulators.discord.payloads import JSON
from tests.emulators.discord.records import STAGE
from tests.emulators.discord.world import World
from tests.support.virtual_time import VirtualLoop

MODE = "aead_xchacha20_poly1305_rtpsize"
IDENTIFY, SELECT, READY, HEARTBEAT, DESCRIPTION, SPEAKING, ACK, _, HELLO = range(9)
#: Opus silence frame, sent after speech to prevent interpolation.
SILENCE = b"\xf8\xff\xfe"


@dataclass(frozen=True, slots=True)
class Packet:
    """An audio packet."""

    timestamp: int
    opus: bytes


@dataclass(slots=True)
class VoiceSession:
    """A voice session of the bot, from joining a voice channel to leaving it."""

    guild_id: str
    channel_id: str
    token: str
    ssrc: int
    key: bytes = field(default_factory=lambda: os.urandom(32))
    packets: list[Packet] = field(default_factory=list)
    #: Flags of the bot's Speaking messages: 1 and 0 in turn.
    speaking: list[int] = field(default_factory=list)
    #: Done after the bot's IP discovery, which runs in a thread.
    found: asyncio.Future[None] | None = None


class VoiceServer:
    """Voice states of all guilds, and the voice server."""

    def __init__(self, world: World) -> None:
        self._world = world
        #: Every voice session, oldest first.
        self.sessions: list[VoiceSession] = []
        #: The bot's Update Voice State messages, oldest first.
        self.voice_state_updates: list[JSON] = []
        #: Whether the bot's Update Voice State messages are ignored.
        self.is_unresponsive = False
        #: Voice endpoint "host:port" for the bot, by default this server's.
        self.endpoint = ""
        #: Number of packets sent while the bot was suppressed on a stage.
        self.dropped_packets = 0
        self._udp: socket.socket | None = None
        self._transcription: threading.Thread | None = None

    # --- voice states

    def update_voice_state(self, data: dict[str, Any]) -> None:
        """Process Update Voice State, op 4 of the gateway."""
        self.voice_state_updates.append(data)
        guild_id, channel_id = str(data["guild_id"]), data["channel_id"]
        if not self.is_unresponsive:
            self.move(guild_id, self._world.bot.user_id, str(channel_id or ""))
        if channel_id is None or self.is_unresponsive:
            return
        number = len(self.sessions) + 1
        self.sessions.append(
            VoiceSession(guild_id, str(channel_id), f"token-{number}", 1000 + number)
        )
        endpoint = self.endpoint or self._world.base_url.removeprefix("http://")
        payload = {"token": f"token-{number}", "guild_id": guild_id, "endpoint": endpoint}
        self._world.emit("VOICE_SERVER_UPDATE", payload, guild_id=guild_id)

    def move(self, guild_id: str, user_id: str, channel_id: str) -> None:
        """Make a user join or change a voice channel, or leave it: ""."""
        with self._world.lock:
            guild = self._world.guilds[guild_id]
            guild.voices.pop(user_id, None)
            guild.listeners.discard(user_id)
            if channel_id:
                guild.voices[user_id] = channel_id
                if self._world.channels[channel_id].kind == STAGE:
                    guild.listeners.add(user_id)
            emit_voice_state(self._world, guild, user_id)

    def channel_of(self, guild_id: str, user_id: str = "") -> str:
        """Return the voice channel of a user, by default of the bot; "" for none."""
        guild = self._world.guilds[guild_id]
        return guild.voices.get(user_id or self._world.bot.user_id, "")

    # --- received audio

    def packets(self, guild_id: str) -> list[Packet]:
        """Return all audio packets of the bot in a guild."""
        return [
            one
            for session in self.sessions
            if session.guild_id == guild_id
            for one in session.packets
        ]

    def received_pcm(self, guild_id: str) -> bytes:
        """Return the decoded audio of the bot in a guild: 48 kHz, 16-bit, two channels."""
        decoder = av.AudioCodecContext.create("libopus", "r")
        decoder.sample_rate, decoder.layout = 48_000, "stereo"
        frames = [
            frame
            for packet in self.packets(guild_id)
            for frame in decoder.decode(av.Packet(packet.opus))
        ]
        return b"".join(bytes(frame.planes[0])[: frame.samples * 4] for frame in frames)

    # --- the voice gateway

    async def serve(self, client: WebSocket) -> None:
        """Serve one voice gateway connection until it ends."""
        await client.accept()
        await _send(client, HELLO, {"v": 8, "heartbeat_interval": 13_750})
        session: VoiceSession | None = None
        with suppress(WebSocketDisconnect, RuntimeError):
            while True:
                message = json.loads(await client.receive_text())
                op, data = message["op"], message["d"]
                if op == IDENTIFY:
                    session = self._find(data)
                await self._answer(client, op, data, session)

    async def _answer(
        self, client: WebSocket, op: int, data: Any, session: VoiceSession | None
    ) -> None:
        if op == HEARTBEAT:
            await _send(client, ACK, {"t": data["t"]})
        elif session is None:
            await client.close(4006)
        elif op == IDENTIFY:
            self._hold_time(session)
            ready = {
                "ssrc": session.ssrc,
                "ip": "127.0.0.1",
                "port": self._listen(),
                "modes": [MODE],
            }
            await _send(client, READY, ready)
        elif op == SELECT:
            assert data["protocol"] == "udp" and data["data"]["mode"] == MODE
            if session.found and not session.found.done():
                session.found.set_result(None)
            description = {"mode": MODE, "secret_key": [*session.key], "dave_protocol_version": 0}
            await _send(client, DESCRIPTION, description)
        elif op == SPEAKING:
            session.speaking.append(data["speaking"])

    def _hold_time(self, session: VoiceSession) -> None:
        """Stop virtual time until the IP discovery, in a thread of the bot, is done."""
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualLoop):
            session.found = loop.create_future()
            loop.watch(session.found)

    def _find(self, data: dict[str, Any]) -> VoiceSession | None:
        """Return the session that an IDENTIFY belongs to, None if it is not valid."""
        user, guild = self._world.bot.user_id, str(data["server_id"])
        is_session = data["session_id"] == f"{user}{guild}" and self.channel_of(guild)
        found = [
            one for one in self.sessions if one.guild_id == guild and one.token == data["token"]
        ]
        return found[0] if found and is_session else None

    # --- UDP

    def _listen(self) -> int:
        if self._udp is None:
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._udp.bind(("127.0.0.1", 0))
            self._transcription = threading.Thread(
                target=self._receive, args=(self._udp,), daemon=True
            )
            self._transcription.start()
        port: int = self._udp.getsockname()[1]
        return port

    def _receive(self, udp: socket.socket) -> None:
        while True:
            try:
                data, sender = udp.recvfrom(4096)
            except OSError:
                return
            if len(data) == 74 and data[:2] == b"\0\1":
                # Network latency: discord.py starts to listen only after its request.
                time.sleep(0.05)
                udp.sendto(_discovery(data, sender), sender)
            elif data[:2] == b"\x80\x78":
                self._receive_packet(data)
            elif data == b"end":
                return

    def _receive_packet(self, data: bytes) -> None:
        timestamp, ssrc = struct.unpack_from(">II", data, 4)
        session = next(one for one in self.sessions if one.ssrc == ssrc)
        box, nonce = nacl.secret.Aead(session.key), data[-4:].ljust(24, b"\0")
        try:
            opus = box.decrypt(data[12:-4], data[:12], nonce)
        except CryptoError:
            return  # between two sessions the bot may still use the old key
        if self._world.bot.user_id in self._world.guilds[session.guild_id].listeners:
            self.dropped_packets += 1
            return
        session.packets.append(Packet(timestamp, opus))

    def stop(self) -> None:
        """Close the UDP socket."""
        if self._udp is not None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"end", self._udp.getsockname())
            if self._transcription:
                self._transcription.join()
            self._udp.close()
            self._udp = None


def _discovery(data: bytes, sender: tuple[str, int]) -> bytes:
    """Return the response to an IP discovery packet: the sender's address."""
    address = sender[0].encode().ljust(64, b"\0")
    return struct.pack(">HH", 2, 70) + data[4:8] + address + struct.pack(">H", sender[1])


async def _send(client: WebSocket, op: int, data: Any) -> None:
    await client.send_text(json.dumps({"op": op, "d": data}))
