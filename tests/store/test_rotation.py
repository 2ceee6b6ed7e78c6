"""A new key for everything that is stored, while the program goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import LargeBinary, create_engine, func, select, type_coerce

from core.errors import ConfigError
from core.models import SpeechSettings, Transcript
from core.store import Store, make_cipher, open_cipher
from core.store.database.cipher import VERSION
from core.store.database.encryption import Encrypted, name_source
from core.store.database.key import KeyFit, examine_key
from core.store.database.rotation import _MOST_VALUES
from core.store.database.tables import metadata
from tests.conftest import NewMessage
from tests.store.conftest import Add
from tests.store.test_at_rest import CANARY, fill
from tests.support.clean_start import make_database
from tests.support.remembered_talk import texts
from tests.support.virtual_time import current_clock


def count_heads(url: str) -> dict[bytes, int]:
    """Count the stored values by version and id of the key."""
    engine, counts = create_engine(url), dict[bytes, int]()
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            for column in table.columns:
                if isinstance(column.type, Encrypted):
                    head = func.substr(type_coerce(column, LargeBinary), 1, 5)
                    for row in connection.execute(select(head).where(column.is_not(None))):
                        counts[row[0]] = counts.get(row[0], 0) + 1
    engine.dispose()
    return counts


@pytest.fixture
async def store(database_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    """A store whose statements are its own: the usual one uses the key of any of them."""
    store = Store(make_database(tmp_path), make_cipher(None, tmp_path), current_clock())
    yield store
    await store.close()


@pytest.fixture
async def filled(store: Store, new_message: NewMessage, tmp_path: Path) -> str:
    """Content of every kind, more than fits into one transaction. Returns the URL."""
    await fill(store, new_message)
    for number in range(_MOST_VALUES + 5):
        await store.results.save(f"{number}", Transcript(f"text {number}"))
    await store.voices.save_choice("test", "7", SpeechSettings(voice="Mia"))
    return make_database(tmp_path)


async def test_nothing_of_the_old_key_is_left(store: Store, filled: str, tmp_path: Path) -> None:
    key_file = tmp_path / "secret.key"
    old = key_file.read_text()
    counts: list[int] = []
    count = await store.rotation.run(counts.append)
    new = key_file.read_text()
    assert new != old and "," not in new and key_file.stat().st_mode & 0o777 == 0o600
    assert count_heads(filled) == {VERSION + make_cipher(new, tmp_path).key_id: count}
    assert counts[-1] == count > _MOST_VALUES and counts == sorted(counts)
    assert [path.name for path in tmp_path.iterdir() if "key" in path.name] == ["secret.key"]
    # Everything is found as before, by this process and the next one.
    again = Store(filled, await open_cipher(filled, name_source(None, tmp_path)))
    for one in (store, again):
        assert (await one.results.find("54")) == Transcript("text 54")
        assert (await one.voices.choice("test", "7")).voice == "Mia"
        assert await texts(one) == [CANARY]
    await again.close()
    # The old one is refused, alone and in front of the new one.
    with pytest.raises(ConfigError, match="is not the key of"):
        await open_cipher(filled, name_source(old, tmp_path))
    with pytest.raises(ConfigError, match="begins with a key that was replaced on"):
        await open_cipher(filled, name_source(f"{old},{new}", tmp_path))
    assert await examine_key(filled, name_source(new, tmp_path)) is KeyFit.ALL


async def test_a_process_that_goes_on_writing_takes_the_new_key(
    store: Store, filled: str, tmp_path: Path, add: Add
) -> None:
    other = Store(filled, make_cipher(None, tmp_path))
    rotating = asyncio.create_task(other.rotation.run(lambda count: None))
    written = 0
    while not rotating.done():
        await add()
        await store.results.save(f"new {written}", Transcript("new"))
        assert await store.results.find(f"new {written}") == Transcript("new")
        assert await store.results.find("3") == Transcript("text 3")
        written += 1
    await rotating
    await other.close()
    assert written > 1 and len(count_heads(filled)) == 1


async def test_what_was_interrupted_is_done_again(
    store: Store, filled: str, tmp_path: Path
) -> None:
    steps: Iterator[int] = iter(range(3))

    def crash(count: int) -> None:
        if next(steps, None) is None:
            raise RuntimeError("the process ended")

    with pytest.raises(RuntimeError):
        await store.rotation.run(crash)
    assert len(count_heads(filled)) == 2 and (tmp_path / "secret.key").read_text().count(",") == 1
    again = Store(filled, await open_cipher(filled, name_source(None, tmp_path)))
    assert await again.results.find("54") == Transcript("text 54")
    await again.rotation.run(lambda count: None)
    assert len(count_heads(filled)) == 1 and "," not in (tmp_path / "secret.key").read_text()
    await again.close()


async def test_a_key_in_the_environment_is_replaced_there(
    store: Store, filled: str, tmp_path: Path
) -> None:
    old, new = (tmp_path / "secret.key").read_text(), Fernet.generate_key().decode()
    (tmp_path / "secret.key").unlink()
    alone = Store(filled, make_cipher(old, tmp_path))
    with pytest.raises(ConfigError, match="HEARSAY_SECRET_KEY is in the environment") as caught:
        await alone.rotation.run(lambda count: None)
    assert old not in str(caught.value)
    await alone.close()
    both = Store(filled, make_cipher(f"{new},{old}", tmp_path))
    await both.rotation.run(lambda count: None)
    assert (await both.voices.choice("test", "7")).voice == "Mia"
    await both.close()
    assert await examine_key(filled, name_source(new, tmp_path)) is KeyFit.ALL
    assert not (tmp_path / "secret.key").exists()
