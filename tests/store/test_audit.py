"""The log of what operators do: nothing is done that it could not note."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from core.admission import Decision
from core.errors import StoreError
from core.models import Account, JobState, parse_budget
from core.store import Store
from tests.store.conftest import Add
from tests.support.clean_start import ask_database

ACCOUNT = Account("person", "test:9")
OPERATOR = "test:7"
#: What each action calls, and what it is logged as.
ACTIONS: dict[str, Callable[[Store, str], Awaitable[object]]] = {
    "retry": lambda store, job_id: store.jobs.retry(job_id, OPERATOR),
    "budget": lambda store, _: store.budgets.set_budget(
        ACCOUNT, parse_budget("5 min/day"), OPERATOR, "test:9 5 min/day"
    ),
    "banned": lambda store, _: store.admissions.decide(OPERATOR, "test", "9", Decision.BANNED),
    "pause": lambda store, _: store.controls.pause(OPERATOR, is_on=True),
}


#: How each kind of database is let refuse whatever is noted.
FULL = {
    "sqlite": [
        "CREATE TRIGGER is_full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE EXCEPTION 'full'; END $$",
        "CREATE TRIGGER is_full BEFORE INSERT ON audit EXECUTE FUNCTION refuse()",
    ],
}


async def describe(store: Store) -> object:
    """Return all that the actions change."""
    found = await store.jobs.counts(), await store.budgets.own()
    return found, dict(store.admissions.decisions), store.controls.paused.is_set()


@pytest.mark.parametrize("action", ACTIONS)
async def test_what_an_operator_does_and_its_note_are_one_commit(
    store: Store, add: Add, tmp_path: Path, tier: str, action: str
) -> None:
    job = await add()
    await store.jobs.finish(job.job_id, JobState.DEAD)
    before = await describe(store)
    for statement in FULL[tier]:
        ask_database(tmp_path, statement)
    with pytest.raises(StoreError):
        await ACTIONS[action](store, job.job_id)
    assert await describe(store) == before
    ask_database(tmp_path, f"DROP TRIGGER is_full{' ON audit' * (tier == 'postgresql')}")
    await ACTIONS[action](store, job.job_id)
    assert await describe(store) != before
    [noted] = await store.audit.recent()
    assert (noted.operator, noted.action) == (OPERATOR, action)


async def test_whoever_asks_for_another_try_is_no_operator(store: Store, add: Add) -> None:
    job = await add()
    await store.jobs.finish(job.job_id, JobState.DEAD)
    assert await store.jobs.retry(job.job_id) and await store.audit.recent() == []
