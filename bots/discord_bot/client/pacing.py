"""Keeps us from being shut out of Discord, and channels that refuse us from being asked again.

discord.py itself keeps to the limits that Discord tells of in each answer. Discord bars an
address for an hour after 10,000 requests within ten minutes that end with 401, 403 or 429 (its
"Rate Limits", Invalid Request Limit); nothing but this file counts them.
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
#: A tenth of what Discord bears: other programs may share our address.
MAX_INVALID = 1000
#: So often a channel may refuse us before it is left alone.
MAX_FORBIDDEN = 3
HOLD_S = 3600.0
#: How long all is still after we were shut out, where Discord does not say.
BARRED_S = 60.0
#: Least seconds between two drawings of texts so far in one channel.
GAP_S = 2.0
#: Channels kept in memory before those at rest are dropped.
_MAX_CHANNELS = 5000

#: Without these two nobody is heard at all, and nothing else lets us back in.
_ALWAYS = ("/gateway", "/interactions/")


class Paused(aiohttp.ClientConnectionError):
    """A call that was not made, so that we are not shut out for longer."""


@dataclass
class _Channel:
    """What is remembered of one channel."""

    refused_s: list[float] = field(default_factory=list)
    drawn_s: float = float("-inf")


class DiscordPacer:
    """Counts what Discord refuses. Moments are seconds of `clock`."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._invalid: deque[float] = deque()
        self._paused_until_s = float("-inf")
        self._channels: dict[str, _Channel] = {}

    @property
    def invalid_count(self) -> int:
        """How many requests were refused within the last ten minutes."""
        while self._invalid and self._invalid[0] <= self._clock.monotonic() - PERIOD_S:
            self._invalid.popleft()
        return len(self._invalid)

    @property
    def pause_s(self) -> float:
        """How long no call may be made, 0 = now."""
        pause_s = self._paused_until_s - self._clock.monotonic()
        if self.invalid_count >= MAX_INVALID:
            pause_s = max(pause_s, self._invalid[0] + PERIOD_S - self._clock.monotonic())
        return max(0.0, pause_s)

    def check(self) -> None:
        """Raise PlatformBusy while no call may be made."""
        if pause_s := self.pause_s:
            raise PlatformBusy("too many requests were refused", retry_after_s=pause_s)

    def note_answer(self, status: int, *, is_shared: bool = False) -> None:
        """Count an answer. is_shared: a limit that others used up, which is not our fault."""
        if status in (401, 403) or (status == 429 and not is_shared):
            self._invalid.append(self._clock.monotonic())

    def pause(self, wait_s: float) -> None:
        """Let no call out for a while."""
        self._paused_until_s = max(self._paused_until_s, self._clock.monotonic() + wait_s)

    # --- channels

    def note_forbidden(self, channel_id: str) -> None:
        """Remember that a channel refused us."""
        self._channel(channel_id).refused_s.append(self._clock.monotonic())

    def is_held(self, channel_id: str) -> bool:
        """Tell whether a channel has refused us so often that it is left alone for an hour."""
        known = self._channels.get(channel_id)
        if known is None:
            return False
        old_s = self._clock.monotonic() - HOLD_S
        known.refused_s = [at_s for at_s in known.refused_s if at_s > old_s]
        return len(known.refused_s) >= MAX_FORBIDDEN

    def take_turn(self, channel_id: str) -> float:
        """Take a channel's turn to draw if it is there; return 0, else how long to wait for it."""
        channel, now_s = self._channel(channel_id), self._clock.monotonic()
        wait_s = max(channel.drawn_s + GAP_S - now_s, self.pause_s)
        if wait_s > 0:
            return wait_s
        channel.drawn_s = now_s
        return 0.0

    def _channel(self, channel_id: str) -> _Channel:
        if channel_id not in self._channels and len(self._channels) >= _MAX_CHANNELS:
            old_s = self._clock.monotonic() - HOLD_S
            self._channels = {
                key: one
                for key, one in self._channels.items()
                if max([one.drawn_s, *one.refused_s]) > old_s
            }
        return self._channels.setdefault(channel_id, _Channel())


def build_trace(pacer: DiscordPacer) -> aiohttp.TraceConfig:
    """Return what shows the pacer every request of a client, discord.py's own repeats included."""

    async def on_start(
        session: aiohttp.ClientSession, _: SimpleNamespace, about: aiohttp.TraceRequestStartParams
    ) -> None:
        if _is_held_back(str(about.url)) and (pause_s := pacer.pause_s):
            raise Paused(f"too many requests were refused: {pause_s:.0f} s to wait")

    async def on_end(
        session: aiohttp.ClientSession, _: SimpleNamespace, about: aiohttp.TraceRequestEndParams
    ) -> None:
        if str(about.url).startswith(Route.BASE):
            _read_answer(pacer, about.response)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(on_start)
    trace.on_request_end.append(on_end)
    return trace


def _is_held_back(url: str) -> bool:
    path = url.removeprefix(Route.BASE)
    return path != url and not path.startswith(_ALWAYS)


def _read_answer(pacer: DiscordPacer, response: aiohttp.ClientResponse) -> None:
    headers = response.headers
    pacer.note_answer(response.status, is_shared=headers.get("X-RateLimit-Scope") == "shared")
    # A page in place of the API's answer: what stands before it keeps us out.
    if response.status == 429 and "Via" not in headers:
        wait = headers.get("Retry-After", "")
        pacer.pause(float(wait) if wait.isdecimal() else BARRED_S)
