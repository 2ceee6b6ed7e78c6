"""The event loop whose time stops while the process is suspended."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Iterator

import pytest

from core.clock import SteadyLoop


class Machine:
    """The machine's time, which goes on only as a test says."""

    def __init__(self) -> None:
        self.now_s = 100.0
        #: The next waits take so long, others as long as they ask for.
        self.waits: list[float] = []

    def select(self, timeout: float | None) -> list[object]:
        """Wait, as a selector without events does."""
        self.now_s += self.waits.pop(0) if self.waits else max(0.0, timeout or 0.0)
        return []


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """The time of the machine that the test runs on."""
    machine = Machine()

    def select(_: object, timeout: float | None = None) -> list[object]:
        return machine.select(timeout)

    monkeypatch.setattr(selectors.DefaultSelector, "select", select)
    monkeypatch.setattr("time.monotonic", lambda: machine.now_s)
    yield machine
    monkeypatch.undo()


async def sleep(asked_s: float) -> float:
    """Sleep, and return for how long by the loop's time."""
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    await asyncio.sleep(asked_s)
    return loop.time() - begun_s


@pytest.mark.parametrize(
    ("took_s", "passed_s"),
    [(5.0, 10.0), (9.9, 10.0), (10.1, 20.1), (3600.0, 3610.0)],
    ids=["as asked", "a little late", "too late to be busy", "an hour"],
)
def test_time_passes_only_while_the_loop_runs(
    machine: Machine, took_s: float, passed_s: float
) -> None:
    loop = SteadyLoop()
    try:
        machine.waits += [0.0, took_s]
        begun_s = time.monotonic()
        assert loop.run_until_complete(sleep(10.0)) == pytest.approx(10.0)
        assert time.monotonic() - begun_s == pytest.approx(passed_s)
    finally:
        loop.close()


def test_a_timeout_does_not_expire_because_of_a_suspension(machine: Machine) -> None:
    async def wait_for_ever() -> float:
        begun_s = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60.0):
                machine.waits.append(61.0)  # suspended at once, and longer than that
                await asyncio.Event().wait()
        return time.monotonic() - begun_s

    loop = SteadyLoop()
    try:
        assert loop.run_until_complete(wait_for_ever()) == pytest.approx(121.0)
    finally:
        loop.close()


def test_a_timeout_does_not_expire_by_a_suspension_outside_a_wait(machine: Machine) -> None:
    class SuspendedLoop(SteadyLoop):
        """Suspended once, between a wait and the look at what is due by then."""

        suspended_s = 3600.0

        def _process_events(self, event_list: object) -> None:
            machine.now_s += self.suspended_s
            self.suspended_s = 0.0

    loop = SuspendedLoop()
    try:
        assert loop.run_until_complete(sleep(10.0)) == pytest.approx(10.0)
        assert machine.now_s == pytest.approx(100.0 + 3600.0 + 10.0)
    finally:
        loop.close()
