"""The gateway and REST client: message events raw and in order, reconnection, no mentions."""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import aiohttp
import discord
import structlog
from discord.http import Route
from discord.state import AutoShardedConnectionState
from discord.utils import MISSING

from bots.discord_bot.client.first_responses import FirstResponses
from bots.discord_bot.client.heartbeats import SILENCE_S, Heartbeats
from bots.discord_bot.client.pacing import DiscordPacer
from bots.discord_bot.client.shards import ShardedClient
from bots.discord_bot.client.sockets import OpenSockets
from bots.discord_bot.errors import describe, read_error
from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import ConfigError, PlatformBusy

log = structlog.get_logger(__name__)

#: What discord.py's requests raise; those on a closed session raise RuntimeError.
REQUEST_ERRORS = (
    discord.DiscordException,
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    RuntimeError,
)
#: What parsers raise on unexpected shapes.
POISON = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    zlib.error,
)

#: A longer rate limit is an error: the job is retried later and blocks nothing meanwhile.
MAX_LIMIT_WAIT_S = 60.0
#: How long a request waits for the login.
OPEN_WAIT_S = 30.0
_STOP_S = 2.0
#: How long after its last server a session counts as complete.
_COMPLETE_S = 1.0
#: First and longest wait between two failed logins.
_FIRST_WAIT_S, _MAX_WAIT_S = 1.0, 60.0

MESSAGE_EVENTS = ("MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK")


class _State(AutoShardedConnectionState["DiscordClient"]):
    """discord.py's cache of servers and channels; message events go to a queue unparsed."""

    def __init__(self, client: DiscordClient, **options: Any) -> None:
        self._client = client
        super().__init__(**options)
        for name, parser in self.parsers.items():
            if name != "READY":
                self.parsers[name] = _guard(name, parser)
        for kind in MESSAGE_EVENTS:
            self.parsers[kind] = partial(client.receive, kind)

    def parse_ready(self, data: Any) -> None:
        # Before the session's first message.
        self._client.seen.clear()
        self._client.on_session(data["shard"][0])
        super().parse_ready(data)


class DiscordClient(ShardedClient):
    """One bot's gateway and REST connections."""

    #: The bot's own user id, empty before the login.
    bot_id = ""
    #: Ids of the slash commands by name, once they are registered.
    command_ids: Mapping[str, str] = MappingProxyType({})
    #: Ids of messages received since the last disconnection, or known to exist since then: an event
    #: will tell when one is deleted.
    seen: set[str]
    #: False where interactions come over HTTP and nothing else is received.
    has_gateway: bool
    _is_started = False

    def __init__(self, settings: Settings, clock: Clock = CLOCK) -> None:
        token = settings.secret("discord_bot_token")
        if token is None:
            raise ConfigError("DISCORD_BOT_TOKEN is not set")
        self._token = token
        self.has_gateway = settings.discord_gateway == "on"
        #: Message events as received: (kind, raw message).
        self.events: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        #: Called with the shard whenever a new session starts; a resumed one does not count.
        self.on_session: Callable[[int], None] = lambda shard_id: None
        self.pacer, self.first_responses = DiscordPacer(clock), FirstResponses(clock)
        self._is_open, self.seen = asyncio.Event(), set()
        # discord.py has one API address for the whole process.
        Route.BASE = settings.discord_api_base_url.rstrip("/")
        super().__init__(
            clock,
            settings.discord_shard_count,
            intents=make_intents(),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            # Longer than our own limit: see `bots.discord_bot.client.heartbeats`.
            heartbeat_timeout=2 * SILENCE_S + 1,
            guild_ready_timeout=_COMPLETE_S,
            max_ratelimit_timeout=MAX_LIMIT_WAIT_S,
            http_trace=self.pacer.build_trace(),
        )
        self._sockets = OpenSockets(self.http)

    @property
    def is_live(self) -> bool:
        """True while all its shards are connected; without a gateway, once logged in."""
        if not self.has_gateway:
            return self._is_open.is_set()
        return self._is_open.is_set() and self.has_all_shards

    async def wait_open(self) -> None:
        """Wait for the login. Raises PlatformBusy after OPEN_WAIT_S."""
        try:
            async with asyncio.timeout(OPEN_WAIT_S):
                await self._is_open.wait()
        except TimeoutError:
            raise PlatformBusy("not logged in to Discord yet") from None

    async def open(self) -> None:
        """Log in, however long that takes. Raises PlatformLocked, ConfigError."""
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                self._is_started = True
                await self.login(self._token)
                assert self.user  # by the login
            except REQUEST_ERRORS as error:
                await self._recover("discord_login_failed", error, wait_s)
                wait_s = min(_MAX_WAIT_S, wait_s * 2)
            else:
                self.bot_id = str(self.user.id)
                self._is_open.set()
                return

    async def listen(self) -> None:
        """Receive events until cancelled; log in again whenever the connection fails for good.

        Raises PlatformLocked, ConfigError: what the operator must fix.
        """
        heartbeats = Heartbeats(
            lambda: [self._get_websocket(shard_id=number) for number in self.shards], self.clock
        )
        watching = asyncio.create_task(heartbeats.run())
        try:
            while True:
                error = await self._connect()
                self._is_open.clear()
                await self._recover("discord_gateway_failed", error, self._sessions.end_round())
                await self.open()
        finally:
            watching.cancel()

    async def close(self) -> None:
        """Close all connections."""
        self._is_open.clear()
        await self._sockets.close()
        if self._is_started:
            await super().close()

    def receive(self, kind: str, raw: dict[str, Any]) -> None:
        """Queue a message event."""
        self.events.put_nowait((kind, raw))

    async def on_disconnect(self) -> None:
        """Forget which messages exist: no event comes for now, or ever if the session is lost."""
        self.seen.clear()

    async def on_error(self, event_method: str, /, *args: Any, **named: Any) -> None:
        """Log an exception raised by an event listener."""
        log.exception("discord_event_failed", event_name=event_method)

    def _get_state(self, **options: Any) -> _State:
        return _State(
            self,
            dispatch=self.dispatch,
            handlers=self._handlers,
            hooks=self._hooks,
            http=self.http,
            **options,
        )

    async def _connect(self) -> BaseException:
        """Receive until the connection fails, and return why."""
        self._sessions.start_round()
        connecting = asyncio.create_task(self.connect())
        try:
            await asyncio.wait([connecting])
        finally:
            # A cancellation can be lost at the moment a connection is made.
            while not connecting.done():
                connecting.cancel()
                await asyncio.wait([connecting], timeout=_STOP_S)
        error = None if connecting.cancelled() else connecting.exception()
        if error is None:
            return PlatformBusy("the gateway was closed")
        if not isinstance(error, (*REQUEST_ERRORS, *POISON, PlatformBusy)):
            raise error
        return error

    async def _recover(self, event: str, error: BaseException, wait_s: float) -> None:
        """Reset the client and wait before the next login. Raises what a retry cannot fix."""
        ours = error if isinstance(error, PlatformBusy) else read_error(error)
        await self._reset()
        if not ours.is_retryable and not isinstance(error, (*POISON, RuntimeError)):
            raise ours
        log.warning(event, detail=describe(error))
        await self.clock.sleep(max(wait_s, ours.retry_after_s or 0.0) * random.uniform(0.5, 1.0))

    async def _reset(self) -> None:
        """Close every connection, so that a login can follow."""
        self._forget_shards()
        await self._sockets.close()
        await super().close()
        self.clear()
        # Events left in the queue of the old connections would close the new ones.
        await self._async_setup_hook()
        # discord.py keeps the connector that it closed with its session.
        self.http.connector = MISSING


def make_intents() -> discord.Intents:
    """Return the intents: messages with their content, voice states, and bans."""
    return discord.Intents(
        guilds=True,
        guild_messages=True,
        dm_messages=True,
        message_content=True,
        voice_states=True,
        moderation=True,
    )


def _guard(name: str, parser: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return a parser that logs an event it cannot read and skips it."""

    def parse(data: Any) -> None:
        try:
            parser(data)
        except POISON as error:
            log.error("discord_event_unread", event_name=name, error=type(error).__name__)

    return parse
