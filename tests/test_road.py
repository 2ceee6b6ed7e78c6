"""What `make road` counts."""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading

import pytest

from benchmarks.road import LIMITS, count_files, is_within, measure_all
from benchmarks.support.processes import ROOT
from benchmarks.support.road_trace import Function, Recorder, find_road
from core.audio import Media
from core.limits import AccountGate

SOURCE = """
import asyncio
from dataclasses import dataclass

@dataclass
class Made:
    value: int

    @property
    def double(self):
        return [value * 2 for value in (self.value,)][0]

async def wait():
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return (lambda: Made(1).double)()

def numbers():
    yield 1
    yield 2

async def main():
    def inner():
        return list(numbers())
    await wait()
    await asyncio.to_thread(inner)
"""


def program(path: str) -> asyncio.Task[None]:
    """Run `SOURCE` as if it stood in `path`."""
    space = {"__name__": __name__}
    exec(compile(SOURCE, str(ROOT / path), "exec"), space)
    return asyncio.ensure_future(space["main"]())  # type: ignore[operator]


async def entered(path: str) -> list[str]:
    recorder = Recorder()
    recorder.install()
    try:
        calls = recorder.record()
        await program(path)
        recorder.stop()
        await program(path)
    finally:
        threading.setprofile(None)
        sys.setprofile(None)
    assert {call.path for call in calls} <= {path}
    return [call.name for call in calls]


async def test_functions_with_a_name_count_when_they_are_entered() -> None:
    assert await entered("core/pretended.py") == [
        *("main", "wait", "Made.double"),
        *("main.<locals>.inner", "numbers"),
    ]


async def test_only_the_program_counts() -> None:
    assert await entered("tests/pretended.py") == []


def test_what_runs_by_itself_is_left_out() -> None:
    take, step, sweep, first = (Function("core/a.py", name, 1) for name in "abcd")
    notes = [[take, step, take, first], [step, take, sweep, take, take]]
    assert find_road(notes, [[step], [sweep, step, take]]) == {take: 2}


@pytest.mark.real_time
def test_a_message_passes_through_no_more_than_its_limit() -> None:
    for name, road in measure_all(list(LIMITS), 3).items():
        files = {function.path for function in road}
        for known in (Media, AccountGate):
            assert any(str(ROOT / path) == inspect.getsourcefile(known) for path in files)
        assert any(path.startswith("bots/") for path in files)
        assert 0 < count_files(road) <= len(road) <= sum(road.values())
        assert is_within(name, road), (name, count_files(road), len(road), LIMITS[name])
