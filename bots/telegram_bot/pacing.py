"""Keeps calls within Telegram's limits, and makes a chat that was told to wait, wait.

Limits (Telegram's FAQ for bots): one message a second to a person with short bursts, twenty a
minute to a group with edits counted, thirty a second over all. The package `limits` answers
"may I now?" only; here callers also wait in line, leave room for others and obey
`retry_after`, which is most of the work, so the window itself is the few lines below.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.clock import CLOCK, Clock
from core.errors import PlatformBusy

#: Above this the job goes back to the queue rather than to sleep here.
MAX_WAIT_S = 60.0

#: When so many chats in a row are told to wait, the whole bot is meant.
_REFUSED_CHATS = 3
#: Chats kept in memory before those at rest are dropped.
_MAX_LANES = 2000


class Window:
    """At most `count` calls within any `period_s` seconds."""

    def __init__(self, count: int, period_s: float, clock: Clock = CLOCK) -> None:
        self.period_s = period_s
        self._clock = clock
        self._times: deque[float] = deque([float("-inf")] * count, maxlen=count)
        self.hold_until_s = float("-inf")
        self.lock = asyncio.Lock()
        self.waiting = 0

    def delay_s(self, now_s: float) -> float:
        """Return how long the next call has to wait."""
        return max(0.0, self._times[0] + self.period_s - now_s, self.hold_until_s - now_s)

    def expected_delay_s(self, now_s: float) -> float:
        """Return how long a newcomer would wait behind those who wait already."""
        times = self._times.copy()
        for _ in range(self.waiting + 1):
            times.append(max(now_s, times[0] + self.period_s, self.hold_until_s))
        return times[-1] - now_s

    def try_take(self) -> bool:
        """Count one call if it may go out now."""
        now_s = self._clock.monotonic()
        if self.delay_s(now_s) > 0:
            return False
        self._times.append(now_s)
        return True

    @asynccontextmanager
    async def line(self, limit_s: float) -> AsyncIterator[None]:
        """Stand in line. Raises PlatformBusy at once if that would take longer than `limit_s`."""
        _refuse_long_wait(self.expected_delay_s(self._clock.monotonic()), limit_s)
        self.waiting += 1
        try:
            async with self.lock:
                yield
        finally:
            self.waiting -= 1

    async def rest(self, limit_s: float) -> None:
        """Sleep until a call may go out. Only for who is first in line."""
        # Anew after each sleep: Telegram may have asked for more in the meantime.
        while (delay_s := self.delay_s(self._clock.monotonic())) > 0:
            _refuse_long_wait(delay_s, limit_s)
            await self._clock.sleep(delay_s)

    async def wait(self, limit_s: float) -> None:
        """Stand in line, rest, and count one call."""
        async with self.line(limit_s):
            is_taken = False
            while not is_taken:
                await self.rest(limit_s)
                is_taken = self.try_take()

    def used(self, now_s: float) -> int:
        """Return how many calls the window holds now."""
        return sum(1 for at_s in self._times if at_s + self.period_s > now_s)

    def is_idle(self, now_s: float) -> bool:
        """Tell whether forgetting this window changes nothing."""
        return not self.waiting and self.hold_until_s <= now_s and not self.used(now_s)


#: At most (calls, seconds), a little under Telegram's limits.
#: As strict as one a second with a burst of three, with room for the network's jitter.
PRIVATE = (3, 3.1)
GROUP = (20, 61.0)
#: 25 a second, evenly: what leaves in a burst may arrive bunched up with the next one.
OVERALL = (3, 0.12)


class TelegramPacer:
    """The line in front of Telegram."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._lanes: dict[str, Window] = {}
        self._all = Window(*OVERALL, clock)
        self._refused: set[str] = set()

    async def wait(self, chat_id: str | None = None) -> None:
        """Wait for the turn of one call: of its chat first, then over all. In order per chat.

        chat_id: None for calls that concern no chat.
        Raises PlatformBusy at once if the wait would be longer than `MAX_WAIT_S`.
        """
        if chat_id is None:
            await self._all.wait(MAX_WAIT_S)
            return
        lane = self._lane(chat_id)
        async with lane.line(MAX_WAIT_S):
            is_free = False
            while not is_free:
                await lane.rest(MAX_WAIT_S)
                await self._all.wait(MAX_WAIT_S)
                # What counts is when the call goes out, after both waits.
                is_free = lane.try_take()

    async def wait_beside(self, chat_id: str, *, limit_s: float = MAX_WAIT_S) -> None:
        """Wait for a call that counts over all only: a reaction, typing, a draft.

        A chat that was told to wait gets none of these either.
        Raises PlatformBusy at once if the wait would be longer than `limit_s`.
        """
        held_s = self._lane(chat_id).hold_until_s - self._clock.monotonic()
        if held_s > 0:
            _refuse_long_wait(held_s, limit_s)
            await self._clock.sleep(held_s)
        await self._all.wait(limit_s)

    def try_take(self, chat_id: str) -> float:
        """Take a turn for progress if one is free; return 0, else the seconds to ask again after.

        Progress may use half of a chat's window, so that the final text always gets through.
        """
        now_s = self._clock.monotonic()
        lane = self._lane(chat_id)
        if lane.waiting or lane.used(now_s) >= self._progress_share(chat_id):
            return max(1.0, lane.period_s / 20)
        delay_s = max(lane.delay_s(now_s), self._all.delay_s(now_s))
        if delay_s or self._all.waiting:
            return max(0.2, delay_s)
        lane.try_take()
        self._all.try_take()
        return 0.0

    def hold(self, chat_id: str | None, wait_s: float) -> None:
        """Make one chat wait, as Telegram asked; None: everything."""
        until_s = self._clock.monotonic() + wait_s
        if chat_id is not None:
            lane = self._lane(chat_id)
            lane.hold_until_s = max(lane.hold_until_s, until_s)
            self._refused.add(chat_id)
        # Telegram does not say whether it means the chat or the bot.
        if chat_id is None or len(self._refused) >= _REFUSED_CHATS:
            self._all.hold_until_s = max(self._all.hold_until_s, until_s)

    def note_success(self) -> None:
        """Remember that a call got through: then only single chats have to wait."""
        self._refused.clear()

    def _progress_share(self, chat_id: str) -> int:
        return _size_for(chat_id)[0] // 2

    def _lane(self, chat_id: str) -> Window:
        if chat_id not in self._lanes:
            if len(self._lanes) >= _MAX_LANES:
                self._drop_idle()
            self._lanes[chat_id] = Window(*_size_for(chat_id), self._clock)
        return self._lanes[chat_id]

    def _drop_idle(self) -> None:
        now_s = self._clock.monotonic()
        self._lanes = {id_: w for id_, w in self._lanes.items() if not w.is_idle(now_s)}


def is_group(chat_id: str) -> bool:
    """Tell a group from a person: Telegram's group ids are negative, and @names are channels."""
    return chat_id.startswith(("-", "@"))


def _size_for(chat_id: str) -> tuple[int, float]:
    return GROUP if is_group(chat_id) else PRIVATE


def _refuse_long_wait(delay_s: float, limit_s: float) -> None:
    if delay_s > limit_s:
        raise PlatformBusy("the chat's limit is used up", retry_after_s=delay_s)
