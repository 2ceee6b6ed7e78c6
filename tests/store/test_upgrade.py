"""A database of an older version is backed up before it is migrated."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from core.config import Settings
from core.store import find_keys, make_cipher
from core.store.backups import snapshot
from core.store.database.migrate import list_revisions, migrate
from core.store.upgrade import FOLDER, upgrade
from tests.support.backed_up import bring_back
from tests.support.clean_start import ask_database
from tests.support.virtual_time import BEGAN_AT

VERSION = "SELECT version_num FROM alembic_version"


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """Those of a home with an old database, and a person in it."""
    settings = Settings(_env_file=None, hearsay_home=tmp_path)  # type: ignore[call-arg]
    await migrate(settings.url, make_cipher(None, tmp_path), "0030")
    return settings


async def run(settings: Settings) -> list[Path]:
    """Upgrade the database; return the backups that there are."""
    await upgrade(settings, make_cipher(None, settings.hearsay_home), BEGAN_AT)
    return sorted((settings.hearsay_home / FOLDER).glob("*"))


async def test_an_older_one_is_backed_up_once(settings: Settings, tmp_path: Path) -> None:
    with capture_logs() as logs:
        [made] = await run(settings)
    assert {"event": "backup before the upgrade", "log_level": "info", "path": str(made)} in logs
    assert await run(settings) == [made]
    assert ask_database(tmp_path, VERSION) == [(list_revisions()[-1],)]
    for number in (2, 3):
        ask_database(tmp_path, "UPDATE alembic_version SET version_num = '0031'")
        ask_database(tmp_path, "ALTER TABLE switches DROP COLUMN text")
        kept = await run(settings)
        assert len(kept) == 2 and (made in kept) is (number == 2)
    new = tmp_path / "new"
    new.mkdir()
    (new / "secret.key").write_bytes((tmp_path / "secret.key").read_bytes())
    done = await bring_back(kept[0], f"sqlite:///{new / 'hearsay.db'}", new)
    assert done.manifest.revision == "0031" and find_keys(settings).path


async def test_a_new_one_is_not(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, hearsay_home=tmp_path)  # type: ignore[call-arg]
    for _ in "12":
        assert await run(settings) == []


async def test_without_room_it_is_migrated_all_the_same(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_SPARE_BYTES", 1 << 60)
    with capture_logs() as logs:
        assert await run(settings) == []
    assert [one["log_level"] for one in logs if "no room" in one["event"]] == ["warning"]
    assert ask_database(tmp_path, VERSION) == [(list_revisions()[-1],)]
