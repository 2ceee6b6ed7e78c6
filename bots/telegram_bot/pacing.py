"""Rate limiting: messages stay within Telegram's limits, and `retry_after` is obeyed.

What counts are messages that are sent, edited or deleted:

- core.telegram.org/bots/faq, "My bot is hitting limits": one message a second to a chat with short
  bursts, twenty a minute to a group, bulk notifications thirty a second. All are about messages.
- Telegram's developer of the Bot API: edits share the limits of sending (tdlib/td issues 2592 and
  3034), there is no limit on the frequency of requests as such (tdlib/td issue 1834), and answers
  to button presses have none (tdlib/telegram-bot-api issue 648).
- tdlib/telegram-bot-api, Client.cpp: the server refuses by itself (429) only what is sent to one
  chat, large uploads and thousands of requests at once; getFile and setMessageReaction have no
  counter there. python-telegram-bot's AIORateLimiter leaves out getFile, too.

Every other call waits only where Telegram asked for it, which any call may be told.

The package `limits` only answers "may I now?"; here callers also queue, leave room for others and
obey `retry_after`, which is most of the work, so the sliding window itself is the few lines below.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta

from bots.telegram_bot.errors import as_seconds
from core import metrics
from core.clock import CLOCK, Clock
from core.errors import PlatformBusy, StoreError

#: A longer wait sends the job back to the queue instead of sleeping here.
MAX_WAIT_S = 60.0

#: At most (calls, seconds), a little under Telegram's limits.
#: As strict as one a second with a burst of three, with room for the network's jitter.
PRIVATE = (3, 3.1)
GROUP = (20, 61.0)
#: 25 messages a second, evenly: what leaves in a burst may arrive bunched up with the next one.
OVERALL = (3, 0.12)
#: Of several processes, each of which sends evenly; they count by quarters of a second.
ALL_TOGETHER = (28, 1.0)

#: After this many chats in a row were told to wait, the whole bot waits.
_REFUSED_CHATS = 3
#: Windows kept in memory before idle ones are dropped.
_MAX_WINDOWS = 2000


#: Counts a message of all processes in windows of at most (calls, seconds), by chat, "" for all
#: chats, and returns 0; or returns the seconds until there may be room.
Count = Callable[[Mapping[str, tuple[int, float]]], Awaitable[float]]


class Window:
    """At most `count` calls within any `period_s` seconds, in order of arrival."""

    def __init__(self, count: int, period_s: float, clock: Clock = CLOCK) -> None:
        self.count = count
        self.period_s = period_s
        self.hold_until_s = float("-inf")
        self.waiting = 0
        self._clock = clock
        self._times: deque[float] = deque([float("-inf")] * count, maxlen=count)
        self._lock = asyncio.Lock()

    def delay_s(self, ahead: int = 0, *, limit_s: float = float("inf")) -> float:
        """Return how long a call has to wait behind `ahead` others.

        Raises PlatformBusy if that is longer than `limit_s`.
        """
        now_s, times = self._clock.monotonic(), self._times.copy()
        for _ in range(ahead + 1):
            times.append(max(now_s, times[0] + self.period_s, self.hold_until_s))
        delay_s = times[-1] - now_s
        if delay_s > limit_s:
            raise PlatformBusy("the chat's limit is used up", retry_after_s=delay_s)
        return delay_s

    def record_call(self) -> None:
        """Count a call that did not have to wait."""
        self._times.append(self._clock.monotonic())

    async def wait(self, limit_s: float, then: Window | None = None) -> None:
        """Wait for a free place, here and in `then`, and count one call in both.

        Raises PlatformBusy as soon as the wait would exceed `limit_s`.
        """
        self.delay_s(self.waiting, limit_s=limit_s)
        self.waiting += 1
        try:
            async with self._lock:
                is_free = False
                while not is_free:
                    # Anew after each sleep: Telegram may have asked for more in the meantime.
                    while delay_s := self.delay_s(limit_s=limit_s):
                        await self._clock.sleep(delay_s)
                    if then:
                        await then.wait(limit_s)
                    # What counts is when the call goes out, after both waits.
                    is_free = not self.delay_s()
                self._times.append(self._clock.monotonic())
        finally:
            self.waiting -= 1

    def used(self) -> int:
        """Return how many calls the window holds now."""
        since_s = self._clock.monotonic() - self.period_s
        return sum(1 for at_s in self._times if at_s > since_s)

    def is_idle(self) -> bool:
        """Return whether dropping this window changes nothing."""
        is_held = self.hold_until_s > self._clock.monotonic()
        return not (self.waiting or is_held or self.used())


class _Windows(dict[str, Window]):
    """The window of each chat, made when it is first needed."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def __missing__(self, chat_id: str) -> Window:
        if len(self) >= _MAX_WINDOWS:
            for idle_id in [id_ for id_, window in self.items() if window.is_idle()]:
                del self[idle_id]
        size = GROUP if is_group(chat_id) else PRIVATE
        self[chat_id] = window = Window(*size, self._clock)
        return window


class TelegramPacer:
    """Delays calls to Telegram: a window of messages per chat, and one over all."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._windows = _Windows(clock)
        self._all = Window(*OVERALL, clock)
        self._refused: set[str] = set()
        #: Set where several processes send.
        self.count_all: Count | None = None

    async def wait(
        self,
        chat_id: str | None = None,
        *,
        limit_s: float = MAX_WAIT_S,
        is_message: bool = True,
    ) -> None:
        """Wait until one call may go out: to its chat first, then over all. In order per chat.

        chat_id: None for calls that concern no chat. is_message: False for what counts in no
        limit: a reaction, typing, a draft. Like calls for no chat it waits only where Telegram
        asked the chat or the bot to wait.
        Raises PlatformBusy at once if the wait would be longer than `limit_s`.
        """
        if chat_id is not None and is_message:
            await self._windows[chat_id].wait(limit_s, self._all)
            if self.count_all:
                await self._wait_for_others(self.count_all, chat_id, limit_s=limit_s)
            return
        windows = (self._all, self._windows.get(chat_id or "", self._all))
        while (held_s := max(one.hold_until_s for one in windows) - self._clock.monotonic()) > 0:
            if held_s > limit_s:
                raise PlatformBusy("Telegram asked to wait", retry_after_s=held_s)
            await self._clock.sleep(held_s)

    def try_take(self, chat_id: str) -> float:
        """Count a call for progress if one is free; return 0, else the seconds until a retry.

        Progress may use half of a chat's window, so that the final text always gets through.
        """
        window = self._windows[chat_id]
        if window.waiting or window.used() >= window.count // 2:
            return max(1.0, window.period_s / 20)
        delay_s = max(window.delay_s(), self._all.delay_s())
        if delay_s or self._all.waiting:
            return max(0.2, delay_s)
        window.record_call()
        self._all.record_call()
        return 0.0

    async def wait_for_progress(self, chat_id: str) -> None:
        """Wait until `try_take` succeeds, and the same over all processes."""
        while delay_s := self.try_take(chat_id):
            await self._clock.sleep(delay_s)
        if self.count_all:
            await self._wait_for_others(self.count_all, chat_id, share=2)

    async def _wait_for_others(
        self, count_all: Count, chat_id: str, *, limit_s: float = float("inf"), share: int = 1
    ) -> None:
        """Wait for a free place among the messages of all processes, and count one.

        share: progress leaves a part of the window to others, as in `try_take`.
        Raises PlatformBusy once the wait would exceed `limit_s`.
        """
        count, period_s = GROUP if is_group(chat_id) else PRIVATE
        windows = {chat_id: (count // share, period_s), "": ALL_TOGETHER}
        # Without a database: what this process has sent itself was counted.
        with suppress(StoreError):
            while delay_s := await count_all(windows):
                if delay_s > limit_s:
                    raise PlatformBusy("the chat's limit is used up", retry_after_s=delay_s)
                await self._clock.sleep(delay_s)

    def hold(self, chat_id: str | None, retry_after: float | timedelta) -> None:
        """Make one chat wait, as Telegram asked; None: everything."""
        wait_s = as_seconds(retry_after)
        metrics.PLATFORM_WAIT_SECONDS.labels("telegram").inc(wait_s)
        until_s = self._clock.monotonic() + wait_s
        if chat_id is not None:
            window = self._windows[chat_id]
            window.hold_until_s = max(window.hold_until_s, until_s)
            self._refused.add(chat_id)
        # Telegram does not say whether it means the chat or the bot.
        if chat_id is None or len(self._refused) >= _REFUSED_CHATS:
            self._all.hold_until_s = max(self._all.hold_until_s, until_s)

    def note_success(self) -> None:
        """Record that a call got through, so Telegram means single chats when it says wait."""
        self._refused.clear()


def is_group(chat_id: str) -> bool:
    """Return whether a chat is no person: group ids are negative, and @names are channels."""
    return chat_id.startswith(("-", "@"))
