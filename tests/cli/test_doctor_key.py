"""`hearsay doctor` says where the key is, and who can read it and the database."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bots.doctor.results import Status
from core.models import Transcript
from core.store import Store, make_cipher, migrate
from core.store.database.cipher import find_key_id
from tests.cli.conftest import check
from tests.cli.test_doctor import fill

BESIDE = "beside the database: whoever copies the folder has both"


async def fill_at(path: Path, key: str) -> str:
    """Make a database with something in it, and return its URL."""
    path.parent.mkdir(exist_ok=True)
    url = f"sqlite:///{path}"
    await migrate(url)
    store = Store(url, make_cipher(key, path.parent))
    await store.results.save("0" * 64, Transcript("secret words"))
    await store.close()
    return url


async def test_a_wrong_key_and_a_missing_one(tmp_path: Path) -> None:
    home = tmp_path / "home"
    await fill(home)
    other = Fernet.generate_key().decode()
    found = await check("key", hearsay_home=home, hearsay_secret_key=other)
    assert (found.status, found.code) == (Status.FAIL, 78)
    assert other not in found.text + found.cure
    (home / "secret.key").unlink()
    found = await check("key", hearsay_home=home)
    assert (found.status, found.code) == (Status.FAIL, 78)
    assert found.text.startswith(f"{home / 'secret.key'} is missing")
    assert "backup" in found.text
    assert not (home / "secret.key").exists()


@pytest.mark.parametrize(
    ("database", "key", "where"),
    [
        ("home/hearsay.db", "home/secret.key", BESIDE),
        ("home/hearsay.db", "home/keys/k", BESIDE),
        ("home/data/h.db", "home/keys/k", BESIDE),
        ("home/hearsay.db", "other/k", "apart"),
        ("other/h.db", "other/k", BESIDE),
        ("other/h.db", "other/keys/k", BESIDE),
        ("other/h.db", "home/secret.key", "apart"),
        ("other/h.db", "others/k", "apart"),
    ],
)
async def test_where_the_key_is(tmp_path: Path, database: str, key: str, where: str) -> None:
    home, file = tmp_path / "home", tmp_path / key
    home.mkdir()
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text(Fernet.generate_key().decode())
    url = await fill_at(tmp_path / database, file.read_text())
    named = {} if file.name == "secret.key" else {"hearsay_secret_key_file": file}
    found = await check("key", hearsay_home=home, database_url=url, **named)
    assert found.status is Status.OK
    own = find_key_id(file.read_text()).hex()
    assert found.text == f"{own} decrypts the database; it is in {file}, {where}"


async def test_a_key_in_a_setting_is_in_no_file(tmp_path: Path) -> None:
    key = Fernet.generate_key().decode()
    url = await fill_at(tmp_path / "h.db", key)
    found = await check("key", hearsay_home=tmp_path, database_url=url, hearsay_secret_key=key)
    own = find_key_id(key).hex()
    assert found.text == f"{own} decrypts the database; it is in the setting HEARSAY_SECRET_KEY"


async def test_modes_of_files_elsewhere(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "keys" / "key"
    home.mkdir(mode=0o700)
    file.parent.mkdir(mode=0o755)
    file.write_text(Fernet.generate_key().decode())
    file.chmod(0o600)
    url = await fill_at(tmp_path / "other" / "h.db", file.read_text())
    (tmp_path / "other").chmod(0o755)
    (tmp_path / "other" / "h.db-wal").touch(mode=0o600)
    values = {"hearsay_home": home, "database_url": url, "hearsay_secret_key_file": file}
    assert (await check("modes", **values)).status is Status.OK
    for name, mode, status, words in (
        ("other/h.db-wal", 0o640, Status.WARN, "can read"),
        ("other/h.db", 0o644, Status.WARN, "can read"),
        ("other/h.db", 0o666, Status.FAIL, "can change"),
        ("keys/key", 0o644, Status.FAIL, "can read the database key"),
    ):
        (tmp_path / name).chmod(mode)
        found = await check("modes", **values)
        assert (found.status, found.code) == (status, 78 * (status is Status.FAIL))
        assert f"{words} {tmp_path / name}" in found.text
        assert found.cure == f"Run: chmod 600 {tmp_path / name}"
    for folder in ("keys", "other"):
        (tmp_path / folder).chmod(0o700)
    assert (await check("modes", **values)).status is Status.OK, "nobody else gets there"
