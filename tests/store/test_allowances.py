from __future__ import annotations

import asyncio
from datetime import date

from core.store import Store

TODAY, TOMORROW = date(2026, 11, 21), date(2026, 11, 22)


async def test_what_is_used_adds_up_for_each_key_and_day(store: Store) -> None:
    allowances = store.allowances
    assert await allowances.spent_s("alice", TODAY) == 0.0
    await asyncio.gather(*(allowances.spend("alice", TODAY, 2.5) for _ in range(8)))
    await allowances.spend("bob", TODAY, 1.0)
    assert await allowances.spent_s("alice", TODAY) == 20.0
    assert await allowances.spent_s("bob", TODAY) == 1.0
    assert await allowances.spent_s("alice", TOMORROW) == 0.0
    assert await allowances.of_day(TODAY) == {"alice": 20.0, "bob": 1.0}
    assert await allowances.of_day(TOMORROW) == {}
