"""Which platforms messages can be received from, by any of several processes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress

from core.errors import StoreError
from core.store import Store

#: The kind of event: the name of a process, and whether each platform that it receives from is
#: ready, by name.
KIND = "ready"
#: How often a process tells, and how long that is believed.
TELL_S, BELIEVED_S = 5.0, 16.0


class SharedReadiness:
    """Tells other processes what this one receives from, and knows what they have told."""

    def __init__(self, store: Store, find_own: Callable[[], dict[str, bool]]) -> None:
        """find_own: returns whether each platform that this process receives from is ready."""
        self._store, self._find_own = store, find_own
        self._name = secrets.token_hex(8)
        #: By process: what it has told, and when.
        self._told: dict[str, tuple[dict[str, bool], float]] = {}
        store.events.subscribe(KIND, self._note)

    async def run(self) -> None:
        """Tell other processes until cancelled."""
        while True:
            if own := self._find_own():
                with suppress(StoreError):
                    await self._store.events.publish(KIND, [self._name, own])
            await self._store.clock.sleep(TELL_S)

    def find(self) -> dict[str, bool]:
        """Return of which platforms any process has told that they are ready, or are not."""
        oldest_s = self._store.clock.monotonic() - BELIEVED_S
        self._told = {name: told for name, told in self._told.items() if told[1] > oldest_s}
        found: dict[str, bool] = {}
        for ready, _ in self._told.values():
            for platform, is_ready in ready.items():
                found[platform] = is_ready or found.get(platform, False)
        return found

    def _note(self, told: tuple[str, dict[str, bool]]) -> None:
        name, ready = told
        self._told[name] = ready, self._store.clock.monotonic()
