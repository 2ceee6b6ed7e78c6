"""The key of a database: missing, of another one, or several."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from core.errors import ConfigError, StoreError
from core.models import ChatSettings, SpeechSettings, Transcript
from core.store import Store, make_cipher, migrate, open_cipher
from core.store.database.encryption import name_source
from core.store.database.key import KeyFit, examine_key
from core.store.database.migrate import name_database
from tests.store.conftest import Add
from tests.support.clean_start import ask_database, make_database

pytestmark = pytest.mark.finding(1)


@pytest.mark.parametrize("kept", ["message", "transcript", "settings"])
async def test_a_missing_key_is_never_replaced(
    store: Store, add: Add, tmp_path: Path, kept: str
) -> None:
    url, home = make_database(tmp_path), tmp_path / "other"
    home.mkdir()
    if kept == "message":
        await add()
    elif kept == "transcript":
        await store.results.save("key", Transcript("x"))
    else:
        chat = (await add()).message.chat
        await store.chats.save_settings(chat, ChatSettings(speech=SpeechSettings(style="calm")))
        await store.forgetting.forget_message(chat, "1")
    for _ in range(2):
        with pytest.raises(ConfigError) as caught:
            await open_cipher(url, name_source(None, home))
        for name in (str(home / "secret.key"), name_database(url), "backup"):
            assert name in str(caught.value)
        assert list(home.iterdir()) == []
    await open_cipher(url, name_source(None, tmp_path))
    assert await examine_key(url, name_source(None, tmp_path)) is KeyFit.ALL


async def test_a_key_is_made_where_nothing_is_encrypted_yet(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hearsay.db'}"
    assert await examine_key(url, name_source(None, tmp_path)) is KeyFit.EMPTY
    assert list(tmp_path.iterdir()) == [], "examining makes nothing"
    first = (await open_cipher(url, name_source(None, tmp_path))).encrypt(b"x")
    (tmp_path / "secret.key").unlink()
    await migrate(url)
    second = await open_cipher(url, name_source(None, tmp_path))
    with pytest.raises(ConfigError):
        second.decrypt(first)


async def test_a_wrong_key_is_named_by_where_it_is_from(
    store: Store, add: Add, tmp_path: Path
) -> None:
    await add()
    url, other = make_database(tmp_path), Fernet.generate_key().decode()
    with pytest.raises(ConfigError, match="HEARSAY_SECRET_KEY is not the key of") as caught:
        await open_cipher(url, name_source(other, tmp_path))
    assert other not in str(caught.value)
    key = tmp_path / "secret.key"
    mine = key.read_text()
    key.write_text(other)
    with pytest.raises(ConfigError, match=f"^{key} is not the key of"):
        await open_cipher(url, name_source(None, tmp_path))
    key.write_text("broken")
    with pytest.raises(ConfigError, match=f"^{key} is not a Fernet key"):
        await open_cipher(url, name_source(None, tmp_path))
    key.unlink()
    assert await open_cipher(url, name_source(f"{other},{mine}", tmp_path))
    assert await examine_key(url, name_source(f"{other},{mine}", tmp_path)) is KeyFit.ALL


async def test_content_of_two_keys_is_found(
    store: Store, add: Add, tmp_path: Path, database_url: str
) -> None:
    """As an earlier version left it behind, which replaced a missing key."""
    await add()
    other = Fernet.generate_key().decode()
    ask_database(tmp_path, "DELETE FROM index_key")
    second = Store(database_url, make_cipher(other, tmp_path))
    await second.results.save("key", Transcript("x"))
    await second.close()
    assert await examine_key(database_url, name_source(other, tmp_path)) is KeyFit.PART
    assert await open_cipher(database_url, name_source(other, tmp_path)), "what is new can be read"


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "hearsay.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        await open_cipher(f"sqlite:///{tmp_path / 'hearsay.db'}", name_source(None, tmp_path))
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        await open_cipher("nonsense", name_source(None, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["hearsay.db"]
