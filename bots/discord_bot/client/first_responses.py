"""First responses to interactions under way: until one is sent, Discord refuses what edits it.

Whether a response is ephemeral is decided once, when it is deferred. So it is deferred when it is
known whether the request is refused, or after a moment.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from core.clock import Clock

#: How long a response is held back to learn whether the request is refused.
MOMENT_S = 0.5
#: Interactions received here, and refusals whose ephemeral responses are remembered.
_MAX_KNOWN = 1000
#: How long Discord may not know a response yet that was sent as the answer to its request, or that
#: the process is about to send that has received the interaction.
_SETTLE_S = 5.0


class _Pending:
    def __init__(self) -> None:
        self.is_over = asyncio.Event()
        #: Set when the reply, or the live text, waits for the response.
        self.is_awaited = asyncio.Event()
        self.is_refused = False


class FirstResponses:
    """The messages of interactions that are being responded to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pending: dict[str, _Pending] = {}
        self._received: OrderedDict[str, None] = OrderedDict()
        self._ephemeral: OrderedDict[str, None] = OrderedDict()
        #: Until when the response may be unknown to Discord.
        self._settling: dict[str, float] = {}

    @contextmanager
    def pending(self, message_id: str) -> Iterator[bool]:
        """Let `wait` wait until the context ends. Yield False if it is being responded to."""
        if message_id in self._pending:
            yield False
            return
        _remember(self._received, message_id)
        pending = self._pending[message_id] = _Pending()
        try:
            yield True
        finally:
            pending.is_over.set()
            del self._pending[message_id]

    async def wait(self, message_id: str, *, is_refusal: bool = False) -> None:
        """Return once the first response was sent, or cannot be sent any more."""
        if pending := self._pending.get(message_id):
            pending.is_refused |= is_refusal
            pending.is_awaited.set()
            await pending.is_over.wait()

    async def find_refusal(self, message_id: str) -> bool:
        """Return whether the request turns out to be refused within MOMENT_S.

        Its response is then to be ephemeral.
        """
        pending = self._pending[message_id]
        timer = asyncio.create_task(self._clock.sleep(MOMENT_S))
        awaited = asyncio.create_task(pending.is_awaited.wait())
        await asyncio.wait([timer, awaited], return_when=asyncio.FIRST_COMPLETED)
        for task in (timer, awaited):
            task.cancel()
        if pending.is_refused:
            _remember(self._ephemeral, message_id)
        return pending.is_refused

    def is_ephemeral(self, message_id: str) -> bool:
        """Return whether the response is ephemeral because the request was refused."""
        return message_id in self._ephemeral

    def note_answered(self, message_id: str) -> None:
        """Take notice that a response was sent as the answer to Discord's request."""
        now_s = self._clock.monotonic()
        self._settling = {one: end_s for one, end_s in self._settling.items() if end_s > now_s}
        self._settling[message_id] = now_s + _SETTLE_S

    def is_settling(self, message_id: str, created_s: int) -> bool:
        """Return whether Discord may not know the response yet, and refuse what edits it.

        created_s: when some process received the interaction, in seconds since 1970.
        """
        if message_id not in self._received:
            return self._clock.now().timestamp() < created_s + _SETTLE_S
        return self._clock.monotonic() < self._settling.get(message_id, 0.0)


def _remember(known: OrderedDict[str, None], message_id: str) -> None:
    known[message_id] = None
    while len(known) > _MAX_KNOWN:
        known.popitem(last=False)
