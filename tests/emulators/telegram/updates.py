"""The update queue: updates are kept until confirmed, for at most 24 hours.

Source: tdlib/telegram-bot-api `Client.cpp` (`do_get_updates`, `update_allowed_update_types`)
and TDLib's `TQueue`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.emulators.telegram.world import World

DAY_S = 86_400.0
CALLBACK_S = 150.0
MAX_UPDATES = 100
#: An offset further than this beyond the queue's end is invalid: the head is used.
MAX_LEAP = 10
NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})


@dataclass(slots=True)
class Update:
    """An update and its expiry."""

    update_id: int
    expires_at: float
    body: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"update_id": self.update_id} | self.body


class UpdateQueue:
    """Updates that the bot has not confirmed yet."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: deque[Update] = deque()
        self._known: dict[int, Update] = {}
        self._again: list[int] = []
        self.is_shuffled = False
        #: Called in any thread when an update was added.
        self.on_push: Callable[[], None] = lambda: None
        self.allowed: frozenset[str] | None = None
        self.next_id = 0
        self.set_id_base()

    def set_id_base(self, base: int | None = None) -> None:
        """Continue with other ids, as Telegram does after a week without updates."""
        self.next_id = base or self._world.random.randrange(10_000_000, 900_000_000)

    def allow(self, kinds: list[str] | None) -> None:
        """Set `allowed_updates`: None keeps the current list, an empty one resets it."""
        if kinds is not None:
            self.allowed = frozenset(kinds) or None

    def push(self, body: dict[str, Any], *, life_s: float = DAY_S) -> int:
        """Queue an update; return its id, or 0 if `allowed_updates` excludes it."""
        kind = next((name for name in body if name != "update_id"), "")
        wanted = kind in self.allowed if self.allowed else kind not in NOT_BY_DEFAULT
        if not wanted:
            return 0
        update_id = int(body.get("update_id", self.next_id))
        body = {name: value for name, value in body.items() if name != "update_id"}
        update = Update(update_id, self._world.clock.now() + life_s, body)
        self.next_id = update_id + 1
        self._waiting.append(update)
        self._known[update_id] = update
        self.on_push()
        return update_id

    def find(self, update_id: int) -> dict[str, Any]:
        """Return an update as it is delivered, confirmed or not."""
        return self._known[update_id].to_json()

    def redeliver(self, update_id: int) -> None:
        """Return this update once more, confirmed or not."""
        self._again.append(update_id)
        self.on_push()

    def take(self, offset: int, limit: int) -> list[Update]:
        """Confirm the updates below `offset` and return the earliest of the rest."""
        self._drop_expired()
        self._confirm(offset)
        repeated = [self._known[update_id] for update_id in self._again[:limit]]
        del self._again[:limit]
        fresh = list(self._waiting)[: limit - len(repeated)]
        if self.is_shuffled:
            self._world.random.shuffle(fresh)
        return repeated + fresh

    def take_repeated(self) -> list[Update]:
        """Return what `redeliver` has asked for since the last call."""
        repeated, self._again = self._again, []
        return [self._known[update_id] for update_id in repeated]

    def remove(self, update_id: int) -> None:
        """Confirm one update, as the response of a webhook does."""
        self._waiting = deque(one for one in self._waiting if one.update_id != update_id)

    def clear(self) -> None:
        """Drop all updates, as `drop_pending_updates` does."""
        self._waiting.clear()

    def _confirm(self, offset: int) -> None:
        if offset <= 0 or offset > self.next_id + MAX_LEAP:
            return
        if self._waiting and all(update.update_id >= offset for update in self._waiting):
            return
        self._waiting = deque(one for one in self._waiting if one.update_id >= offset)

    def _drop_expired(self) -> None:
        now = self._world.clock.now()
        if any(update.expires_at <= now for update in self._waiting):
            self._waiting = deque(one for one in self._waiting if one.expires_at > now)

    def waiting(self) -> list[Update]:
        """Return the unconfirmed updates, oldest first."""
        self._drop_expired()
        return list(self._waiting)
