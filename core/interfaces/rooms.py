"""What keeps account of the calls to an engine where several processes make them: the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RateAsk:
    """What a call takes of a limit per minute."""

    #: Of the limit, among those of the account.
    name: str
    per_minute: int
    #: At most `per_minute`.
    cost: int
    #: What nobody takes of the limit who has used more than `light_most` within the minute.
    reserve: int
    light_most: int


@dataclass(frozen=True, slots=True)
class CallAsk:
    """What a call needs to be let through."""

    account: str
    #: Who asks, empty if nobody in particular.
    person: str
    #: Calls under way at once, and how many of them may be of one person.
    concurrency: int
    most_of_one: int
    rates: tuple[RateAsk, ...] = ()
    #: How long others wait if it is let through: it finds out whether the engine is back. Another
    #: process may have said so as well.
    probe_s: float = 0.0
    #: How many calls of that person are under way in this process.
    own_calls: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call is let through."""

    #: Seconds until there may be room, 0 if it is let through, infinite if nobody knows.
    wait_s: float = 0.0
    #: Only the part that its person leaves to others is free.
    is_held: bool = False
    #: For so long all processes wait: one was asked to, or the engine has failed too often. If this
    #: call is let through, it finds out whether the engine is back.
    pause_s: float = 0.0


class Rooms(Protocol):
    """The calls under way and within the last minute, of all processes."""

    async def enter(self, ask: CallAsk, under_way: Mapping[str, int]) -> Verdict:
        """Let a call through if there is room for it, and count it then; all or nothing.

        under_way: how many calls of this process are under way now, of each person for whom that
        has changed. Committed when this returns. Raises StoreError.
        """

    async def count(self, account: str, concurrency: int, under_way: Mapping[str, int]) -> None:
        """Count calls that have ended. Raises StoreError."""

    async def pause(self, account: str, wait_s: float, probe_s: float = 0.0) -> None:
        """Let all processes wait for so long, 0 to end a pause.

        probe_s: if the engine is down, how long they wait for the first call after that. Raises
        StoreError.
        """

    async def list_used(self, account: str, limit: str) -> Sequence[tuple[float, int]]:
        """Return in how many seconds how many units of a limit are free again, the next first."""
