"""Sound outside the database: none of it in rows, gone with its rows, found after crashes."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from core.audio import read_chunks
from core.commands import pick_command
from core.errors import ConfigError, PlatformBusy, StorageFull, StoreError
from core.interfaces import Recording
from core.models import Job, JobState, Reply
from core.store import Store, make_cipher
from core.store.database.objects import SoundGone
from core.store.database.schema import objects
from core.store.objects.errors import read_error
from core.store.objects.files import FILE_GONE
from core.store.objects.index import LOST_AFTER, ObjectIndex
from core.store.objects.storage import PREFIXES
from tests.conftest import NewMessage
from tests.store.conftest import Add
from tests.support.clean_start import ask_database, make_database, open_store, settle
from tests.support.loopback import run_loopback
from tests.support.stored_sound import (
    CHAT,
    COST,
    LARGE,
    REPLIED,
    SAMPLE,
    SPOKEN,
    UPLOAD,
    fill,
    find_all,
    make_older,
    objects_in,
)
from tests.support.virtual_time import current_clock

MINUTE = timedelta(minutes=1)


@pytest.fixture
def storage_url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/objects"


def index_of(store: Store) -> ObjectIndex:
    assert store._outside
    return store._outside.index


async def sweep_all(store: Store) -> int:
    """Sweep until every part of the storage was looked through."""
    return sum([await index_of(store).sweep() for _ in range(len(PREFIXES))])


async def test_no_sound_is_in_rows_and_all_is_found(store: Store, add: Add, tmp_path: Path) -> None:
    job = await fill(store, add)
    assert await find_all(store, job) == [UPLOAD, SPOKEN, REPLIED]
    large = await store.recordings.find(CHAT, "2")
    assert large and len(large) == len(LARGE) + 7
    assert [one async for one in read_chunks(large)] == [LARGE, b"the end"]
    [voice] = await store.voices.usable(CHAT, "7")
    assert (voice.sample.data, (await store.voices.load(voice)).sample.data) == (b"", SAMPLE)
    assert len(objects_in(tmp_path)) == 6
    assert ask_database(tmp_path, "SELECT count(*) FROM blob_pieces") == [(0,)]
    for column in ("content)) FROM sounds", "content)) FROM voices", "reply)) FROM jobs"):
        [(size,)] = ask_database(tmp_path, f"SELECT max(length({column}")
        assert size < len(SAMPLE)
    data = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    assert b"canary" not in data, "it is encrypted"
    names = {part for one in objects_in(tmp_path) for part in one.relative_to(tmp_path).parts}
    assert not names & {"100", "7", job.job_id, "v1"}


async def forget_all(store: Store, add: Add, job_id: str) -> None:
    await store.forgetting.forget_chat(CHAT)


async def expire(store: Store, add: Add, job_id: str) -> None:
    for days in (0, 31, 400, 400):
        await store.retention.purge(current_clock().now() + timedelta(days=days))


@pytest.mark.parametrize("forget", [forget_all, expire])
async def test_nothing_is_left_of_what_was_forgotten_or_has_expired(
    forget: Callable[[Store, Add, str], Awaitable[None]], store: Store, add: Add, tmp_path: Path
) -> None:
    job = await fill(store, add)
    gc.collect()
    await forget(store, add, job.job_id)
    left = objects_in(tmp_path)
    kept = ask_database(tmp_path, "SELECT kind FROM objects")
    # What nobody was given is anybody's, and goes by its age.
    assert (len(left), kept) == ((1, [("sound",)]) if forget is forget_all else (0, []))
    assert await find_all(store, job) == [None, SPOKEN if forget is forget_all else None, None]


async def test_what_is_replaced_is_deleted(store: Store, add: Add, tmp_path: Path) -> None:
    job = await fill(store, add)
    await store.jobs.save_reply(job.job_id, Reply("failed"), JobState.REFUSED)
    [voice] = await store.voices.usable(CHAT, "7")
    await store.voices.forget(voice)
    assert ask_database(
        tmp_path, "SELECT kind, count(*) FROM objects GROUP BY kind ORDER BY kind"
    ) == [
        ("recording", 3),
        ("sound", 1),
    ]
    assert len(objects_in(tmp_path)) == 4


async def test_a_reply_that_could_not_be_sent_is_sent_with_its_files(
    store: Store, new_message: NewMessage
) -> None:
    async with run_loopback(store) as loopback:
        loopback.platform.failures = [PlatformBusy("x", retry_after_s=5.0)]
        await loopback.inbox.accept(new_message(command="say", text="good morning"))
        await settle(store)
        [(_, reply)] = loopback.platform.sent
    assert reply.files and reply.files[0].data.startswith(b"OggS")
    [job] = await store.jobs.history(CHAT)
    assert job.reply and job.reply.files[0].data == b""
    assert job.reply.files[0].size_bytes == len(reply.files[0].data)


async def test_a_redone_reply_keeps_its_files(store: Store, add: Add, tmp_path: Path) -> None:
    job = await fill(store, add)
    found = await store.jobs.find(job.job_id)
    assert found and found.reply
    assert await store.jobs.redo(job.job_id, found.reply)
    await index_of(store).collect()
    assert (await find_all(store, job))[2] == REPLIED


async def test_what_never_came_with_a_message_is_deleted(store: Store, tmp_path: Path) -> None:
    recording = store.recordings.begin()
    await recording.append(LARGE)
    assert await store.recordings.sweep() == 0, "somebody has it"
    del recording
    gc.collect()
    assert await store.recordings.sweep() == 1
    # Of another process: it may still receive it.
    other = open_store(tmp_path, f"file://{tmp_path}/objects")
    theirs = other.recordings.begin()
    await theirs.append(LARGE)
    assert await store.recordings.sweep() == 0
    change = update(objects).values(created_at=current_clock().now() - timedelta(days=2))
    await store._database.write(lambda one: one.execute(change))
    assert await store.recordings.sweep() == 1 and objects_in(tmp_path) == []
    await other.close()


async def test_what_a_crash_leaves_is_swept_after_an_hour(
    store: Store, add: Add, tmp_path: Path
) -> None:
    job = await fill(store, add)
    known = objects_in(tmp_path)
    await index_of(store).put(b"the process ended before the commit")
    [lost] = set(objects_in(tmp_path)) - set(known)
    half = lost.with_name(f"{lost.name[:-1]}0#1")
    half.write_bytes(b"half")
    others = tmp_path / "objects" / "another database" / lost.name[:2] / lost.name
    others.parent.mkdir(parents=True)
    others.write_bytes(b"of another database")
    make_older([*known, others], timedelta(days=9))
    make_older([lost, half], LOST_AFTER - MINUTE)
    assert await sweep_all(store) == 0 and half.exists()
    make_older([lost, half], LOST_AFTER + MINUTE)
    assert await sweep_all(store) == 1
    assert objects_in(tmp_path) == sorted([*known, others]) and not half.exists()
    assert await find_all(store, job) == [UPLOAD, SPOKEN, REPLIED]


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"\x02half")])
async def test_what_is_missing_or_half_written_is_named_or_made_again(
    damage: Callable[[Path], object], store: Store, add: Add, tmp_path: Path
) -> None:
    job = await fill(store, add)
    for path in objects_in(tmp_path):
        damage(path)
    assert await find_all(store, job) == [None, None, None]
    found = await store.jobs.find(job.job_id)
    assert found and found.reply
    shown = await store.files.load_all(found.reply, "en")
    assert (shown.text, shown.files) == (f"said\n\n{FILE_GONE}", ())
    large = await store.recordings.find(CHAT, "2")
    assert large
    with pytest.raises(SoundGone, match="no longer stored"):
        [one async for one in read_chunks(large)]
    with pytest.raises(SoundGone):
        await store.voices.load((await store.voices.usable(CHAT, "7"))[0])
    await store.results.save_audio("sound", SPOKEN, COST, None)
    assert await store.results.find_audio("sound") == SPOKEN


async def test_an_object_is_bound_to_its_name(store: Store, add: Add, tmp_path: Path) -> None:
    job = await fill(store, add)
    for path in (first := objects_in(tmp_path))[1:]:
        path.write_bytes(first[0].read_bytes())
    assert (await find_all(store, job)).count(None) >= 2


async def test_the_key_is_replaced_there_as_well(
    new_message: NewMessage, storage_url: str, tmp_path: Path
) -> None:
    # Its statements are its own: the usual store uses the key of any of them.
    cipher = make_cipher(None, tmp_path)
    store = Store(make_database(tmp_path), cipher, current_clock(), storage_url)

    async def add(data: Recording) -> Job:
        job = await store.intake.add(new_message(), pick_command, data)
        assert job
        return job

    job = await fill(store, add)
    before = {path: path.read_bytes() for path in objects_in(tmp_path)}
    await store.rotation.run(lambda count: None)
    after = {path: path.read_bytes() for path in objects_in(tmp_path)}
    assert after.keys() == before.keys()
    key_id = cipher.key_id
    assert {one[1:5] for one in after.values()} == {key_id}
    assert key_id not in {one[1:5] for one in before.values()}
    assert await find_all(store, job) == [UPLOAD, SPOKEN, REPLIED]
    assert await index_of(store).encrypt_anew(key_id.hex()) == 0
    await store.close()


async def test_a_database_with_sound_elsewhere_needs_its_setting(
    store: Store, add: Add, tmp_path: Path
) -> None:
    await fill(store, add)
    await store.load()
    alone = open_store(tmp_path)
    with pytest.raises(ConfigError, match="STORAGE_URL is not set"):
        await alone.load()
    await alone.close()


async def test_what_was_stored_in_rows_before_is_found(
    store: Store, add: Add, tmp_path: Path
) -> None:
    before = open_store(tmp_path)
    job = await fill(before, add)
    assert await find_all(store, job) == [UPLOAD, SPOKEN, REPLIED]
    [voice] = await store.voices.usable(CHAT, "7")
    assert (await store.voices.load(voice)).sample.data == SAMPLE
    await before.close()


async def test_a_folder_that_is_gone_loses_nothing(store: Store, add: Add, tmp_path: Path) -> None:
    job = await fill(store, add)
    (tmp_path / "objects").rename(tmp_path / "away")
    (tmp_path / "objects").write_bytes(b"")
    with pytest.raises(StoreError):
        await store.results.save_audio("other", SPOKEN, COST, None)
    await store.forgetting.forget_message(CHAT, job.message.message_id)
    (tmp_path / "objects").unlink()
    (tmp_path / "away").rename(tmp_path / "objects")
    assert len(objects_in(tmp_path)) == 6
    await store.retention.purge(current_clock().now())
    assert len(objects_in(tmp_path)) == 4


def test_a_full_disk_is_told_apart(tmp_path: Path) -> None:
    full = OSError("Generic LocalFileSystem error: No space left on device (os error 28)")
    assert isinstance(read_error(full, tmp_path), StorageFull)
    assert not isinstance(read_error(full, None), StorageFull)
    assert not isinstance(read_error(OSError("Unable to open file"), tmp_path), StorageFull)


def test_a_small_installation_does_not_load_obstore() -> None:
    """Nor do the parts that use it, which are loaded with the setting."""
    code = "import sys, bots.program; print([m for m in sys.modules if m.startswith('obstore')])"
    command = [sys.executable, "-P", "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
