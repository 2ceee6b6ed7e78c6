"""Two processes on one database do the same thing at the same moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import cycle
from typing import Any

import pytest
from sqlalchemy import select

from core.admission import Decision
from core.clock import Clock
from core.commands import pick_command
from core.errors import JobCancelled
from core.models import (
    PLACEHOLDER,
    Account,
    Amount,
    BudgetPeriod,
    Chat,
    ChatSettings,
    JobState,
    Reply,
    Settlement,
    TalkSettings,
    Transcript,
    Usage,
    parse_budget,
)
from core.store import LinkResult, Store
from core.store.database.tables import jobs, remembered, transcripts
from tests.conftest import NewMessage
from tests.store.conftest import DUE, schedule
from tests.support.remembered_talk import CHAT

TODAY = DUE.date()
MINUTE = Amount(60_000)
OLD, NEW = Chat("test", "1", "-1"), Chat("test", "1", "-2")


async def race(stores: list[Store], count: int, do: Callable[[Store, int], Awaitable[Any]]) -> Any:
    """Return what `count` calls at once return, made by one store and the other in turns."""
    calls = (do(store, number) for store, number in zip(cycle(stores), range(count)))
    return await asyncio.gather(*calls)


async def test_the_last_of_a_budget_is_taken_once(stores: list[Store]) -> None:
    limits = parse_budget("10 min/day")
    every = [Account(kind, "7", limits) for kind in ("person", "key", "bot")]
    found = await race(stores, 40, lambda store, n: store.budgets.reserve(every, MINUTE, TODAY))
    taken = [not any(one.find_lack(MINUTE) for one in standings) for standings in found]
    assert taken.count(True) == 10
    for standing in await stores[0].budgets.standings(every, TODAY):
        assert standing.held[BudgetPeriod.DAY] == Amount(600_000)


async def test_what_is_paid_at_once_is_all_booked(stores: list[Store]) -> None:
    account = Account("person", "7")
    await race(stores, 20, lambda store, n: store.budgets.reserve([account], MINUTE, TODAY))
    paid = Settlement((account,), TODAY, MINUTE, MINUTE)
    await race(stores, 20, lambda store, n: store.budgets.release(paid))
    [standing] = await stores[0].budgets.standings([account], TODAY)
    assert standing.used[BudgetPeriod.DAY] == Amount(1_200_000)
    assert standing.held[BudgetPeriod.DAY] == Amount()


async def test_a_group_that_moves_in_one_process_pays_for_the_calls_of_another(
    stores: list[Store],
) -> None:
    calls, moves = stores
    before, after = map(Account.of_group, (OLD, NEW))
    await calls.budgets.reserve([before], MINUTE, TODAY)
    await moves.chats.move(OLD, NEW)
    await calls.budgets.release(Settlement((before,), TODAY, MINUTE, MINUTE))
    await calls.budgets.reserve([before], MINUTE, TODAY)
    await moves.chats.move(NEW, OLD)
    await calls.budgets.release(Settlement((after,), TODAY, MINUTE, MINUTE))
    for account, used_ms in ((before, 120_000), (after, 0)):
        [standing] = await calls.budgets.standings([account], TODAY)
        assert standing.used[BudgetPeriod.DAY].audio_ms == used_ms
        assert standing.held[BudgetPeriod.DAY] == Amount()
    assert await calls.budgets.own() == []


async def test_one_of_many_uses_a_code(stores: list[Store]) -> None:
    code = await stores[0].links.create_code("telegram", "7")
    found = await race(
        stores, 12, lambda store, n: store.links.link("discord", str(n), code, f"job-{n}")
    )
    assert Counter(found) == {LinkResult.LINKED: 1, LinkResult.UNKNOWN: 11}
    codes = await race(stores, 12, lambda store, n: store.links.create_code("telegram", "8"))
    links = [await stores[0].links.link("discord", f"8{n}", c, c) for n, c in enumerate(codes)]
    assert links.count(LinkResult.LINKED) == 1, "each code replaces the one before"


async def test_a_message_is_taken_in_once(stores: list[Store], new_message: NewMessage) -> None:
    message = new_message("new chat")
    found = await race(stores, 12, lambda store, n: store.intake.add(message, pick_command))
    assert len([*filter(None, found)]) == 1
    assert await stores[0].jobs.counts() == {JobState.WAITING: 1}


async def test_a_watermark_never_goes_back(stores: list[Store]) -> None:
    async def save(store: Store, number: int) -> None:
        seen = {"500": str(7 * number % 40 + 990), "600": str(number)}
        await store.chats.save_watermarks("discord", "1", seen)

    await race(stores, 40, save)
    seen = await stores[0].chats.watermarks("discord", "1")
    assert seen == {"500": str(39 + 990), "600": "39"}


async def test_who_is_admitted_meanwhile_does_not_wait(
    stores: list[Store], new_message: NewMessage
) -> None:
    async def ask(store: Store, number: int) -> None:
        who = str(number // 4)
        if number % 4 == 3:
            await store.admissions.decide("test:9", "test", who, Decision.APPROVED)
        else:
            message = new_message(who, sender_id=who, is_held=True)
            await store.intake.add(message, pick_command)

    await race(stores, 48, ask)
    assert JobState.HELD not in await stores[0].jobs.counts()
    assert await stores[0].admissions.list_open() == []


async def test_what_operators_decide_is_read_again(stores: list[Store]) -> None:
    here, there = stores
    woken: list[None] = []
    there.on_job(lambda: woken.append(None))
    await here.admissions.decide("test:9", "test", "7", Decision.BANNED)
    await here.controls.pause("test:9", is_on=True)
    await there.load()
    assert there.admissions.decisions == {("test", "7"): Decision.BANNED}
    assert there.controls.paused.is_set() and not woken
    await here.admissions.decide("test:9", "test", "7", None)
    await here.controls.pause("test:9", is_on=False)
    await there.load()
    assert there.admissions.decisions == {} and not there.controls.paused.is_set() and woken


async def test_a_dead_letter_is_run_again_once(
    stores: list[Store], new_message: NewMessage
) -> None:
    job = await stores[0].intake.add(new_message(), pick_command)
    assert job
    ledger = stores[0].deliveries.ledger(job)
    await ledger.start(0)
    await ledger.finish(0, "failed")
    await stores[0].jobs.finish(job.job_id, JobState.DEAD)
    found = await race(stores, 8, lambda store, n: store.jobs.retry(job.job_id, "test:9"))
    assert found.count(True) == 1
    [placeholder] = await stores[0].deliveries.parts(job.job_id)
    assert (placeholder.part, placeholder.platform_id) == (PLACEHOLDER, "failed")
    assert [entry.action for entry in await stores[0].audit.recent()] == ["retry"]


async def test_a_job_ends_or_is_cancelled(stores: list[Store], new_message: NewMessage) -> None:
    chats = [Chat("test", "1", str(number)) for number in range(16)]
    added = [await stores[0].intake.add(new_message(c.chat_id), pick_command) for c in chats]

    async def end(store: Store, number: int) -> object:
        job = added[number // 2]
        assert job
        if number % 2:
            return await store.cancellation.cancel(job.message.chat, lambda _: Reply("stopped"))
        await store.jobs.save_reply(job.job_id, Reply("answer"), JobState.DONE)
        await store.jobs.finish(job.job_id, JobState.DONE)
        return None

    calls = (end(store, n) for store, n in zip(cycle(stores), range(32)))
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(one) for one in found if isinstance(one, BaseException)} <= {JobCancelled}
    query = select(jobs.c.state, jobs.c.outcome, jobs.c.reply)
    for row in await stores[0]._database.rows(query):
        ended = row.state, row.outcome, row.reply.text
        assert ended in (("done", "done", "answer"), ("waiting", "cancelled", "stopped"))


async def test_digests_notes_and_probes_are_done_once(stores: list[Store]) -> None:
    await stores[0].schedules.add(schedule())
    assert sum(await race(stores, 8, lambda store, n: store.schedules.fire_due(DUE))) == 1
    talk = ChatSettings(talk=TalkSettings(remember_days=7))
    await stores[0].chats.save_settings(CHAT, talk)
    await stores[0].newcomers.add(CHAT, ["7", "8"])
    due_at = await stores[0].newcomers.next_due_at()
    assert due_at
    assert sum(await race(stores, 8, lambda store, n: store.newcomers.fire_due(due_at))) == 1
    probes = await race(stores, 8, lambda store, n: store.probes.begin("transcriber", DUE))
    assert probes.count(True) == 1


async def test_a_result_is_kept_once_and_every_call_is_booked(stores: list[Store]) -> None:
    result = Transcript("words", usage=Usage("mimo", "m", 1.0))
    await race(stores, 8, lambda store, n: store.results.save("key", result))
    assert len(await stores[0]._database.rows(select(transcripts.c.key))) == 1
    [booked] = await stores[0].statistics.engine_usage(stores[0]._database.now())
    assert (booked.calls, booked.audio_s) == (8, 8.0)


async def test_settings_of_linked_accounts_stay_the_same(stores: list[Store]) -> None:
    code = await stores[0].links.create_code("telegram", "7")
    calls = [
        stores[0].links.link("discord", "7", code, "job"),
        *(stores[1].memory.opt_out("discord", "7", True) for _ in range(4)),
    ]
    await asyncio.gather(*calls)
    for platform in ("telegram", "discord"):
        assert await stores[0].memory.is_opted_out(platform, "7")


async def test_a_recording_that_another_process_receives_is_kept(
    stores: list[Store], clock: Clock
) -> None:
    here, there = stores
    recording = here.recordings.begin()
    for _ in range(3):
        await recording.append(b"sound")
    left = here.recordings.begin()
    await left.append(b"left by a process that ended")
    here.recordings._live.pop(left.blob_id)
    await there.recordings.sweep()
    await clock.sleep(3599)
    assert await there.recordings.sweep() == 0
    assert b"".join([piece async for piece in recording.chunks()]) == b"sound" * 3
    await clock.sleep(1)
    assert await here.recordings.sweep() == 0
    await clock.sleep(3600)
    assert await here.recordings.sweep() == 1, "its own are in use for as long as it has them"
    assert b"".join([piece async for piece in recording.chunks()]) == b"sound" * 3


async def test_reading_changes_nothing(stores: list[Store]) -> None:
    with pytest.raises(Exception, match="read-only"):
        await stores[0]._database.read(lambda one: one.execute(remembered.delete()))
