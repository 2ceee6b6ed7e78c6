"""Request pacing beyond discord.py's rate limits: invalid requests, forbidden channels.

discord.py follows the rate limits in Discord's responses. Discord also bans an address for an
hour after 10,000 requests within ten minutes that end with 401, 403 or 429 ("Rate Limits",
Invalid Request Limit), which discord.py does not count.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace

import aiohttp
from discord.http import Route

from core.clock import CLOCK, Clock
from core.errors import PlatformBusy

PERIOD_S = 600.0
#: A tenth of Discord's limit: other programs may share our address.
MAX_INVALID = 1000
#: Refusals after which a channel is left alone, and for how long.
MAX_FORBIDDEN = 3
HOLD_S = 3600.0
#: Pause of all requests after a ban, where Discord gives no Retry-After.
BAN_S = 60.0
#: Least interval between two updates of live messages in one channel.
GAP_S = 2.0
#: Channels remembered before idle ones are dropped.
_MAX_CHANNELS = 5000

#: Paths that are never paused: connecting, and the first response to an interaction.
_NEVER_PAUSED = ("/gateway", "/interactions/")


class Paused(aiohttp.ClientConnectionError):
    """A request that was not made, so that Discord does not ban the address."""


@dataclass
class _Channel:
    """What is remembered of one channel, in seconds of the clock."""

    refused_s: list[float] = field(default_factory=list)
    updated_s: float = float("-inf")


class DiscordPacer:
    """Counts refused requests. Times are seconds of `clock`."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._invalid: deque[float] = deque()
        self._paused_until_s = float("-inf")
        self._channels: dict[str, _Channel] = {}

    @property
    def invalid_count(self) -> int:
        """The number of invalid requests within the last ten minutes."""
        while self._invalid and self._invalid[0] <= self._clock.monotonic() - PERIOD_S:
            self._invalid.popleft()
        return len(self._invalid)

    @property
    def pause_s(self) -> float:
        """How long no request may be made, 0 = now."""
        pause_s = self._paused_until_s - self._clock.monotonic()
        if self.invalid_count >= MAX_INVALID:
            pause_s = max(pause_s, self._invalid[0] + PERIOD_S - self._clock.monotonic())
        return max(0.0, pause_s)

    def check(self) -> None:
        """Raise PlatformBusy while no request may be made."""
        if pause_s := self.pause_s:
            raise PlatformBusy("too many requests were refused", retry_after_s=pause_s)

    def note_response(self, status: int, *, is_shared: bool = False) -> None:
        """Count a response. is_shared: a rate limit used up by others, which Discord ignores."""
        if status in (401, 403) or (status == 429 and not is_shared):
            self._invalid.append(self._clock.monotonic())

    def pause(self, wait_s: float) -> None:
        """Make no request for a while."""
        self._paused_until_s = max(self._paused_until_s, self._clock.monotonic() + wait_s)

    # --- channels

    def note_forbidden(self, channel_id: str) -> None:
        """Count a refusal by a channel."""
        self._channel(channel_id).refused_s.append(self._clock.monotonic())

    def is_held(self, channel_id: str) -> bool:
        """Tell whether a channel has refused so often that it is left alone for an hour."""
        known = self._channels.get(channel_id)
        if known is None:
            return False
        old_s = self._clock.monotonic() - HOLD_S
        known.refused_s = [at_s for at_s in known.refused_s if at_s > old_s]
        return len(known.refused_s) >= MAX_FORBIDDEN

    def take_turn(self, channel_id: str) -> float:
        """Take a channel's turn for a live update and return 0, or how long to wait for it."""
        channel, now_s = self._channel(channel_id), self._clock.monotonic()
        wait_s = max(channel.updated_s + GAP_S - now_s, self.pause_s)
        if wait_s > 0:
            return wait_s
        channel.updated_s = now_s
        return 0.0

    def _channel(self, channel_id: str) -> _Channel:
        if channel_id not in self._channels and len(self._channels) >= _MAX_CHANNELS:
            old_s = self._clock.monotonic() - HOLD_S
            self._channels = {
                key: one
                for key, one in self._channels.items()
                if max([one.updated_s, *one.refused_s]) > old_s
            }
        return self._channels.setdefault(channel_id, _Channel())


def build_trace(pacer: DiscordPacer) -> aiohttp.TraceConfig:
    """Return a trace that shows the pacer every request, discord.py's own retries included."""

    async def on_start(
        session: aiohttp.ClientSession, _: SimpleNamespace, about: aiohttp.TraceRequestStartParams
    ) -> None:
        path = str(about.url).removeprefix(Route.BASE)
        is_paused = path != str(about.url) and not path.startswith(_NEVER_PAUSED)
        if is_paused and (pause_s := pacer.pause_s):
            raise Paused(f"too many requests were refused: {pause_s:.0f} s to wait")

    async def on_end(
        session: aiohttp.ClientSession, _: SimpleNamespace, about: aiohttp.TraceRequestEndParams
    ) -> None:
        if not str(about.url).startswith(Route.BASE):
            return
        status, headers = about.response.status, about.response.headers
        pacer.note_response(status, is_shared=headers.get("X-RateLimit-Scope") == "shared")
        # A response that does not come from the API: a ban by the proxy in front of it.
        if status == 429 and "Via" not in headers:
            wait = headers.get("Retry-After", "")
            pacer.pause(float(wait) if wait.isdecimal() else BAN_S)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(on_start)
    trace.on_request_end.append(on_end)
    return trace
