"""Work that several processes share: each piece has one owner, and all have as many."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import Clock
from core.errors import StoreError
from core.operations import shares
from core.operations.ownership import Ownership
from core.operations.shares import find_share
from core.store import Store
from tests.jobs.conftest import wait_until
from tests.support.clean_start import open_store

PIECES = 4
#: The database's clock decides, so that there is no virtual time.
on_postgresql = pytest.mark.parametrize("tier", ["postgresql"], indirect=True)
#: Numbers of processes: what some do join, and what some do leave, one after the other.
CHANGES = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=12)


@given(count=st.integers(1, 9), changes=CHANGES)
def test_every_piece_gets_an_owner_and_few_of_them_move(
    count: int, changes: list[tuple[int, bool]]
) -> None:
    owners: list[str | None] = [None] * count
    living: set[str] = set()
    for number, lives in changes:
        name = f"process {number}"
        (living.add if lives else living.discard)(name)
        owners = [owner if owner in living else None for owner in owners]
        before = [*owners]
        settle(owners, living)
        if living:
            found = [owners.count(one) for one in living]
            assert None not in owners and max(found) - min(found) <= 1
        moved = sum(old not in (None, new) for old, new in zip(before, owners, strict=True))
        assert moved <= -(-count // max(1, len(living)))


def settle(owners: list[str | None], living: set[str]) -> None:
    """Let each process adjust what it has, three times: then nothing changes any more."""
    known: list[str | None] = []
    for _ in range(3):
        known = [*owners]
        for holder in sorted(living):
            own = [place for place, owner in enumerate(owners) if owner == holder]
            more = find_share(len(owners), owners, living, holder) - len(own)
            for place in own[more:] if more < 0 else ():
                owners[place] = None
            free = [place for place, owner in enumerate(owners) if owner is None]
            for place in free[: max(0, more)]:
                owners[place] = holder
    assert known == owners


class Process:
    """One that may do pieces of the same work as others."""

    def __init__(self, store: Store, doing: Counter[int]) -> None:
        self.ownership = Ownership(store)
        #: What this one does, and how many do each piece.
        self.pieces, self.doing = set[int](), doing
        #: Those that it does not leave to others.
        self.kept = set[int]()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to share."""
        share = self.ownership.run_share(
            "work", PIECES, self.work, lambda number: number not in self.kept
        )
        self._task = asyncio.create_task(share)

    async def stop(self) -> None:
        """Leave everything to others."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def work(self, number: int) -> None:
        """Do a piece until cancelled: nobody else does it meanwhile."""
        self.pieces.add(number)
        self.doing[number] += 1
        assert self.doing[number] == 1
        try:
            await asyncio.Event().wait()
        finally:
            self.pieces.discard(number)
            self.doing[number] -= 1


@pytest.fixture
async def processes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[Process]]:
    """Three processes on one database, which look at it often."""
    monkeypatch.setattr(shares, "LEASE_S", 5.0)
    monkeypatch.setattr(shares, "RENEW_S", 0.05)
    doing, others = Counter[int](), [open_store(tmp_path), open_store(tmp_path)]
    found = [Process(one, doing) for one in (store, *others)]
    yield found
    for one in found:
        await one.stop()
    for other in others:
        await other.close()


@pytest.mark.real_time
@on_postgresql
async def test_processes_that_come_and_go_share_the_work(processes: list[Process]) -> None:
    first, second, third = processes

    def counts() -> list[int]:
        return [len(one.pieces) for one in processes]

    first.start()
    await wait_until(lambda: counts() == [4, 0, 0])
    first.kept = {3}
    second.start()
    await wait_until(lambda: counts() == [2, 2, 0])
    assert 3 in first.pieces
    third.start()
    await wait_until(lambda: sorted(counts()) == [1, 1, 2])
    assert 3 in first.pieces
    await first.stop()
    await wait_until(lambda: counts() == [0, 2, 2])
    await third.stop()
    await wait_until(lambda: counts() == [0, 4, 0])
    assert not second.ownership.waiting
    third.start()
    second.kept = {0, 1, 2, 3}
    await wait_until(lambda: third.ownership.waiting == {"work"})


class LateClock(Clock):
    """A clock whose intervals seem longer by some seconds, as after a suspension."""

    late_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.late_s


@pytest.mark.real_time
@on_postgresql
async def test_who_cannot_renew_a_lease_stops_in_time(
    processes: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _ = processes
    own, others = first.ownership._store, second.ownership._store
    own.clock = clock = LateClock()
    first.start()
    await wait_until(lambda: len(first.pieces) == PIECES)
    holder, renewals = first.ownership.holder, list[str]()

    async def fail(name: str, *_: object) -> bool:
        renewals.append(name)
        raise StoreError("the network is down")

    monkeypatch.setattr(own.leases, "take", fail)
    await wait_until(lambda: len(renewals) > PIECES)
    assert len(first.pieces) == PIECES, "it may be back in time"
    clock.late_s = shares.LEASE_S
    await wait_until(lambda: not first.pieces)
    for name in {one for one in renewals if not one.endswith(holder)}:
        await others.leases.give_up(name, holder)  # as if they had expired
    second.start()
    await wait_until(lambda: len(second.pieces) >= PIECES / 2)
