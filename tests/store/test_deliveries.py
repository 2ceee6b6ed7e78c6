from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import update

from core.clock import Clock
from core.models import DeliveryState, PartDelivery
from core.store import Store
from core.store.database.tables import deliveries
from tests.store.conftest import Add


async def test_a_part_that_is_to_be_edited_keeps_its_id_until_it_is(store: Store, add: Add) -> None:
    job = await add()
    ledger = store.deliveries.target(job).ledger
    await ledger.start(0)
    await ledger.finish(0, "5")
    outdate = update(deliveries).values(state=DeliveryState.STALE)
    await store.jobs._database.write(lambda one: one.execute(outdate))
    assert await ledger.find(0) == PartDelivery(0, DeliveryState.STALE, "5")
    await ledger.start(0)
    assert await ledger.find(0) == PartDelivery(0, DeliveryState.PENDING, "5")
    await ledger.finish(0, "6")
    assert await ledger.find(0) == PartDelivery(0, DeliveryState.SENT, "6")
    await ledger.start(0)
    assert await ledger.find(0) == PartDelivery(0, DeliveryState.SENT, "6")


async def test_a_part_that_is_no_longer_there_is_forgotten_alone(store: Store, add: Add) -> None:
    job, other = await add(), await add()
    ledger, others = store.deliveries.target(job).ledger, store.deliveries.target(other).ledger
    for part in (0, 1):
        await ledger.start(part)
    await others.start(1)
    await ledger.forget(1)
    await ledger.forget(1)
    assert await ledger.find(0)
    assert await ledger.find(1) is None
    assert await others.find(1)


async def test_a_chat_without_voice_is_known_a_week(store: Store, add: Add, clock: Clock) -> None:
    job = await add()
    await store.chats.note_no_voice(job.message.chat)
    elsewhere = await add("200")
    known = [await store.jobs.find(one.job_id) for one in (job, elsewhere)]
    assert [one and one.has_no_voice for one in known] == [True, False]
    assert known[0] == replace(job, has_no_voice=True)
    await clock.sleep(timedelta(days=8).total_seconds())
    asked_again = await store.jobs.find(job.job_id)
    assert asked_again and not asked_again.has_no_voice
