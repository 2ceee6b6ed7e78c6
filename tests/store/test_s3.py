"""Sound in a bucket: a real S3 server on this machine, also while it fails."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bots.doctor.results import Status
from core.errors import StoreError
from core.store import Store
from core.store.database.cipher import Cipher, make_key
from core.store.database.objects import SoundGone
from core.store.objects import storage as storage_module
from core.store.objects.storage import PREFIXES, Storage
from tests.cli.conftest import check
from tests.store.conftest import Add
from tests.support.s3_server import BUCKET, KEY_ID, SECRET, S3Server, run_s3
from tests.support.stored_sound import CHAT, COST, REPLIED, SPOKEN, UPLOAD, fill, find_all
from tests.support.virtual_time import current_clock

URL = f"s3://{BUCKET}/bots/one"
KEY = "ab" * 16


@pytest.fixture(scope="module")
def running() -> Iterator[S3Server]:
    with run_s3() as server:
        yield server


@pytest.fixture
def s3(running: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """The server, empty, with its credentials in the environment; failures are found fast."""
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    brief = {"connect_timeout": timedelta(seconds=1), "timeout": timedelta(seconds=0.5)}
    monkeypatch.setattr(storage_module, "_CLIENT", storage_module._CLIENT | brief)
    monkeypatch.setitem(storage_module._RETRY, "max_retries", 1)
    running.fault = None
    running.requests.clear()
    yield running
    running.fault = None
    for key in running.list_keys():
        running.send("DELETE", f"/{BUCKET}/{key}")


@pytest.fixture
def storage_url(s3: S3Server) -> str:
    return URL


async def test_all_sound_is_in_the_bucket_and_is_deleted_there(
    store: Store, s3: S3Server, add: Add
) -> None:
    job = await fill(store, add)
    gc.collect()
    keys = s3.list_keys()
    assert len(keys) == 6 and all(key.startswith("bots/one/") for key in keys)
    assert await find_all(store, job) == [UPLOAD, SPOKEN, REPLIED]
    assert not any(b"canary" in s3.send("GET", f"/{BUCKET}/{key}") for key in keys)
    await store.forgetting.forget_chat(CHAT)
    assert len(s3.list_keys()) == 1, "speech that no job was given"
    await store.retention.purge(current_clock().now() + timedelta(days=31))
    assert s3.list_keys() == []


async def test_what_is_lost_is_swept(store: Store, s3: S3Server, add: Add) -> None:
    """The server says when each was written; the program's clock is years ahead."""
    job = await fill(store, add)
    assert store._outside
    index = store._outside.index
    lost = await index.put(b"lost")
    assert len(s3.list_keys()) == 7
    index._swept = PREFIXES.index(lost.key[:2])
    assert await index.sweep() == 1 and len(s3.list_keys()) == 6
    assert await find_all(store, job) == [UPLOAD, SPOKEN, REPLIED]


async def test_a_missing_object(store: Store, s3: S3Server, add: Add) -> None:
    job = await fill(store, add)
    for key in s3.list_keys():
        s3.send("DELETE", f"/{BUCKET}/{key}")
    assert await find_all(store, job) == [None, None, None]
    await store.retention.purge(current_clock().now() + timedelta(days=31))


@pytest.mark.parametrize("fault", [500, 503, 403, 2.0])
async def test_failures_can_be_tried_again_and_say_nothing_secret(
    s3: S3Server, fault: float
) -> None:
    storage = Storage(URL, Cipher([make_key()]))
    await storage.put(KEY, b"sound")
    s3.fault = fault
    other = "cd" * 16  # one that is slow may have been written
    for call in (storage.put(other, b"x"), storage.get(KEY), storage.delete([other])):
        with pytest.raises(StoreError) as raised:
            await call
        assert raised.value.is_retryable
        text = f"{raised.value!r} {raised.value.__cause__!r} {storage._store!r}"
        assert not [one for one in (SECRET, KEY_ID, KEY, "canary", s3.url) if one in text], text
        assert ("refuses access" in text) == (fault == 403)
    s3.fault = None
    assert await storage.get(KEY) == b"sound"
    await storage.close()


async def test_a_server_that_is_down(monkeypatch: pytest.MonkeyPatch, s3: S3Server) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    storage = Storage(URL, Cipher([make_key()]))
    with pytest.raises(StoreError, match="STORAGE_URL failed: HTTP error"):
        await storage.put(KEY, b"sound")
    await storage.close()


async def test_nothing_is_saved_that_could_not_be_written(
    store: Store, s3: S3Server, add: Add
) -> None:
    s3.fault = 500
    with pytest.raises(StoreError):
        await add(data=b"sound")
    with pytest.raises(StoreError):
        await store.results.save_audio("sound", SPOKEN, COST, None)
    assert await store.jobs.history(CHAT) == []
    s3.fault = None
    assert await store.results.find_audio("sound") is None
    job = await add(data=b"sound")
    assert await store.recordings.find(CHAT, job.message.message_id) == b"sound"


async def test_a_key_that_does_not_fit_reads_nothing(s3: S3Server) -> None:
    one, other = Storage(URL, Cipher([make_key()])), Storage(URL, Cipher([make_key()]))
    one.root = other.root = "same"
    await one.put(KEY, b"sound")
    with pytest.raises(SoundGone):
        await other.get(KEY)
    for storage in (one, other):
        await storage.close()


@pytest.mark.parametrize("fault", [None, 500, 403])
async def test_doctor_tries_the_storage(s3: S3Server, tmp_path: Path, fault: int | None) -> None:
    s3.fault = fault
    found = await check("storage", hearsay_home=tmp_path, storage_url=URL)
    assert found.status is (Status.OK if fault is None else Status.FAIL)
    assert SECRET not in repr(found) and s3.list_keys() == []
    if fault:
        assert found.code == 74 and "STORAGE_URL" in found.cure
