"""The event loop whose time stops while the process is suspended."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Iterator

import pytest

from core.clock import SteadyLoop


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The machine's time, which goes on only as a test says: the next waits take so long."""
    waits: list[float] = []
    now_s = [100.0]

    def select(_: object, timeout: float | None = None) -> list[object]:
        now_s[0] += waits.pop(0) if waits else max(0.0, timeout or 0.0)
        return []

    monkeypatch.setattr(selectors.DefaultSelector, "select", select)
    monkeypatch.setattr("time.monotonic", lambda: now_s[0])
    yield waits
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
    machine: list[float], took_s: float, passed_s: float
) -> None:
    loop = SteadyLoop()
    try:
        machine += [0.0, took_s]
        begun_s = time.monotonic()
        assert loop.run_until_complete(sleep(10.0)) == pytest.approx(10.0)
        assert time.monotonic() - begun_s == pytest.approx(passed_s)
    finally:
        loop.close()


def test_a_timeout_does_not_expire_because_of_a_suspension(machine: list[float]) -> None:
    async def wait_for_ever() -> float:
        begun_s = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60.0):
                machine.append(61.0)  # suspended at once, and longer than that
                await asyncio.Event().wait()
        return time.monotonic() - begun_s

    loop = SteadyLoop()
    try:
        assert loop.run_until_complete(wait_for_ever()) == pytest.approx(121.0)
    finally:
        loop.close()
