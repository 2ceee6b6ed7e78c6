"""What people are in chats, as a platform has said it within the last minute."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from core.clock import Clock
from core.models import Membership

#: How long a result is believed that no report of a change has made doubtful.
CACHE_S = 60.0
_MAX_CACHED = 5000


class MembershipCache:
    """Results by group (a chat or a server) and person."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._found: dict[tuple[str, str], tuple[float, Membership]] = {}
        self._drops = 0

    async def find(
        self,
        group_id: str,
        person_id: str,
        ask: Callable[[], Awaitable[Membership]],
        *,
        is_live: bool,
    ) -> Membership:
        """Return the cached result, unless `is_live`, or what `ask` returns. Raises what it raises.

        NONE is never cached: whoever has just joined is let in.
        """
        key, now_s = (group_id, person_id), self._clock.monotonic()
        until_s, found = self._found.get(key, (0.0, Membership.NONE))
        if now_s < until_s and not is_live:
            return found
        drops = self._drops
        found = await ask()
        if drops == self._drops:  # else it may have changed since
            self.note(group_id, person_id, found)
        return found

    def note(self, group_id: str, person_id: str, found: Membership) -> None:
        """Take notice of what the platform says of a person now."""
        key = (group_id, person_id)
        self._found.pop(key, None)
        if found is Membership.NONE:
            return
        if len(self._found) >= _MAX_CACHED:
            del self._found[next(iter(self._found))]
        self._found[key] = (self._clock.monotonic() + CACHE_S, found)

    def drop(self, group_id: str, person_id: str = "") -> None:
        """Forget what is known of a person in a group, or of everybody there."""
        self._drops += 1
        keys = [key for key in self._found if key[0] == group_id and person_id in ("", key[1])]
        for key in keys:
            del self._found[key]
