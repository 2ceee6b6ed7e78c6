from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from core.commands import pick_command
from core.errors import ConfigError
from core.models import ChatSettings, Correction, File, JobState, Reply, TalkSettings, Transcript
from core.store import Store, make_cipher
from core.store.database.encryption import Encrypted
from core.store.database.tables import metadata
from tests.conftest import NewMessage
from tests.store.conftest import Add, schedule
from tests.support.clean_start import read_stored
from tests.support.remembered_talk import CHAT, say, talk

CANARY = "canary-5f0c1d"


async def fill(store: Store, new_message: NewMessage) -> None:
    job = await store.intake.add(
        new_message(text=CANARY, sender_name=CANARY), pick_command, CANARY.encode()
    )
    assert job
    reply = Reply(CANARY, CANARY, (File(CANARY, "text/plain", CANARY.encode()),))
    await store.jobs.save_reply(job.job_id, reply, JobState.DONE)
    await store.results.save("key", Transcript(CANARY))
    await talk(store, say(1, CANARY, sender_name=CANARY))
    await store.memory.save_transcript(CHAT, "1", Transcript(CANARY))
    corrections = (Correction("Kovalsky", CANARY),)
    await store.chats.save_settings(CHAT, ChatSettings(talk=TalkSettings(glossary=corrections)))
    await store.schedules.add(schedule(zone=CANARY))


async def test_nothing_that_people_said_stands_in_the_files(
    store: Store, new_message: NewMessage, tmp_path: Path
) -> None:
    await fill(store, new_message)
    held = read_stored(tmp_path)
    assert schedule().schedule_id.encode() in held and CANARY.encode() not in held
    found = await store.results.find("key")
    assert found and found.text == CANARY


def test_the_key_is_made_once_on_the_disk_and_for_the_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes | Path] = []

    def sync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").resolve()
        synced.append(path if path.is_dir() else path.read_bytes())

    monkeypatch.setattr("os.fsync", sync)
    sealed = make_cipher(None, tmp_path).encrypt(b"x")
    assert synced == [(tmp_path / "secret.key").read_bytes(), tmp_path], "the name as well"
    assert make_cipher(None, tmp_path).decrypt(sealed) == b"x"
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_of_two_starts_the_first_key_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "some" / "where"
    first = make_cipher(None, home).encrypt(b"x")
    seen = iter([False])
    monkeypatch.setattr(Path, "exists", lambda path: next(seen, True))
    assert make_cipher(None, home).decrypt(first) == b"x"
    assert [path.name for path in home.iterdir()] == ["secret.key"]


def test_keys_rotate(tmp_path: Path) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = make_cipher(old, tmp_path).encrypt(b"x")
    both = make_cipher(f" {new} , {old}", tmp_path)
    assert both.decrypt(sealed) == b"x"
    assert make_cipher(new, tmp_path).decrypt(both.encrypt(b"y")) == b"y", "the first key seals"
    with pytest.raises(ConfigError, match="HEARSAY_SECRET_KEY does not decrypt this database"):
        make_cipher(old, tmp_path).decrypt(both.encrypt(b"y"))
    assert list(tmp_path.iterdir()) == []
    # Values that Fernet encrypted can still be read.
    token = Fernet(old).encrypt(b"from before")
    assert both.decrypt(token, b"any.column") == b"from before"
    with pytest.raises(ConfigError, match="HEARSAY_SECRET_KEY"):
        make_cipher(new, tmp_path).decrypt(token)


def test_a_value_is_sealed_anew_each_time_and_opens_at_its_place_only(tmp_path: Path) -> None:
    cipher = make_cipher(None, tmp_path)
    sealed = cipher.encrypt(b"x", b"jobs.reply")
    assert sealed[:5] == b"\x02" + cipher.key_id and len(sealed) == 1 + 4 + 12 + 1 + 16
    assert cipher.encrypt(b"x", b"jobs.reply") != sealed
    assert cipher.decrypt(sealed, b"jobs.reply") == b"x"
    with pytest.raises(ConfigError):
        cipher.decrypt(sealed, b"messages.content")


def test_what_was_sealed_by_an_earlier_version_opens(tmp_path: Path) -> None:
    sealed = bytes.fromhex("015cfe339d128fa517fccb7def577f6b14e2c1beec6de9780592c8f416d05bb047d6")
    cipher = make_cipher("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", tmp_path)
    assert cipher.decrypt(sealed, b"jobs.reply") == b"words"


@pytest.mark.parametrize("at", [0, 1, 5, 17, -1])
def test_a_changed_byte_is_noticed(tmp_path: Path, at: int) -> None:
    cipher = make_cipher(None, tmp_path)
    sealed = bytearray(cipher.encrypt(b"x"))
    sealed[at] ^= 1
    with pytest.raises(ConfigError):
        cipher.decrypt(bytes(sealed))
    for cut in (b"", b"\x01", bytes(sealed[:12])):
        with pytest.raises(ConfigError):
            cipher.decrypt(cut)


def test_every_sealed_column_knows_its_place() -> None:
    columns = [column for table in metadata.tables.values() for column in table.columns]
    places = [column.type.column_name for column in columns if isinstance(column.type, Encrypted)]
    assert len(set(places)) == len(places) > 10
    assert b"messages.content" in places


async def test_a_wrong_key_is_reported(store: Store, tmp_path: Path, database_url: str) -> None:
    await store.results.save("key", Transcript(CANARY))
    other = Store(database_url, make_cipher(Fernet.generate_key().decode(), tmp_path))
    with pytest.raises(ConfigError, match="HEARSAY_SECRET_KEY"):
        await other.results.find("key")
    await other.close()


def test_a_key_that_is_none_is_refused_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        make_cipher("not-a-key-canary", tmp_path)
    assert "canary" not in str(caught.value) and "HEARSAY_SECRET_KEY" in str(caught.value)


async def test_moments_keep_their_zone(store: Store, add: Add) -> None:
    berlin = datetime(2026, 7, 1, 9, tzinfo=timezone(timedelta(hours=2)))
    job = await add()
    await store.jobs.run_later(job.job_id, berlin)
    found = await store.jobs.find(job.job_id)
    assert found and found.run_at == berlin and found.run_at.utcoffset() == timedelta(0)
