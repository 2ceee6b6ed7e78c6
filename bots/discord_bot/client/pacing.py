"""Request pacing beyond discord.py's rate limits: global limit, invalid requests, typing.

discord.py follows the rate limits in Discord's responses, which do not show the global one until
it is exceeded. Discord also bans an address for an hour after 10,000 requests within ten minutes
that end with 401, 403 or 429 ("Rate Limits", Invalid Request Limit), which discord.py does not
count.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import aiohttp
import discord
from discord.http import Route

from core import metrics
from core.clock import CLOCK, Clock

PERIOD_S = 600.0
#: A tenth of Discord's limit: other programs may share our address.
MAX_INVALID = 1000
#: Refusals after which a channel is left alone, and for how long.
MAX_FORBIDDEN = 3
HOLD_S = 3600.0
#: Pause of all requests after a ban, where Discord gives no Retry-After.
BAN_S = 60.0
#: Least interval between a live update and what was sent to its channel before: Discord takes
#: about one message a second there, and those are for replies.
GAP_S = 2.0
#: Most requests within a quarter of a second. Discord's global limit is 50 a second: what is sent
#: in no more than 1.25 s may arrive within one.
MAX_AT_ONCE, AT_ONCE_S = 10, 0.25
#: "Typing" is shown for ten seconds; it is not asked for again before that.
TYPING_S = 10.0
#: Where its turn is further away than this, "typing" is left out: it would only delay replies.
TYPING_WAIT_S = 3.0
#: Channels remembered before idle ones are dropped.
_MAX_CHANNELS = 5000

#: Paths that are never paused: connecting, and the first response to an interaction.
_NEVER_PAUSED = ("/gateway", "/interactions/")
#: Beside these, paths outside of the global limit.
_UNLIMITED = "/webhooks/"


@dataclass
class _Channel:
    """What is remembered of one channel, in seconds of the clock."""

    #: The latest refusals.
    refused_s: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_FORBIDDEN))
    #: When a live message was updated, or a reply was sent.
    updated_s: float = float("-inf")
    typed_s: float = float("-inf")


class DiscordPacer:
    """Counts refused requests. Times are seconds of `clock`."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        #: When the latest invalid requests were made.
        self.invalid_s: deque[float] = deque(maxlen=MAX_INVALID)
        #: When the latest requests under the global limit were, or will be, made.
        self._made_s: deque[float] = deque(maxlen=MAX_AT_ONCE)
        self._paused_until_s = float("-inf")
        self._channels: dict[str, _Channel] = {}
        self._turns = WeakValueDictionary[str, asyncio.Lock]()

    @property
    def pause_s(self) -> float:
        """How long no request may be made, 0 = now."""
        until_s = self._paused_until_s
        if len(self.invalid_s) == MAX_INVALID:
            until_s = max(until_s, self.invalid_s[0] + PERIOD_S)
        return max(0.0, until_s - self._clock.monotonic())

    def pause(self, wait_s: float) -> None:
        """Make no request for a while."""
        self._paused_until_s = max(self._paused_until_s, self._clock.monotonic() + wait_s)

    def turn(self, route: Route) -> asyncio.Lock:
        """Return the lock under which the requests of a rate limit bucket are made one by one.

        Where several wait for a bucket, discord.py lets more of them through than it holds.
        """
        return self._turns.setdefault(f"{route.key} {route.major_parameters}", asyncio.Lock())

    def build_trace(self) -> aiohttp.TraceConfig:
        """Return a trace that shows the pacer every request, discord.py's own retries included."""
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self.on_request_start)
        trace.on_request_end.append(self.on_request_end)
        return trace

    async def on_request_start(
        self, session: object, context: object, about: aiohttp.TraceRequestStartParams
    ) -> None:
        """Wait for the request's turn under the global limit.

        Raises discord.RateLimited during a pause.
        """
        url = str(about.url)
        path = url.removeprefix(Route.BASE)
        if path == url or path.startswith(_NEVER_PAUSED):
            return
        if pause_s := self.pause_s:
            raise discord.RateLimited(pause_s)
        if not path.startswith(_UNLIMITED):
            wait_s = self._wait_s(MAX_AT_ONCE)
            self._made_s.append(self._clock.monotonic() + wait_s)
            if wait_s:
                await self._clock.sleep(wait_s)

    async def on_request_end(
        self, session: object, context: object, about: aiohttp.TraceRequestEndParams
    ) -> None:
        """Count an invalid request, and pause after a ban."""
        status, headers = about.response.status, about.response.headers
        if status < 400 or not str(about.url).startswith(Route.BASE):
            return
        # Discord ignores a rate limit that others have used up.
        is_shared = headers.get("X-RateLimit-Scope") == "shared"
        if status in (401, 403) or (status == 429 and not is_shared):
            self.invalid_s.append(self._clock.monotonic())
            metrics.DISCORD_INVALID_REQUESTS.inc()
        if status == 429:
            self._note_wait(headers)

    def _note_wait(self, headers: Mapping[str, str]) -> None:
        wait = headers.get("Retry-After", "")
        is_number = wait.replace(".", "", 1).isdecimal()
        metrics.PLATFORM_WAIT_SECONDS.labels("discord").inc(float(wait) if is_number else 0.0)
        # A response that does not come from the API: a ban by the proxy in front of it.
        if "Via" not in headers:
            self.pause(float(wait) if wait.isdecimal() else BAN_S)

    def _wait_s(self, max_at_once: int) -> float:
        """Return how long until fewer than `max_at_once` requests were made within AT_ONCE_S."""
        if len(self._made_s) < max_at_once:
            return 0.0
        return max(0.0, self._made_s[-max_at_once] + AT_ONCE_S - self._clock.monotonic())

    # --- channels

    def note_forbidden(self, channel_id: str) -> None:
        """Count a refusal by a channel."""
        channel = self._channels.get(channel_id) or self._add_channel(channel_id)
        channel.refused_s.append(self._clock.monotonic())

    def is_held(self, channel_id: str) -> bool:
        """Return whether a channel has refused so often that it is left alone for an hour."""
        known = self._channels.get(channel_id)
        if known is None or len(known.refused_s) < MAX_FORBIDDEN:
            return False
        return known.refused_s[0] > self._clock.monotonic() - HOLD_S

    def take_typing(self, channel_id: str) -> bool:
        """Return whether to show "typing" in a channel now, and remember that it is shown."""
        if self._wait_s(MAX_AT_ONCE) > TYPING_WAIT_S or self.is_held(channel_id):
            return False
        now_s = self._clock.monotonic()
        channel = self._channels.get(channel_id) or self._add_channel(channel_id)
        if channel.typed_s > now_s - TYPING_S:
            return False
        channel.typed_s = now_s
        return True

    def note_reply(self, channel_id: str) -> None:
        """Note that a reply was sent to a channel: live updates there wait for a moment."""
        channel = self._channels.get(channel_id) or self._add_channel(channel_id)
        channel.updated_s = self._clock.monotonic()

    def take_turn(self, channel_id: str) -> float:
        """Take a channel's turn for a live update and return 0, or how long to wait for it."""
        channel = self._channels.get(channel_id) or self._add_channel(channel_id)
        now_s = self._clock.monotonic()
        # Half of the global limit is for replies alone.
        busy_s = self._wait_s(MAX_AT_ONCE // 2)
        wait_s = max(channel.updated_s + GAP_S - now_s, busy_s, self.pause_s)
        if wait_s > 0:
            return wait_s
        channel.updated_s = now_s
        return 0.0

    def _add_channel(self, channel_id: str) -> _Channel:
        if len(self._channels) >= _MAX_CHANNELS:
            old_s = self._clock.monotonic() - HOLD_S
            self._channels = {
                key: one
                for key, one in self._channels.items()
                if max([one.updated_s, one.typed_s, *one.refused_s]) > old_s
            }
        channel = self._channels[channel_id] = _Channel()
        return channel
