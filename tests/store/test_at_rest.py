from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from core.commands import pick_command
from core.errors import ConfigError
from core.models import File, JobState, Reply, Transcript
from core.store import Store, make_cipher, migrate
from tests.conftest import NewMessage

CANARY = "canary-5f0c1d"


async def fill(store: Store, new_message: NewMessage) -> None:
    job = await store.intake.add(
        new_message(text=CANARY, sender_name=CANARY), pick_command, CANARY.encode()
    )
    assert job
    reply = Reply(CANARY, CANARY, (File(CANARY, "text/plain", CANARY.encode()),))
    await store.jobs.save_reply(job.job_id, reply, JobState.DONE)
    await store.results.save("key", Transcript(CANARY))


async def test_nothing_that_people_said_stands_in_the_files(
    store: Store, new_message: NewMessage, tmp_path: Path
) -> None:
    await fill(store, new_message)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db-wal" for path in files)
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]
    found = await store.results.find("key")
    assert found and found.text == CANARY


def test_the_key_is_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    sealed = make_cipher(None, tmp_path).encrypt(b"x")
    assert make_cipher(None, tmp_path).decrypt(sealed) == b"x"
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_keys_rotate(tmp_path: Path) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = make_cipher(old, tmp_path).encrypt(b"x")
    assert make_cipher(f"{new},{old}", tmp_path).decrypt(sealed) == b"x"


async def test_a_wrong_key_is_the_operators_to_mend(
    store: Store, new_message: NewMessage, tmp_path: Path, database_url: str
) -> None:
    await fill(store, new_message)
    await migrate(database_url)
    other = Store(database_url, make_cipher(Fernet.generate_key().decode(), tmp_path))
    with pytest.raises(ConfigError, match="HEARSAY_SECRET_KEY"):
        await other.results.find("key")
    await other.close()


def test_a_key_that_is_none_is_refused_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        make_cipher("not-a-key-canary", tmp_path)
    assert "canary" not in str(caught.value)
