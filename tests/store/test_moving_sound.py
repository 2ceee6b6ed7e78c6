"""Moving a database whose sound is outside of it: that stays where it is, and is found there."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigError
from core.store import Store
from tests.store.conftest import Add
from tests.support.clean_start import open_store
from tests.support.moved import find_other, is_empty, move_to, settle_in
from tests.support.postgresql import PostgresServer
from tests.support.stored_sound import fill, find_all, objects_in


@pytest.fixture
def storage_url(tmp_path: Path) -> str:
    return f"file://{tmp_path / 'objects'}"


@pytest.fixture
def other_url(tier: str, postgresql: PostgresServer, tmp_path: Path) -> str:
    return find_other(tier, postgresql, tmp_path)


async def test_it_is_found_after_the_move(
    store: Store, database_url: str, other_url: str, storage_url: str, add: Add, tmp_path: Path
) -> None:
    job = await fill(store, add)
    found, files = await find_all(store, job), objects_in(tmp_path)
    await store.close()
    moved = await move_to(database_url, other_url, tmp_path, storage_url)
    assert moved.objects == len(files) and not moved.missing
    assert objects_in(tmp_path) == files
    other = open_store(
        settle_in(tmp_path / "other", tmp_path / "secret.key", other_url), storage_url
    )
    assert await find_all(other, job) == found
    await other.close()


async def test_what_is_missing_is_counted(
    store: Store, database_url: str, other_url: str, storage_url: str, add: Add, tmp_path: Path
) -> None:
    await fill(store, add)
    await store.close()
    [first, *others] = objects_in(tmp_path)
    first.unlink()
    moved = await move_to(database_url, other_url, tmp_path, storage_url)
    assert (moved.objects, moved.missing) == (len(others) + 1, 1)


async def test_another_storage_is_refused_and_so_is_none(
    store: Store, database_url: str, other_url: str, add: Add, tmp_path: Path
) -> None:
    await fill(store, add)
    await store.close()
    with pytest.raises(ConfigError, match="STORAGE_URL is not set"):
        await move_to(database_url, other_url, tmp_path)
    with pytest.raises(ConfigError, match="not at STORAGE_URL"):
        await move_to(database_url, other_url, tmp_path, f"file://{tmp_path / 'elsewhere'}")
    if other_url.startswith("postgresql"):
        await move_to(f"sqlite:///{tmp_path / 'hearsay.db'}", other_url, tmp_path, _url(tmp_path))
        assert not is_empty(other_url)


def _url(home: Path) -> str:
    return f"file://{home / 'objects'}"
