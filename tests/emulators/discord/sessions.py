"""Gateway sessions: which events they receive, and what is replayed after RESUME."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.emulators.discord.api import Api
from tests.emulators.discord.events import GUILDS, MESSAGE_CONTENT, PRESENCES, without_content
from tests.emulators.discord.guild_routes import application_flags
from tests.emulators.discord.payloads import JSON, guild_create_json, user_json
from tests.emulators.discord.records import Guild

if TYPE_CHECKING:
    from tests.emulators.discord.gateway import Connection


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A heartbeat: the time since the previous one, and by how much it was late."""

    gap_s: float
    late_s: float


@dataclass(slots=True)
class Session:
    """A session, opened by IDENTIFY."""

    session_id: str
    shard_id: int
    shard_count: int
    intents: int
    connection: Connection | None = None
    seq: int = 0
    #: Sequence numbers and messages sent, to replay after a resume.
    sent: list[tuple[int, JSON]] = field(default_factory=list)
    is_valid: bool = True
    resumes: int = 0

    def push(self, name: str, payload: JSON) -> None:
        """Send an event, now or when the session is resumed."""
        self.seq += 1
        message = {"op": 0, "t": name, "s": self.seq, "d": payload}
        self.sent.append((self.seq, message))
        if self.connection is not None:
            self.connection.send(message)

    def receives(self, guild_id: str | None, intent: int | None) -> bool:
        """Return whether the session's shard and intents include an event."""
        shard = (int(guild_id) >> 22) % self.shard_count if guild_id else 0
        return shard == self.shard_id and (intent is None or bool(self.intents & intent))


class Sessions:
    """All sessions of the bot, and faults of event delivery."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.all: dict[str, Session] = {}
        self.heartbeats: list[Heartbeat] = []
        #: How often each event is sent; 1 is normal.
        self.copies = 1
        #: Events held back, None while events are not held.
        self._held: list[tuple[Session, str, JSON]] | None = None
        self._random = random.Random(5)
        api.world.emit = self.emit

    def emit(
        self,
        name: str,
        payload: JSON,
        *,
        guild_id: str | None = None,
        intent: int | None = None,
        is_content: bool = False,
    ) -> None:
        """Send an event to all sessions that receive it. is_content: needs MESSAGE_CONTENT."""
        for session in self.all.values():
            if not session.is_valid or not session.receives(guild_id, intent):
                continue
            is_hidden = is_content and not session.intents & MESSAGE_CONTENT
            shown = without_content(payload) if is_hidden else payload
            for _ in range(self.copies):
                if self._held is None:
                    session.push(name, shown)
                else:
                    self._held.append((session, name, shown))

    def hold(self) -> None:
        """Hold events back until `release`."""
        self._held = self._held or []

    def release(self, *, is_shuffled: bool = False) -> None:
        """Send the held events, in order or shuffled."""
        held, self._held = self._held or [], None
        if is_shuffled:
            self._random.shuffle(held)
        for session, name, payload in held:
            session.push(name, payload)

    def invalidate(self) -> None:
        """Invalidate all sessions: they cannot be resumed, and missed events are lost."""
        for session in self.all.values():
            session.is_valid = False

    def open(
        self, connection: Connection, intents: int, shard_id: int, shard_count: int
    ) -> Session:
        """Open a session; send READY and a GUILD_CREATE for each guild."""
        world = self._api.world
        number = world.snowflake()
        session = Session(f"{int(number):032x}", shard_id, shard_count, intents, connection)
        self.all[session.session_id] = session
        mine = [
            guild
            for guild in world.guilds.values()
            if world.bot.user_id in guild.members and session.receives(guild.guild_id, None)
        ]
        session.push("READY", self._ready_json(session, mine))
        for guild in mine if intents & GUILDS else ():
            sent = guild_create_json(world, guild, has_members=bool(intents & PRESENCES))
            session.push("GUILD_CREATE", sent)
        return session

    def _ready_json(self, session: Session, guilds: list[Guild]) -> JSON:
        world = self._api.world
        flags = application_flags(world.privileged)
        return {
            "v": 10, "user": user_json(world.bot),
            "guilds": [{"id": guild.guild_id, "unavailable": True} for guild in guilds],
            "session_id": session.session_id, "session_type": "normal",
            "resume_gateway_url": self._api.gateway_url,
            "shard": [session.shard_id, session.shard_count], "private_channels": [],
            "relationships": [], "application": {"id": world.application_id, "flags": flags},
        }  # fmt: skip

    def find(self, session_id: str) -> Session | None:
        """Return a session that can still be resumed, or None."""
        session = self.all.get(session_id)
        return session if session and session.is_valid else None

    def resume(self, session: Session, connection: Connection, seq: int) -> None:
        """Replay the events after `seq`, then send RESUMED."""
        session.connection = connection
        session.resumes += 1
        for number, message in session.sent:
            if number > seq:
                connection.send(message)
        session.push("RESUMED", {"_trace": []})
