"""Recordings in pieces: as large as the setting allows, whatever a value of SQLite may hold."""

from __future__ import annotations

import gc
from datetime import timedelta
from pathlib import Path

import pytest

from core.audio import read_chunks
from core.models import Chat, Job, JobState
from core.store import Store, migrate
from core.store.recordings import StoredRecording
from tests.store.conftest import Add
from tests.support.clean_start import ask_database, open_store
from tests.support.virtual_time import current_clock

PIECES = [b"RIFF" + bytes(5000), b"\x01" * 6000, b"the end"]


async def receive(store: Store) -> StoredRecording:
    recording = store.recordings.begin()
    for piece in PIECES:
        await recording.append(piece)
    return recording


async def read(store: Store, job: Job) -> list[bytes] | None:
    found = await store.recordings.find(job.message.chat, job.message.message_id)
    return None if found is None else [chunk async for chunk in read_chunks(found)]


def stored_sizes(folder: Path) -> list[int]:
    return [size for (size,) in ask_database(folder, "SELECT length(content) FROM blob_pieces")]


@pytest.mark.finding(8)
async def test_a_large_recording_is_stored_in_encrypted_pieces(
    store: Store, add: Add, tmp_path: Path
) -> None:
    recording = await receive(store)
    job = await add(data=recording)
    del recording
    gc.collect()
    assert await store.recordings.sweep() == 0
    assert await read(store, job) == PIECES
    found = await store.recordings.find(job.message.chat, job.message.message_id)
    assert found and len(found) == sum(map(len, PIECES))
    assert max(stored_sizes(tmp_path)) < 6100
    rows = ask_database(tmp_path, "SELECT content FROM blob_pieces")
    assert all(piece[:5] not in row for (row,) in rows for piece in PIECES)


@pytest.mark.finding(8)
@pytest.mark.parametrize("is_forgotten", [True, False])
async def test_its_pieces_are_deleted_with_it(
    is_forgotten: bool, store: Store, add: Add, tmp_path: Path
) -> None:
    assert await store.recordings.sweep() == 0, "from now on, only what is left is looked for"
    job = await add(data=await receive(store))
    await store.jobs.finish(job.job_id, JobState.DONE)
    if is_forgotten:
        await store.forgetting.forget_message(job.message.chat, job.message.message_id)
    else:
        await store.retention.purge(current_clock().now() + timedelta(days=8))
    assert stored_sizes(tmp_path) == [] and await read(store, job) is None


@pytest.mark.finding(8)
async def test_what_is_never_handed_in_is_deleted_once_nobody_has_it(
    store: Store, tmp_path: Path, tier: str
) -> None:
    recording = await receive(store)
    await store.retention.purge(current_clock().now())
    assert [chunk async for chunk in recording.chunks()] == PIECES
    del recording
    gc.collect()
    # The next large one makes room.
    following = store.recordings.begin()
    await following.append(b"x")
    assert len(stored_sizes(tmp_path)) == 1
    # What a process left that was killed.
    await store.close()
    again = open_store(tmp_path)
    await again.retention.purge(current_clock().now())
    if tier == "postgresql":  # for an hour, another process may be receiving it
        assert len(stored_sizes(tmp_path)) == 1
        await current_clock().sleep(3600)
        await again.retention.purge(current_clock().now())
    assert stored_sizes(tmp_path) == []
    await again.close()


@pytest.mark.finding(8)
async def test_recordings_from_before_the_pieces_stay(store: Store, tmp_path: Path) -> None:
    home = tmp_path / "old"
    home.mkdir()
    old = f"sqlite:///{home / 'hearsay.db'}"
    await migrate(old, None, "0008")
    value = store._database.cipher.encrypt(b"sound", b"blobs.content")
    for statement, *values in (
        ("INSERT INTO chats (platform, bot_id, chat_id) VALUES ('test', '1', '100')",),
        ("INSERT INTO messages (chat_pk, message_id, edit_id, received_at) VALUES (1, 7, '', 0)",),
        ("INSERT INTO blobs (message_pk, content) VALUES (1, ?)", value),
    ):
        ask_database(home, statement, *values)
    await migrate(old, store._database.cipher)
    grown = Store(old, store._database.cipher)
    assert await grown.recordings.find(Chat("test", "1", "100"), "7") == b"sound"
    await grown.close()
