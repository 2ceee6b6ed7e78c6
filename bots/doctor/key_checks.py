"""Checks of the key and other secrets in files: that the key fits, and who could read them."""

from __future__ import annotations

from pathlib import Path

from bots.doctor.results import CheckRun, Result, fail, ok, warn
from bots.exit_codes import CONFIG
from core.config import ENV_FILE, SECRETS, Settings
from core.errors import ConfigError
from core.store.database.check import find_path
from core.store.database.encryption import build_cipher
from core.store.database.key import KeyFit, examine_key, find_keys

_KEY_CURE = "Put the key of this database back: no other one can read what is stored."
#: Permissions of anybody but the owner: all of them, and those to write.
_OTHERS, _OTHERS_WRITE = 0o077, 0o022


async def check_modes(run: CheckRun) -> Result:
    """Check that no other user can read the key and the database, wherever they are."""
    home, key = run.settings.hearsay_home, find_keys(run.settings).path
    if key and _is_open(key, _OTHERS):
        text = f"other users of this machine can read the database key {key}"
        return fail(text, f"Run: chmod 600 {key}", CONFIG)
    for path in _list_database_files(run.settings):
        cure = f"Run: chmod 600 {path}"
        if _is_open(path, _OTHERS_WRITE):
            return fail(f"other users of this machine can change {path}", cure, CONFIG)
        if _is_open(path, _OTHERS):
            return warn(f"other users of this machine can read {path}", cure)
    if home.is_dir() and home.stat().st_mode & _OTHERS:
        return warn(f"other users of this machine can read {home}", f"Run: chmod 700 {home}")
    for path in _list_secret_files(run.settings):
        if _is_open(path, _OTHERS):
            text = f"other users of this machine can read the secrets in {path}"
            return warn(text, f"Run: chmod 600 {path}")
    return ok("only this user can read the database, its key and the settings")


async def check_key(run: CheckRun) -> Result:
    """Check that the key decrypts the database, as every start does."""
    try:
        return await _find_key_fit(run.settings)
    except ConfigError as error:
        return fail(str(error), _KEY_CURE, CONFIG)


async def _find_key_fit(settings: Settings) -> Result:
    """Return what the key decrypts, and where it is. Raises ConfigError, StoreError."""
    source = find_keys(settings)
    if source.path is None or source.path.exists():
        build_cipher(source)  # a malformed key is an error before any use
    fit = await examine_key(settings.url, source)
    if fit is KeyFit.EMPTY:
        return ok("there is nothing to decrypt yet")
    if fit is KeyFit.PART:
        cure = "If you still have that key, set HEARSAY_SECRET_KEY to both: NEW,OLD."
        return warn("a part of the database was encrypted with another key", cure)
    fits = f"{build_cipher(source).key_id.hex()} decrypts the database; it is in"
    if source.path is None:
        return ok(f"{fits} the setting {source.name}")
    is_beside = _is_beside_database(source.path, settings)
    where = "beside the database: whoever copies the folder has both" if is_beside else "apart"
    return ok(f"{fits} {source.path}, {where}")


def _is_beside_database(key: Path, settings: Settings) -> bool:
    """Return whether a copy of the folder of the database has the key, too.

    That folder is HEARSAY_HOME for all that is in it, however deep.
    """
    database = find_path(settings.url)
    if database is None:
        return False
    home, database = settings.hearsay_home.resolve(), database.resolve()
    folder = home if database.is_relative_to(home) else database.parent
    return key.resolve().is_relative_to(folder)


def _list_secret_files(settings: Settings) -> list[Path]:
    """Return the files that tokens, keys and passwords were read from, and .env if it has any.

    What a container or systemd puts below /run is theirs to protect.
    """
    named = [getattr(settings, f"{name}_file") for name in SECRETS]
    files = [path for path in named if path and not path.is_relative_to("/run")]
    return [*files, Path(ENV_FILE).resolve()] if settings.secrets() else files


def _list_database_files(settings: Settings) -> list[Path]:
    database = find_path(settings.url)
    return [Path(f"{database}{end}") for end in ("", "-wal", "-shm")] if database else []


def _is_open(path: Path, modes: int) -> bool:
    """Return whether others have one of these permissions of a file, and can reach its folder."""
    is_one = path.exists() and path.stat().st_mode & modes
    return bool(is_one and path.parent.stat().st_mode & _OTHERS)
