"""hearsay backup, restore and keys fingerprint: what they print, and what they refuse."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bots.home import lock_home
from core.store.database.cipher import find_key_id, make_key
from tests.cli.test_doctor import fill
from tests.support.clean_start import ask_database
from tests.support.hearsay_command import Hearsay
from tests.support.moved import read_all
from tests.support.postgresql import PostgresServer

pytestmark = pytest.mark.real_time

#: A backup that is killed once all of it is written, and before it has its name.
KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from core.store.backups import making
from core.store.database.encryption import name_source

making.unpack = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
home, folder = map(Path, sys.argv[1:])
keys, now = name_source(None, home), datetime(2026, 1, 1, tzinfo=UTC)
making.make_backup(making.Subject(f"sqlite:///{home / 'hearsay.db'}", keys, home, now), folder)
"""


@pytest.fixture
async def filled(hearsay: Hearsay) -> Hearsay:
    """A home whose database has rows, and the folder of its backups."""
    await fill(hearsay.home)
    (hearsay.folder / "disk").mkdir()
    return hearsay


@pytest.fixture
def new(filled: Hearsay) -> Hearsay:
    """Another home, with the same key."""
    other = Hearsay(filled.folder / "new")
    other.home.mkdir(parents=True, mode=0o700)
    (other.home / "secret.key").write_bytes((filled.home / "secret.key").read_bytes())
    return other


async def run(hearsay: Hearsay, *arguments: object, **settings: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(hearsay, *map(str, arguments), **settings)
    return done.returncode, done.stdout, done.stderr


async def refuse(hearsay: Hearsay, *arguments: object, code: int = 78) -> str:
    """Return the one line with which a command is refused."""
    found, out, err = await run(hearsay, *arguments)
    assert (found, out) == (code, ""), err
    [line] = err.splitlines()
    return line


def fingerprint(hearsay: Hearsay) -> str:
    return find_key_id((hearsay.home / "secret.key").read_text()).hex()


async def make_backup(hearsay: Hearsay) -> Path:
    code, out, err = await run(hearsay, "backup", hearsay.folder / "disk", "--json")
    assert (code, err) == (0, "")
    return Path(json.loads(out)["path"])


async def test_there_and_back(
    filled: Hearsay, new: Hearsay, postgresql: PostgresServer, tmp_path: Path
) -> None:
    stored = read_all(f"sqlite:///{filled.database}")
    with lock_home(filled.home):  # as if the bot ran
        code, out, err = await run(filled, "backup")
    assert (code, err) == (0, "")
    [path] = (filled.home / "backups").iterdir()
    lines = out.splitlines()
    assert lines[0].startswith(f"Wrote {path}: ") and lines[0].endswith(" read back and verified.")
    assert lines[1].endswith(f"keep a copy apart: the key {fingerprint(filled)}.")
    assert len(lines) == 2
    secret = (filled.home / "secret.key").read_bytes()
    for hidden in (b"transcripts", b"mimo", secret, b"SQLite"):
        assert hidden not in path.read_bytes()
    code, out, err = await run(new, "restore", path, "--check")
    assert (code, err) == (0, "") and f"{path} is whole: " in out
    assert [one.name for one in new.home.iterdir() if "lock" not in one.name] == ["secret.key"]
    code, out, err = await run(new, "restore", path)
    assert (code, err) == (0, "") and "Restored " in out
    assert read_all(f"sqlite:///{new.database}") == stored
    url = postgresql.create_empty()
    code, out, err = await run(new, "restore", path, "--json", DATABASE_URL=url)
    assert (code, err) == (0, "") and read_all(url) == stored
    restored = json.loads(out)
    assert (restored["open_jobs"], restored["tables"]["transcripts"]) == (0, 1)
    code, out, err = await run(new, "backup", "--json", DATABASE_URL=url)
    again = json.loads(out)
    assert (code, again["database"], again["rows"]) == (0, "postgresql", restored["rows"])


async def test_where_something_is_nothing_is_restored(filled: Hearsay, new: Hearsay) -> None:
    path = await make_backup(filled)
    before = filled.database.read_bytes()
    line = await refuse(filled, "restore", path)
    assert f"move {filled.database}* to another folder first" in line
    assert filled.database.read_bytes() == before
    with lock_home(new.home):
        assert "another hearsay is already running" in await refuse(new, "restore", path)
    assert not new.database.exists()


async def test_a_key_that_is_missing_or_another_is_named(filled: Hearsay, new: Hearsay) -> None:
    path, own = await make_backup(filled), fingerprint(filled)
    (new.home / "secret.key").write_text(make_key())
    for more in ((), ("--check",)):
        line = await refuse(new, "restore", path, *more)
        assert own in line and fingerprint(new) in line
    (new.home / "secret.key").unlink()
    line = await refuse(new, "restore", path)
    assert f"put the key {own} there" in line
    assert not new.database.exists() and not (new.home / "secret.key").exists()
    (filled.home / "secret.key").unlink()
    assert "is missing" in await refuse(filled, "backup")


async def test_what_is_damaged_or_no_backup_is_refused(filled: Hearsay, new: Hearsay) -> None:
    path = await make_backup(filled)
    data = path.read_bytes()
    flipped = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
    for changed in (data[:-1], data[: len(data) // 2], flipped, b"words", b""):
        path.write_bytes(changed)
        line = await refuse(new, "restore", path, code=74)
        assert f"{path} cannot be used: " in line
    path.write_bytes(data.replace(b"backup 1", b"backup 9", 1))
    assert "update the program first" in await refuse(new, "restore", path)
    assert "cannot be read: No such file" in await refuse(new, "restore", filled.folder / "none")
    assert not new.database.exists()


async def test_killed_it_leaves_the_one_before(filled: Hearsay, new: Hearsay) -> None:
    path = await make_backup(filled)
    script = (sys.executable, "-c", KILLED, str(filled.home), str(path.parent))
    killed = await asyncio.create_subprocess_exec(*script)
    assert await killed.wait() == -9
    assert sum(one.name.endswith(".part") for one in path.parent.iterdir()) == 1
    code, out, err = await run(filled, "backup", path.parent, "--keep", "1", "--json")
    assert (code, err) == (0, "")
    made = json.loads(out)
    assert made["deleted"] == [str(path)]
    assert [str(one) for one in path.parent.iterdir()] == [made["path"]]
    assert {one.name for one in filled.home.iterdir()} >= {"hearsay.db", "backup.lock"}
    assert not (filled.home / "backup.tmp").exists()
    assert (await run(new, "restore", made["path"]))[0] == 0


async def test_what_cannot_be_backed_up(hearsay: Hearsay, filled: Hearsay) -> None:
    code, _, err = await run(filled, "backup", filled.folder / "missing")
    assert code == 2 and "does not exist" in err
    with closing(sqlite3.connect(filled.database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    line = await refuse(filled, "backup")
    assert "newer than the program" in line
    filled.database.unlink()
    assert "there is no database" in await refuse(filled, "backup")


async def test_sound_elsewhere_is_counted(filled: Hearsay, new: Hearsay) -> None:
    row = "INSERT INTO objects VALUES ('key', 'sound', 'owner', 0, 9, 'a1b2c3d4', '2026-01-01')"
    ask_database(filled.home, row)
    url = f"file://{filled.folder}/sound"
    (filled.folder / "sound").mkdir()
    _, out, _ = await run(filled, "backup", filled.folder / "disk", STORAGE_URL=url)
    assert f"Sound that is not in the backup: 1 objects at {url}." in out
    [path] = (filled.folder / "disk").iterdir()
    _, out, _ = await run(new, "restore", path)
    assert "1 objects at STORAGE_URL, which is not set." in out


async def test_fingerprints_are_printed_and_no_key(hearsay: Hearsay) -> None:
    assert "is missing" in await refuse(hearsay, "keys", "fingerprint")
    assert not (hearsay.home / "secret.key").exists()
    keys = [make_key(), make_key()]
    joined = ",".join(keys)
    code, out, err = await run(hearsay, "keys", "fingerprint", HEARSAY_SECRET_KEY=joined)
    first, second = (find_key_id(key).hex() for key in keys)
    assert (code, err) == (0, "")
    assert (
        out
        == f"{first} encrypts, in HEARSAY_SECRET_KEY\n{second} decrypts, in HEARSAY_SECRET_KEY\n"
    )
    _, out, _ = await run(hearsay, "keys", "fingerprint", "--json", HEARSAY_SECRET_KEY=joined)
    assert json.loads(out) == {"keys": [first, second], "source": "HEARSAY_SECRET_KEY"}
    assert not any(key[:8] in out for key in keys)
