"""The SDK's client with our connections: messages raw and in order, and nobody is ever pinged."""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import Callable
from typing import Any

import aiohttp
import discord
import structlog
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route
from discord.state import AutoShardedConnectionState
from discord.utils import MISSING

from bots.discord_bot.client.gateway_events import Listener
from bots.discord_bot.client.heartbeats import SILENCE_S, Heartbeats
from bots.discord_bot.client.pacing import DiscordPacer, build_trace
from bots.discord_bot.client.sessions import Sessions
from bots.discord_bot.client.sockets import OpenSockets
from bots.discord_bot.errors import describe, read_error
from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import ConfigError, PlatformBusy

log = structlog.get_logger(__name__)

#: What discord.py's calls raise when something is wrong; closed sessions are RuntimeErrors.
TROUBLE = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, RuntimeError)
#: What the SDK's readers raise on shapes that nobody foresaw.
POISON = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    zlib.error,
)

#: A limit that asks to wait longer is an error: the job waits, and nothing behind it does.
MAX_LIMIT_WAIT_S = 60.0
#: How long a call waits for the login.
OPEN_WAIT_S = 30.0
_STOP_S = 2.0
#: How long after the last server was told of a session counts as complete.
_COMPLETE_S = 1.0
#: Between two sessions that are begun.
_IDENTIFY_S = 5.0
#: Waits between two logins that fail.
_FIRST_WAIT_S, _MAX_WAIT_S = 1.0, 60.0


class _State(AutoShardedConnectionState["DiscordClient"]):
    """The SDK's memory of servers and channels; messages go to us as Discord wrote them."""

    def __init__(self, listener: Listener, **options: Any) -> None:
        self._listener = listener
        super().__init__(**options)
        for name, parser in self.parsers.items():
            if name != "READY":
                self.parsers[name] = _guard(name, parser)

    def parse_ready(self, data: Any) -> None:
        # Before the session's first message.
        self._listener.start_session(data["shard"][0])
        super().parse_ready(data)

    def parse_message_create(self, data: Any) -> None:
        self._listener.hear("MESSAGE_CREATE", data)

    def parse_message_update(self, data: Any) -> None:
        self._listener.hear("MESSAGE_UPDATE", data)

    def parse_message_delete(self, data: Any) -> None:
        self._listener.hear("MESSAGE_DELETE", data)

    def parse_message_delete_bulk(self, data: Any) -> None:
        self._listener.hear("MESSAGE_DELETE_BULK", data)


class DiscordClient(discord.AutoShardedClient):
    """One bot's gateway and REST connections."""

    def __init__(self, settings: Settings, listener: Listener, clock: Clock = CLOCK) -> None:
        token = settings.secret("discord_bot_token")
        if token is None:
            raise ConfigError("DISCORD_BOT_TOKEN is not set")
        self._token = token
        self._listener = listener
        self.clock = clock
        self.pacer = DiscordPacer(clock)
        self._sessions = Sessions(clock)
        self._is_begun = False
        self._is_open = asyncio.Event()
        # The SDK has one address for the whole process.
        Route.BASE = settings.discord_api_base_url.rstrip("/")
        count = settings.discord_shard_count
        #: What the operator chose, None = what Discord recommends at each start.
        self._wanted_shards = None if count == "auto" else count
        super().__init__(
            intents=make_intents(),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            # We are to notice it first: see `bots.discord_bot.client.heartbeats`.
            heartbeat_timeout=2 * SILENCE_S + 1,
            guild_ready_timeout=_COMPLETE_S,
            max_ratelimit_timeout=MAX_LIMIT_WAIT_S,
            http_trace=build_trace(self.pacer),
        )
        self._sockets = OpenSockets(self.http)

    @property
    def bot_id(self) -> str:
        """Our own user id, empty before the login."""
        return str(self.user.id) if self.user else ""

    @property
    def is_live(self) -> bool:
        """Tell whether every shard is connected."""
        shards = [self.get_shard(number) for number in self._connection.shard_ids]
        is_whole = self._is_open.is_set() and self.is_ready()
        return is_whole and all(shard and not shard.is_closed() for shard in shards)

    async def wait_open(self) -> None:
        """Wait until calls can be made. Raises PlatformBusy if that takes too long."""
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
                self._is_begun = True
                await self.login(self._token)
            except TROUBLE as error:
                await self._recover("discord_login_failed", error, wait_s)
                wait_s = min(_MAX_WAIT_S, wait_s * 2)
            else:
                self._is_open.set()
                return

    async def listen(self) -> None:
        """Receive until cancelled, logged in anew where that is needed.

        Raises PlatformLocked, ConfigError: what the operator must mend.
        """
        watching = asyncio.create_task(Heartbeats(self._list_lines, self.clock).run())
        try:
            while True:
                error = await self._connect()
                self._is_open.clear()
                await self._recover("discord_gateway_failed", error, self._sessions.end_round())
                await self.open()
        finally:
            watching.cancel()

    async def leave(self) -> None:
        """Receive nothing more; calls can still be made."""
        try:
            async with asyncio.timeout(_STOP_S):
                await asyncio.gather(*(s.disconnect() for s in self.shards.values()))
        except TROUBLE as error:
            log.debug("discord_leave_failed", detail=describe(error))

    async def close(self) -> None:
        """Close all connections."""
        self._is_open.clear()
        await self._sockets.end()
        if self._is_begun:
            await super().close()

    async def launch_shards(self) -> None:
        """Connect every shard, at the address and at the pace that Discord names."""
        count, url, limit = await self.http.get_bot_gateway()
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url)
        self.shard_count = self._wanted_shards or count
        if limit["remaining"] < self.shard_count:
            # Beyond the limit Discord takes the token away.
            wait_s = limit["reset_after"] / 1000
            log.error("discord_session_limit", wait_s=round(wait_s))
            await self.clock.sleep(wait_s)
        await super().launch_shards()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Leave the time between two sessions that Discord asks for. Raises PlatformBusy."""
        self._sessions.note_session(self.shard_count or 1)
        if not initial:
            await self.clock.sleep(_IDENTIFY_S)

    async def on_shard_ready(self, shard_id: int) -> None:
        """Pass on that a shard's session is complete."""
        self._listener.complete_session(shard_id)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Pass on that a server is there."""
        self._listener.add_guild(guild.id)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Pass on an interaction."""
        self._listener.take_interaction(interaction)

    async def on_voice_state_update(self, member: discord.Member, *_: discord.VoiceState) -> None:
        """Pass on who is in voice channels."""
        self._listener.note_move(member)

    async def on_error(self, event_method: str, /, *args: Any, **named: Any) -> None:
        """Log what failed while an event was handled."""
        log.exception("discord_event_failed", event_name=event_method)

    def _get_state(self, **options: Any) -> _State:
        return _State(
            self._listener,
            dispatch=self.dispatch,
            handlers=self._handlers,
            hooks=self._hooks,
            http=self.http,
            **options,
        )

    async def _connect(self) -> BaseException:
        """Receive until that comes to an end, and return why."""
        self._sessions.start_round()
        connecting = asyncio.create_task(self.connect())
        try:
            await asyncio.wait([connecting])
        finally:
            # At the moment at which a connection is made, one cancellation can be lost.
            while not connecting.done():
                connecting.cancel()
                await asyncio.wait([connecting], timeout=_STOP_S)
        error = None if connecting.cancelled() else connecting.exception()
        if error is None:
            return PlatformBusy("the gateway was left")
        if not isinstance(error, (*TROUBLE, *POISON, PlatformBusy)):
            raise error
        return error

    def _list_lines(self) -> list[DiscordWebSocket]:
        return [self._get_websocket(shard_id=number) for number in self.shards]

    async def _recover(self, event: str, error: BaseException, wait_s: float) -> None:
        """Wait before the next login. Raises what no waiting helps against."""
        ours = error if isinstance(error, PlatformBusy) else read_error(error)
        await self._renew()
        if not ours.is_retryable and not isinstance(error, (*POISON, RuntimeError)):
            raise ours
        log.warning(event, detail=describe(error))
        await self.clock.sleep(max(wait_s, ours.retry_after_s or 0.0) * random.uniform(0.5, 1.0))

    async def _renew(self) -> None:
        """Leave every connection, so that a login can follow."""
        await self._sockets.end()
        await super().close()
        self.clear()
        # What is left in the queue of the old connections would end the new ones.
        await self._async_setup_hook()
        # The SDK keeps the one that it closed with its session.
        self.http.connector = MISSING


def make_intents() -> discord.Intents:
    """Return what we ask to be told of: messages with their content, and who is in voice."""
    return discord.Intents(
        guilds=True, guild_messages=True, dm_messages=True, message_content=True, voice_states=True
    )


def _guard(name: str, parser: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return a reader for which an event that cannot be read costs nothing but itself."""

    def read(data: Any) -> None:
        try:
            parser(data)
        except POISON as error:
            log.error("discord_event_unread", event_name=name, error=type(error).__name__)

    return read
