"""hearsay backup and hearsay restore: the whole database in one encrypted file, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import typer

from bots.cli.move import show_progress
from bots.exit_codes import prepare
from bots.home import LOCK_FILE, lock_folder, lock_home, make_home
from core.clock import CLOCK
from core.config import Settings
from core.store.backups.making import Backup, Subject, make_backup
from core.store.backups.manifest import Manifest
from core.store.backups.restoring import (
    Restored,
    Restoring,
    check_backup,
    restore,
)
from core.store.backups.snapshot import open_workspace
from core.store.backups.unpacking import open_backup
from core.store.database.check import find_path
from core.store.database.key import find_keys

#: In HEARSAY_HOME, where no other folder is named.
FOLDER = "backups"


def back_up(folder: Path | None, keep: int | None, *, is_json: bool) -> None:
    """Write a backup to a folder, and print what it holds."""
    settings = prepare()
    home = settings.hearsay_home
    make_home(home)
    subject = Subject(settings.url, find_keys(settings), home, CLOCK.now())
    with show_progress() as on_progress:
        made = make_backup(subject, folder or _make_folder(home / FOLDER), keep, on_progress)
    _print_json(_describe_backup(made)) if is_json else _print_backup(made, settings)


def restore_backup(path: Path, *, skips: bool, is_json: bool) -> None:
    """Restore a backup into the empty database of the settings, and print what it holds."""
    settings = prepare()
    keys = find_keys(settings)
    to = Restoring(settings.url, keys, settings.storage_url, CLOCK.now() if skips else None)
    with ExitStack() as stack:
        file = stack.enter_context(open_backup(path, keys))
        workspace = stack.enter_context(_settle_in(settings))
        on_progress = stack.enter_context(show_progress())
        done = restore(file, to, workspace, on_progress)
    _print_json(_describe_restored(done)) if is_json else _print_restored(done, settings)


def check(path: Path, *, is_json: bool) -> None:
    """Read a backup as a restore does, and print what it holds. Nothing stays."""
    settings = prepare()
    keys = find_keys(settings)
    with open_backup(path, keys) as file:
        make_home(settings.hearsay_home)
        with open_workspace(settings.hearsay_home) as workspace:
            found = check_backup(file, keys, workspace)
    if is_json:
        _print_json(_describe_restored(found))
        return
    typer.echo(f"{path} is whole: {_sum_up(found.manifest)}.")


def _make_folder(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def _settle_in(settings: Settings) -> Iterator[Path]:
    """Keep other processes out of where a backup is restored; yield a folder to work in."""
    path, home = find_path(settings.url), settings.hearsay_home
    with ExitStack() as stack:
        stack.enter_context(lock_home(home))
        folder = path.absolute().parent if path else home.absolute()
        if folder != home.absolute():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if (folder / LOCK_FILE).exists():
                stack.enter_context(lock_folder(folder))
        yield stack.enter_context(open_workspace(folder))


def _sum_up(manifest: Manifest) -> str:
    moment = manifest.created_at.isoformat(" ", "minutes")
    return f"{manifest.rows} rows of {moment}, by hearsay {manifest.version}"


def _print_backup(made: Backup, settings: Settings) -> None:
    size = f"{made.size_bytes / 1e6:.1f} MB, {made.manifest.rows} rows"
    typer.echo(f"Wrote {made.path}: {size}, read back and verified.")
    keys = " and ".join(made.manifest.keys)
    typer.echo(f"What opens it is not in it, keep a copy apart: the key {keys}.")
    _print_objects(made.manifest, settings)
    if made.deleted:
        typer.echo(f"Deleted older backups: {len(made.deleted)}.")


def _print_restored(done: Restored, settings: Settings) -> None:
    typer.echo(f"Restored {_sum_up(done.manifest)}; all of it was verified.")
    typer.echo(f"Messages that waited for an answer get it after the start: {done.open_jobs}.")
    if done.skipped_jobs:
        typer.echo(
            f"Messages that are not answered: {done.skipped_jobs}. hearsay jobs list shows them as "
            "dead letters, hearsay jobs retry ID answers one."
        )
    _print_objects(done.manifest, settings)


def _print_objects(manifest: Manifest, settings: Settings) -> None:
    if manifest.objects:
        where = settings.storage_url or "STORAGE_URL, which is not set"
        typer.echo(f"Sound that is not in the backup: {manifest.objects} objects at {where}.")


def _describe_backup(made: Backup) -> dict[str, Any]:
    deleted = [str(path) for path in made.deleted]
    about = {"path": str(made.path), "size_bytes": made.size_bytes}
    return {**about, **_describe(made.manifest), "deleted": deleted}


def _describe_restored(done: Restored) -> dict[str, Any]:
    jobs = {"open_jobs": done.open_jobs, "skipped_jobs": done.skipped_jobs}
    return {**_describe(done.manifest), **jobs}


def _describe(manifest: Manifest) -> dict[str, Any]:
    return {
        "created_at": manifest.created_at.isoformat(timespec="seconds"),
        "version": manifest.version,
        "revision": manifest.revision,
        "keys": [*manifest.keys],
        "database": manifest.kind,
        "rows": manifest.rows,
        "tables": dict(manifest.tables),
        "objects": manifest.objects,
    }


def _print_json(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, indent=2))
