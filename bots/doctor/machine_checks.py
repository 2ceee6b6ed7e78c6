"""Checks of this machine: home, disk, database, audio."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from functools import partial
from pathlib import Path

from bots.doctor.results import CheckRun, Result, fail, ok, warn
from bots.exit_codes import CONFIG, OTHER, STORE
from core.audio import Media
from core.engines.offline.role import WorkerRole
from core.engines.offline.synthesizer import OfflineSynthesizer
from core.engines.offline.transcriber import OfflineTranscriber
from core.engines.wire.speech import make_silence
from core.errors import AssistantError, StoreError
from core.store.database import check as database
from core.worker_process.sandbox import is_root

_MB = 2**20
_FEW_BYTES, _LOW_BYTES = 100 * _MB, 1024 * _MB
#: Older ones may corrupt a database in WAL mode that has several connections.
_GOOD_SQLITE = (3, 51, 3)


async def check_home(run: CheckRun) -> Result:
    """Check that HEARSAY_HOME can be used or created."""
    home = run.settings.hearsay_home
    place = _existing(home)
    if not place.is_dir():
        return fail(f"{place} is not a folder", "Set HEARSAY_HOME to a folder.", CONFIG)
    if refused := _try_to_write(place):
        cure = "Let this user write there, or set HEARSAY_HOME to another folder."
        return fail(f"{place} cannot be written to: {refused}", cure, CONFIG)
    return ok(f"{home}" if home.exists() else f"{home} will be created at the first start")


async def check_disk(run: CheckRun) -> Result:
    """Check that there is space for the database."""
    home = _existing(run.settings.hearsay_home)
    free = shutil.disk_usage(home).free
    text = f"{free // _MB} MB free on the disk of {home}"
    cure = "Free space on the disk that holds HEARSAY_HOME."
    if free < _FEW_BYTES:
        return fail(text, cure, STORE)
    return warn(text, cure) if free < _LOW_BYTES else ok(text)


async def check_sqlite(run: CheckRun) -> Result:
    """Check that SQLite is free of a known bug."""
    if not run.settings.url.startswith("sqlite"):
        return ok("not used")
    if sqlite3.sqlite_version_info < _GOOD_SQLITE:
        text = f"{sqlite3.sqlite_version} is older than 3.51.3, which fixes a rare corruption"
        return warn(text, "Use a Python with a newer SQLite when there is one; keep backups.")
    return ok(sqlite3.sqlite_version)


async def check_database(run: CheckRun) -> Result:
    """Check that the database can be opened, is intact, and has this program's schema."""
    found = await database.examine(run.settings.url)
    if found.damage:
        cure = "Stop the bot, keep a copy of the file, and restore a backup."
        return fail(f"the database is damaged: {found.damage}", cure, STORE)
    folder = found.path and found.path.parent
    # Only HEARSAY_HOME is made at the start.
    if folder and folder != run.settings.hearsay_home and (refused := _try_to_write(folder)):
        cure = "Make it, let this user write there, or correct DATABASE_URL."
        return fail(f"the folder {folder} cannot be used: {refused}", cure, STORE)
    if not found.is_there:
        return ok("will be created at the first start")
    if found.schema == "newer":
        text = "the database is newer than this program"
        return fail(text, "Install the version of hearsay that it was last used with.", STORE)
    if found.schema == "old":
        cure = "The next start updates it; or run: hearsay migrate"
        return warn("the database has an older schema", cure)
    if found.is_paused:
        return warn("intact; all work is paused", "When you are done, run: hearsay resume")
    return ok("intact and up to date")


async def check_storage(run: CheckRun) -> Result:
    """Check that an object can be written, read and deleted at STORAGE_URL."""
    url = run.settings.storage_url
    if url is None:
        return ok("not used: sound is in the database")
    from core.store.objects.check import try_storage  # it loads obstore

    try:
        await try_storage(url)
    except StoreError as error:
        cure = "Check STORAGE_URL, the network, and the credentials in the environment."
        return fail(str(error), cure, STORE)
    return ok(f"written, read and deleted at {url}")


async def check_audio(_: CheckRun) -> Result:
    """Check that audio is encoded and decoded: silence to OGG and back."""
    media = Media(workers=1)
    silence = make_silence(1.0)
    try:
        ogg = await media.convert(silence.data, "ogg")
        back = await media.convert(ogg.data, "wav")
    except AssistantError as error:
        cure = "Install hearsay again: PyAV does not work here."
        return fail(f"audio cannot be decoded: {error}", cure, OTHER)
    finally:
        await media.close()
    if abs(back.duration_s - silence.duration_s) > 0.2:
        return fail("audio changes its length when it is decoded", "Report this.", OTHER)
    return ok("OGG is encoded and decoded")


async def check_user(_: CheckRun) -> Result:
    """Check that the program does not run as root."""
    if is_root():
        cure = "Make a user for it, give that user HEARSAY_HOME, and start it as that user."
        return warn("the program runs as root; only what decodes does not", cure)
    return ok("not root")


async def check_sandbox(_: CheckRun) -> Result:
    """Check that what reads files and words of people is kept from everything else."""
    lacks: dict[str, None] = {}
    for make in (partial(Media, workers=1), OfflineTranscriber, OfflineSynthesizer):
        work: Media | WorkerRole = make()
        try:
            await work.warm_up(1)
        except AssistantError as error:
            return fail(f"a worker does not start: {error}", "Install hearsay again.", OTHER)
        finally:
            await work.close()
        lacks |= dict.fromkeys(work.lacks)
    if lacks:
        cure = "Run it on Linux on x86-64 or ARM64, where a container must not forbid seccomp."
        return warn(f"this system lacks a part of the sandbox: {', '.join(lacks)}", cure)
    return ok("decoders reach no files, network, programs or other processes")


def _try_to_write(folder: Path) -> str:
    """Return why no file can be made in a folder, empty if one can."""
    try:
        # Only a try tells: root has every permission, but not on every file system.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def _existing(path: Path) -> Path:
    """Return `path`, or the nearest folder above it that exists."""
    return next(p for p in (path, *path.parents) if p.exists())
