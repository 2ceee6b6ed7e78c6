"""The operator's page shows what any process receives from; here each is a store of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.operations.shared_readiness import BELIEVED_S, TELL_S, SharedReadiness
from core.store import Store
from tests.support.clean_start import open_store
from tests.support.events import listening, until
from tests.support.virtual_time import current_clock


@pytest.mark.real_time
@pytest.mark.parametrize("tier", ["postgresql"], indirect=True)
async def test_what_one_process_receives_from_is_known_to_another(
    store: Store, tmp_path: Path
) -> None:
    ready = {"telegram": False, "discord": True}
    intake = SharedReadiness(store, lambda: ready)
    other = open_store(tmp_path)
    web = SharedReadiness(other, dict)
    async with listening(other):
        telling = asyncio.create_task(intake.run())
        await until(web.find)
        telling.cancel()
    assert web.find() == ready
    await other.close()


async def test_what_nobody_repeats_is_forgotten_and_one_that_is_ready_is_enough(
    store: Store,
) -> None:
    def process(ready: dict[str, bool]) -> asyncio.Task[None]:
        return asyncio.create_task(SharedReadiness(store, lambda: ready).run())

    watcher = SharedReadiness(store, dict)
    tasks = [process({"telegram": False}), process({"telegram": True}), process({"web": True})]
    await current_clock().sleep(TELL_S)
    assert watcher.find() == {"telegram": True, "web": True}
    tasks[1].cancel()
    await current_clock().sleep(BELIEVED_S)
    assert watcher.find() == {"telegram": False, "web": True}
    for task in tasks:
        task.cancel()
    await current_clock().sleep(BELIEVED_S)
    assert watcher.find() == {}
