"""The gateway: connections, sessions that can be resumed, and what may go wrong with them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import zlib
from collections import deque
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.emulators.discord.api import Api
from tests.emulators.discord.events import PRIVILEGED
from tests.emulators.discord.payloads import JSON
from tests.emulators.discord.sessions import Beat, Session, Sessions
from tests.emulators.discord.voice import VoiceServer
from tests.emulators.serving import break_connection
from tests.support.virtual_time import current_clock

HEARTBEAT_S = 41.25
#: More messages of the bot in a minute than this end its connection.
MAX_SENDS, SENDS_SPAN_S = 120, 60.0
_KNOWN_INTENTS = (1 << 26) - 1
HEARTBEAT, IDENTIFY, PRESENCE, VOICE_STATE, RESUME = 1, 2, 3, 4, 6


class Refused(Exception):
    """A connection that is closed with a code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Connection:
    """One socket of the bot. What it is told waits in line, from whatever thread it comes."""

    def __init__(self, socket: WebSocket, hello_at: float) -> None:
        self.socket = socket
        self.session: Session | None = None
        #: Silent, but not closed: see `freeze`.
        self.is_zombie = False
        self.last_beat_at = hello_at
        self.sends: deque[float] = deque()
        self._loop = asyncio.get_running_loop()
        self._line: asyncio.Queue[str | int | None] = asyncio.Queue()
        is_packed = socket.query_params.get("compress") == "zlib-stream"
        self._packer = zlib.compressobj() if is_packed else None

    def tell(self, message: JSON) -> None:
        """Send a message."""
        if not self.is_zombie:
            self._put(json.dumps(message))

    def freeze(self) -> None:
        """Stay open, say nothing and read nothing: not even an end is agreed on."""
        self.is_zombie = True
        transport = self.socket.scope["state"]["transport"]
        with contextlib.suppress(RuntimeError):  # the server has stopped
            self._loop.call_soon_threadsafe(transport.pause_reading)

    def close(self, code: int) -> None:
        """Close with a code."""
        self._put(code)

    def drop(self) -> None:
        """Cut the line without a word."""
        self._put(None)

    def _put(self, order: str | int | None) -> None:
        with contextlib.suppress(RuntimeError):  # the server has stopped
            self._loop.call_soon_threadsafe(self._line.put_nowait, order)

    async def write(self) -> None:
        """Send what waits in line until the end of the connection."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            while isinstance(order := await self._line.get(), str):
                if self._packer is None:
                    await self.socket.send_text(order)
                else:
                    packed = self._packer.compress(order.encode())
                    await self.socket.send_bytes(packed + self._packer.flush(zlib.Z_SYNC_FLUSH))
            if order is None:
                break_connection(self.socket.scope, is_reset=True)
            else:
                await self.socket.close(order)


class Gateway:
    """All connections. Its sessions are in `sessions`."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._clock = current_clock()
        self.sessions = Sessions(api)
        self.voice = VoiceServer(api.world)
        self.connections: list[Connection] = []
        self.heartbeat_s = HEARTBEAT_S
        #: Codes that refuse the next IDENTIFYs, one each.
        self.refusals: list[int] = []
        #: No connection is taken at all.
        self.is_down = False
        #: How sockets ended: by the bot with a code, or 1005/1006 where the line was cut.
        self.closes: list[int] = []

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection until its end."""
        if self.is_down or socket.query_params.get("compress", "zlib-stream") != "zlib-stream":
            await socket.close(1013)  # before accept(): refused with 403
            return
        await socket.accept()
        connection = Connection(socket, self._clock.monotonic())
        self.connections.append(connection)
        writing = asyncio.create_task(connection.write())
        connection.tell({"op": 10, "d": {"heartbeat_interval": int(self.heartbeat_s * 1000)}})
        try:
            code = await self._read(connection)
            self.closes.append(code)
            self._part(connection, code)
        finally:
            self.connections.remove(connection)
            writing.cancel()

    async def _read(self, connection: Connection) -> int:
        while (event := await connection.socket.receive())["type"] == "websocket.receive":
            if connection.is_zombie:
                continue
            try:
                with self.api.world.lock:
                    self._hear(connection, event.get("text") or "")
            except Refused as refusal:
                connection.close(refusal.code)
        return int(event.get("code") or 1006)

    def _part(self, connection: Connection, code: int) -> None:
        """Keep the session for a while unless the bot said goodbye."""
        session = connection.session
        if session is None or session.connection is not connection:
            return
        session.connection = None
        session.parted_at = self.api.world.clock.monotonic()
        # A server that stops says 1012; a bot that goes for good says 1000 or 1001.
        session.is_valid &= code not in (1000, 1001)

    # --- what the bot says

    def _hear(self, connection: Connection, text: str) -> None:
        self._count(connection)
        try:
            message = json.loads(text)
            op, data = message["op"], message.get("d")
        except (ValueError, KeyError, TypeError):
            raise Refused(4002) from None
        if op == HEARTBEAT:
            self._beat(connection)
        elif op == IDENTIFY:
            self._identify(connection, data)
        elif op == RESUME:
            self._resume(connection, data)
        elif connection.session is None:
            raise Refused(4003)
        else:
            self._obey(connection.session, op, data)

    def _obey(self, session: Session, op: int, data: dict[str, Any]) -> None:
        if op == VOICE_STATE:
            self.voice.hear(data)
        elif op != PRESENCE:
            raise Refused(4001)

    def _count(self, connection: Connection) -> None:
        now = self._clock.monotonic()
        while connection.sends and connection.sends[0] <= now - SENDS_SPAN_S:
            connection.sends.popleft()
        connection.sends.append(now)
        if len(connection.sends) > MAX_SENDS:
            raise Refused(4008)

    def _beat(self, connection: Connection) -> None:
        now = self._clock.monotonic()
        gap_s = now - connection.last_beat_at
        shard = connection.session.shard_id if connection.session else 0
        late_s = max(0.0, gap_s - self.heartbeat_s)
        self.sessions.beats.append(Beat(shard, now, gap_s, late_s))
        connection.last_beat_at = now
        connection.tell({"op": 11})

    def _identify(self, connection: Connection, data: dict[str, Any]) -> None:
        if connection.session is not None:
            raise Refused(4005)
        self.api.identifies.append(self.api.world.clock.monotonic())
        if self.refusals:
            raise Refused(self.refusals.pop(0))
        if data.get("token") != self.api.world.token:
            raise Refused(4004)
        intents = data.get("intents")
        if not isinstance(intents, int) or intents & ~_KNOWN_INTENTS:
            raise Refused(4013)
        granted = self.api.world.privileged
        if any(intents & bit and name not in granted for name, bit in PRIVILEGED.items()):
            raise Refused(4014)
        shard_id, shard_count = data.get("shard") or (0, 1)
        if not 0 <= shard_id < shard_count:
            raise Refused(4010)
        connection.session = self.sessions.open(connection, intents, shard_id, shard_count)

    def _resume(self, connection: Connection, data: dict[str, Any]) -> None:
        if data.get("token") != self.api.world.token:
            raise Refused(4004)
        session = self.sessions.find(data.get("session_id", ""))
        if session is None:
            connection.tell({"op": 9, "d": False})
            return
        if data["seq"] is not None and data["seq"] > session.seq:
            raise Refused(4007)
        connection.session = session
        self.sessions.resume(session, connection, data["seq"] or 0)
