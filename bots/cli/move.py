"""hearsay move: everything from one database to another, SQLite or PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bots.exit_codes import prepare
from bots.home import LOCK_FILE, lock_folder, lock_home
from core.store import find_keys
from core.store.database.check import find_path
from core.store.moving.move import Moved, move
from core.store.moving.sides import check_urls

#: Digits of a hash in the table; `--json` has all 64.
_SHORT = 12


def move_database(source: str, target: str, *, is_json: bool) -> None:
    """Copy everything, and print what each table holds."""
    settings = prepare()
    check_urls(source, target)
    with ExitStack() as stack:
        folders = [path.absolute().parent for url in (source, target) if (path := find_path(url))]
        if folders:  # on PostgreSQL its database tells who runs there
            stack.enter_context(lock_home(settings.hearsay_home))
        for folder in {*folders} - {settings.hearsay_home.absolute()}:
            if (folder / LOCK_FILE).exists():
                stack.enter_context(lock_folder(folder))
        on_progress = stack.enter_context(show_progress())
        moved = move(source, target, find_keys(settings), settings.storage_url, on_progress)
    _print_json(moved) if is_json else _print_table(moved)


@contextmanager
def show_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on stderr if it is a terminal; yield a function that moves it."""
    console = Console(stderr=True, markup=False, highlight=False)
    description = TextColumn("{task.description}", markup=False)
    columns = description, BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=None)
        yield lambda table, done, total: bar.update(
            task, description=table, completed=done, total=total
        )


def _print_table(moved: Moved) -> None:
    table = Table("TABLE", "ROWS", "HASH", box=None)
    for name, content in moved.tables.items():
        table.add_row(name, str(content.rows), content.hash[:_SHORT] if content.rows else "")
    Console(markup=False, highlight=False).print(table)
    typer.echo(f"Moved {moved.rows} rows; both databases hold the same. The source is as it was.")
    if moved.objects:
        found = moved.objects - moved.missing
        typer.echo(f"Sound at STORAGE_URL: {found} of {moved.objects} objects tried are there.")
    typer.echo("Set DATABASE_URL to the target, keep the key and STORAGE_URL, and start again.")


def _print_json(moved: Moved) -> None:
    tables = [
        {"name": name, "rows": content.rows, "hash": content.hash}
        for name, content in moved.tables.items()
    ]
    tried = {"tried": moved.objects, "missing": moved.missing}
    typer.echo(json.dumps({"rows": moved.rows, "tables": tables, "objects": tried}))
