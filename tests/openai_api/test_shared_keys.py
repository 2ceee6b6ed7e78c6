"""The requests of a key are counted over all processes on a database."""

from __future__ import annotations

from pathlib import Path

import pytest

from bots.openai_api.access import ApiKeys
from bots.openai_api.errors import ApiError
from core.errors import StoreError
from core.store import Store
from tests.support.clean_start import open_store
from tests.support.discord_inbox import make_settings

KEYS = {name: f"Bearer sk-{name * 40}" for name in "ab"}

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.parametrize("tier", ["postgresql"], indirect=True),
]


async def test_a_key_has_its_requests_once_and_not_in_each_process(
    store: Store, tmp_path: Path
) -> None:
    other = open_store(tmp_path)
    both = [make_keys(one) for one in (store, other)]
    try:
        for number in range(4):
            assert await both[number % 2].admit(KEYS["a"]) == "a"
        for one in both:
            with pytest.raises(ApiError) as refused:
                await one.admit(KEYS["a"])
            assert refused.value.status_code == 429
            assert 50 <= int((refused.value.headers or {})["Retry-After"]) <= 61
        assert await both[0].admit(KEYS["b"]) == "b", "it has requests of its own"

        async def fail(*_: object) -> float:
            raise StoreError("the network is down")

        both[0].take = fail
        for _ in range(4):
            assert await both[0].admit(KEYS["a"]) == "a"
        with pytest.raises(ApiError):
            await both[0].admit(KEYS["a"])
    finally:
        await other.close()


def make_keys(store: Store) -> ApiKeys:
    """Return the keys as a process has them, with four requests a minute."""
    listed = ",".join(f"{name}={value.removeprefix('Bearer ')}" for name, value in KEYS.items())
    keys = ApiKeys(make_settings(api_keys=listed, api_requests_per_minute=4), store.clock)
    keys.take = store.uses.take
    return keys
