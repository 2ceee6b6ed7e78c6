"""Several processes watch the same account: operators are told of its faults once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.errors import EngineError
from core.operations.incidents import PROBE_S, REST_PROBE_S
from core.operations.model_probe import probe_role
from core.operations.outages import AWAY_S
from core.store import Store
from tests.emulators.mimo import MimoServer
from tests.operations.test_incidents import Watched
from tests.support.clean_start import open_store
from tests.support.loopback import LoopbackPlatform
from tests.support.virtual_time import current_clock

pytestmark = pytest.mark.parametrize("tier", ["postgresql"], indirect=True)


class Processes:
    """Two processes, each with a store and engines of its own, and what operators get of both."""

    def __init__(self, *processes: Watched) -> None:
        self.all = processes
        for one in processes[1:]:
            one.reported = processes[0].reported

    @property
    def told(self) -> list[str]:
        return self.all[0].texts

    async def check(self) -> None:
        for _ in range(3):
            for one in self.all:
                await one.check(1)


@pytest.fixture
async def processes(store: Store, tmp_path: Path, mimo: MimoServer) -> AsyncIterator[Processes]:
    other = open_store(tmp_path)
    processes = Processes(*(Watched(one, tmp_path, mimo) for one in (store, other)))
    yield processes
    for one in processes.all:
        await one.engines.close()
    await other.close()


async def refuse(process: Watched) -> None:
    with pytest.raises(EngineError):
        await probe_role(process.roles[1])


async def test_a_fault_that_both_find_is_told_once_and_its_end_too(
    processes: Processes, mimo: MimoServer
) -> None:
    [here, there] = processes.all
    mimo.add_fault("401", times=None)
    await refuse(here)
    await refuse(there)
    await processes.check()
    assert len(processes.told) == 1 and "rejects the key" in processes.told[0]
    mimo.clear_faults()
    await current_clock().sleep(PROBE_S + 60)
    await processes.check()
    assert processes.told[1:] == ["mimo works again."]
    await processes.check()
    assert len(processes.told) == 2


async def test_an_old_fault_is_not_told_again_after_another_process_has_seen_the_end(
    processes: Processes, mimo: MimoServer
) -> None:
    [here, there] = processes.all
    mimo.add_fault("401", times=None)
    await refuse(there)
    await there.check(1)
    mimo.clear_faults()
    for role in here.roles:
        await probe_role(role)
    await here.check(1)
    assert processes.told[1:] == ["mimo works again."]
    await processes.check()
    assert len(processes.told) == 2
    mimo.add_fault("401", times=None)
    await current_clock().sleep(PROBE_S)
    await refuse(there)
    await processes.check()
    assert len(processes.told) == 3, "a new fault is news"


async def test_a_success_from_before_is_no_end(processes: Processes, mimo: MimoServer) -> None:
    [here, there] = processes.all
    for role in here.roles:
        await probe_role(role)
    mimo.add_fault("401", times=None)
    await refuse(there)
    await processes.check()
    assert len(processes.told) == 1


async def test_what_a_process_that_ended_has_begun_is_ended_by_another(
    processes: Processes, mimo: MimoServer
) -> None:
    [here, there] = processes.all
    mimo.add_fault("401", times=None)
    await refuse(there)
    await there.check(1)
    mimo.clear_faults()
    await here.check(3)
    assert processes.told[1:] == ["mimo works again."]


async def test_a_process_that_calls_no_engine_leaves_them_alone(
    processes: Processes, mimo: MimoServer
) -> None:
    [here, there] = processes.all
    mimo.add_fault("401", times=None)
    await refuse(there)
    await there.check(1)
    here.incidents._roles = ()
    calls = len(mimo.requests)
    await here.check(3)
    assert len(processes.told) == 1 and len(mimo.requests) == calls


async def test_a_platform_that_is_away_for_one_process_is_not_ended_by_one_that_was_ready(
    processes: Processes,
) -> None:
    _, there = processes.all
    platforms = [LoopbackPlatform(), LoopbackPlatform()]
    for one, platform in zip(processes.all, platforms, strict=True):
        one.platforms = {"test": platform}
    await processes.check()
    platforms[0].is_ready = False
    await processes.check()
    await current_clock().sleep(AWAY_S)
    await processes.check()
    await processes.check()
    [text] = processes.told
    assert text.startswith("test: no messages have been received for two minutes")
    # The other one takes over, or the first one is back: whoever becomes ready ends it.
    platforms[1].is_ready = False
    await there.check(1)
    platforms[1].is_ready = True
    await processes.check()
    assert processes.told[1:] == ["test: messages are received again."]
    platforms[0].is_ready = True
    await processes.check()
    assert len(processes.told) == 2


async def test_an_engine_that_is_out_of_order_is_told_once_and_its_end_too(
    processes: Processes, mimo: MimoServer
) -> None:
    mimo.add_fault("503", times=None)
    for process in processes.all:
        for _ in range(6):
            with pytest.raises(EngineError):
                await probe_role(process.roles[1])
            await current_clock().sleep(10)
    await processes.check()
    assert len(processes.told) == 1 and processes.told[0].startswith("mimo is out of order: ")
    mimo.clear_faults()
    for _ in range(4):
        await current_clock().sleep(REST_PROBE_S)
        await processes.check()
    assert processes.told[1:] == ["mimo works again."]
    assert not (await processes.all[0].status.health.check())["mimo"]
