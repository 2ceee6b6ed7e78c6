"""Budgets in the database: what was kept before, whom lists name, and what is on the disk."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from core.models import Account, Amount, BudgetPeriod, Chat, parse_budget
from core.store import Store, make_cipher, migrate
from tests.support.clean_start import ask_database, open_store, read_stored

TODAY = date(2026, 11, 23)
ADA = Account("person", "telegram:70701001")
GROUP = Account.of_group(Chat("telegram", "1", "-100200300"))


@pytest.mark.sqlite_only
async def test_what_api_keys_have_used_outlives_the_migration(
    database_url: str, tmp_path: Path
) -> None:
    await migrate(database_url, None, "0018")
    for name, day, audio_s in (("alice", TODAY, 59.5), ("bob", TODAY - timedelta(days=3), 7.0)):
        row = f"VALUES ('{name}', '{day.isoformat()}', {audio_s})"
        ask_database(tmp_path, f"INSERT INTO allowances (name, day, audio_s) {row}")
    await migrate(database_url, make_cipher(None, tmp_path))
    store = open_store(tmp_path)
    minute = parse_budget("1 min/day")
    keys = [Account("key", name, minute) for name in ("alice", "bob", "carol")]
    standings = await store.budgets.standings(keys, TODAY)
    assert [one.used[BudgetPeriod.DAY].audio_ms for one in standings] == [59_500, 0, 0]
    assert [one.used[BudgetPeriod.MONTH].audio_ms for one in standings] == [59_500, 7000, 0]
    # She had half a second left, and still has.
    refused, taken = Amount(501), Amount(500)
    [before] = await store.budgets.reserve(keys[:1], refused, TODAY)
    assert before.find_lack(refused)
    [before] = await store.budgets.reserve(keys[:1], taken, TODAY)
    assert before.find_lack(taken) is None
    await store.close()
    assert ask_database(tmp_path, "SELECT name FROM sqlite_master WHERE name = 'allowances'") == []


async def test_whoever_is_in_a_list_is_found_by_its_short_id(store: Store) -> None:
    keyed, bot = Account("key", "alice"), Account("bot")
    await store.budgets.reserve([ADA, keyed, bot], Amount(1000, 5, 1), TODAY)
    await store.budgets.set_budget(GROUP, parse_budget("5 min/day"), "test:7", "who")
    [top] = await store.budgets.top("person", (), TODAY, 5)
    short_id = await store.budgets.short_id(ADA)
    assert top.account.name == short_id and len(short_id) == 7 and short_id.startswith("#")
    for account in (ADA, GROUP):
        found = await store.budgets.find(await store.budgets.short_id(account), TODAY)
        assert found and found[0] == account.kind and account.name not in found[1]
        # What is set under that name holds for the id.
        await store.budgets.set_budget(Account(*found), parse_budget("7 min/day"), "test:7", "who")
        [standing] = await store.budgets.standings([account], TODAY)
        assert standing.budget == parse_budget("7 min/day")
    listed = {await store.budgets.short_id(one) for one in (ADA, GROUP)}
    assert {name for _, name, _ in await store.budgets.own()} == listed
    assert await store.budgets.find("#000000", TODAY) is None
    assert await store.budgets.short_id(keyed) == "alice"
    assert await store.budgets.find("alice", TODAY) is None


async def test_no_id_of_a_person_is_on_the_disk(store: Store, tmp_path: Path) -> None:
    await store.budgets.reserve([ADA, GROUP], Amount(1000, 5, 1), TODAY)
    for account in (ADA, GROUP):
        await store.budgets.set_budget(account, parse_budget("5 min/day"), "test:7", "who")
    stored = read_stored(tmp_path)
    assert b"5 min/day" in stored
    assert b"70701001" not in stored and b"100200300" not in stored


async def test_any_number_of_accounts_is_read(store: Store) -> None:
    keys = [Account("key", f"key {number}") for number in range(600)]
    for number in (99, 100, 599):
        await store.budgets.reserve([keys[number]], Amount(number, 0, 1), TODAY)
    standings = await store.budgets.standings(keys, TODAY)
    assert [one.account for one in standings] == keys
    held = [one.held[BudgetPeriod.DAY].audio_ms for one in standings]
    assert {number: amount for number, amount in enumerate(held) if amount} == {
        99: 99, 100: 100, 599: 599,
    }  # fmt: skip
