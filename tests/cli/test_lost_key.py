"""A database whose key is missing: every command refuses, and nothing is written."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from tests.cli.test_doctor import fill
from tests.support.hearsay_command import Hearsay

pytestmark = [pytest.mark.finding(1), pytest.mark.real_time]


@pytest.fixture
async def moved(hearsay: Hearsay) -> Hearsay:
    """The database of another home, copied without its key."""
    old = hearsay.folder / "old"
    await fill(old)
    hearsay.home.mkdir(mode=0o700)
    shutil.copy(old / "hearsay.db", hearsay.database)
    return hearsay


async def test_run_refuses_and_the_doctor_says_the_same_before_and_after(moved: Hearsay) -> None:
    before = await asyncio.to_thread(moved.doctor)
    kept = moved.database.read_bytes()
    for command in (
        ["run"],
        ["jobs", "list"],
        ["jobs", "show", "0123456789"],
        ["say", "Hi", "-o", "hi.ogg"],
        ["run"],
    ):
        done = await asyncio.to_thread(moved, *command, WEB_PORT="0")
        [line] = done.stderr.splitlines()[-1:]
        assert (done.returncode, done.stdout) == (78, ""), command
        assert line.startswith(f"hearsay: {moved.home / 'secret.key'} is missing"), command
        assert str(moved.database) in line and "backup" in line
        assert not [path.name for path in moved.home.iterdir() if "key" in path.name]
        assert moved.database.read_bytes() == kept
    after = await asyncio.to_thread(moved.doctor)
    assert before.failed == after.failed == ["key"]
    assert before.checks["key"] == after.checks["key"]
    text = after.checks["key"]["text"]
    assert text == line.removeprefix("hearsay: ")
    assert (before.code, after.code) == (78, 78)


async def test_with_its_key_it_is_read_again(moved: Hearsay) -> None:
    shutil.copy(moved.folder / "old" / "secret.key", moved.home)
    assert (await asyncio.to_thread(moved, "jobs", "list")).returncode == 0
    found = await asyncio.to_thread(moved.doctor)
    assert found.checks["key"]["text"].partition(" ")[2].startswith("decrypts the database; ")
    assert "key" not in found.failed


async def test_the_old_data_can_be_left_behind_on_purpose(moved: Hearsay) -> None:
    moved.database.rename(moved.folder / "kept.db")
    assert (await asyncio.to_thread(moved, "jobs", "list")).returncode == 0
    assert (moved.home / "secret.key").exists()
    assert (await asyncio.to_thread(moved.doctor)).failed == []
