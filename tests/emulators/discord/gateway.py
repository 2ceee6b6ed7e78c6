"""The gateway: connections, heartbeats, IDENTIFY and RESUME, and connection faults."""

from __future__ import annotations

import asyncio
import contextlib
import json
import zlib
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.emulators.discord.api import Api
from tests.emulators.discord.events import PRIVILEGED
from tests.emulators.discord.payloads import JSON
from tests.emulators.discord.sessions import Heartbeat, Session, Sessions
from tests.emulators.discord.voice import VoiceServer
from tests.emulators.local_server import break_connection
from tests.support.virtual_time import current_clock

HEARTBEAT_S = 41.25
HEARTBEAT, IDENTIFY, VOICE_STATE, RESUME = 1, 2, 4, 6


class CloseConnection(Exception):
    """Raised to close a connection with a close code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Connection:
    """A gateway connection. Messages to it may be queued from any thread."""

    def __init__(self, socket: WebSocket, hello_at: float) -> None:
        self.socket = socket
        self.session: Session | None = None
        #: Silent, but open: see `freeze`.
        self.is_zombie = False
        self.last_heartbeat_at = hello_at
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str | int | None] = asyncio.Queue()
        is_compressed = socket.query_params.get("compress") == "zlib-stream"
        self._compressor = zlib.compressobj() if is_compressed else None

    def send(self, message: JSON) -> None:
        """Queue a message."""
        if not self.is_zombie:
            self._put(json.dumps(message))

    def freeze(self) -> None:
        """Keep the socket open without reading or writing, not even a close handshake."""
        self.is_zombie = True
        transport = self.socket.scope["state"]["transport"]
        with contextlib.suppress(RuntimeError):  # the server has stopped
            self._loop.call_soon_threadsafe(transport.pause_reading)

    def close(self, code: int) -> None:
        """Close with a close code."""
        self._put(code)

    def drop(self) -> None:
        """Reset the TCP connection."""
        self._put(None)

    def _put(self, item: str | int | None) -> None:
        with contextlib.suppress(RuntimeError):  # the server has stopped
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)

    async def write(self) -> None:
        """Send queued messages until the connection ends."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            while isinstance(item := await self._queue.get(), str):
                if self._compressor is None:
                    await self.socket.send_text(item)
                else:
                    compressed = self._compressor.compress(item.encode())
                    await self.socket.send_bytes(
                        compressed + self._compressor.flush(zlib.Z_SYNC_FLUSH)
                    )
            if item is None:
                break_connection(self.socket.scope, is_reset=True)
            else:
                await self.socket.close(item)


class Gateway:
    """All gateway connections of the bot."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._clock = current_clock()
        self.sessions = Sessions(api)
        self.voice = VoiceServer(api.world)
        self.connections: list[Connection] = []
        self.heartbeat_s = HEARTBEAT_S
        #: Close codes for the next IDENTIFYs, one each.
        self.refusals: list[int] = []
        #: Whether all connections are rejected.
        self.is_down = False
        #: Close codes of ended connections; 1005 or 1006 if there was none.
        self.closes: list[int] = []

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection until it ends."""
        if self.is_down:
            await socket.close(1013)  # before accept(): rejected with 403
            return
        await socket.accept()
        connection = Connection(socket, self._clock.monotonic())
        self.connections.append(connection)
        writing = asyncio.create_task(connection.write())
        connection.send({"op": 10, "d": {"heartbeat_interval": int(self.heartbeat_s * 1000)}})
        try:
            code = await self._read(connection)
            self.closes.append(code)
            self._disconnect(connection, code)
        finally:
            self.connections.remove(connection)
            writing.cancel()

    async def _read(self, connection: Connection) -> int:
        while (event := await connection.socket.receive())["type"] == "websocket.receive":
            if connection.is_zombie:
                continue
            try:
                with self.api.world.lock:
                    self._receive(connection, event.get("text") or "")
            except CloseConnection as error:
                connection.close(error.code)
        return int(event.get("code") or 1006)

    def _disconnect(self, connection: Connection, code: int) -> None:
        """Keep the session resumable unless the bot closed with 1000 or 1001."""
        session = connection.session
        if session is None or session.connection is not connection:
            return
        session.connection = None
        # A server that stops closes with 1012.
        session.is_valid &= code not in (1000, 1001)

    # --- messages of the bot

    def _receive(self, connection: Connection, text: str) -> None:
        message = json.loads(text)
        op, data = message["op"], message["d"]
        if op == HEARTBEAT:
            self._heartbeat(connection)
        elif op == IDENTIFY:
            self._identify(connection, data)
        elif op == RESUME:
            self._resume(connection, data)
        elif op == VOICE_STATE:
            self.voice.update_voice_state(data)

    def _heartbeat(self, connection: Connection) -> None:
        now = self._clock.monotonic()
        gap_s = now - connection.last_heartbeat_at
        self.sessions.heartbeats.append(Heartbeat(gap_s, max(0.0, gap_s - self.heartbeat_s)))
        connection.last_heartbeat_at = now
        connection.send({"op": 11})

    def _identify(self, connection: Connection, data: dict[str, Any]) -> None:
        self.api.identifies.append(self.api.world.clock.monotonic())
        if self.refusals:
            raise CloseConnection(self.refusals.pop(0))
        if data.get("token") != self.api.world.token:
            raise CloseConnection(4004)
        intents, granted = data["intents"], self.api.world.privileged
        if any(intents & bit and name not in granted for name, bit in PRIVILEGED.items()):
            raise CloseConnection(4014)
        shard_id, shard_count = data.get("shard") or (0, 1)
        connection.session = self.sessions.open(connection, intents, shard_id, shard_count)

    def _resume(self, connection: Connection, data: dict[str, Any]) -> None:
        if data.get("token") != self.api.world.token:
            raise CloseConnection(4004)
        session = self.sessions.find(data.get("session_id", ""))
        if session is None:
            connection.send({"op": 9, "d": False})
            return
        connection.session = session
        self.sessions.resume(session, connection, data["seq"] or 0)
