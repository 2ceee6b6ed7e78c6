"""The commands of `hearsay` that keep what is stored, and their options.

What does the work is imported when a command runs, as in `commands`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bots.cli.commands import Json

#: Of what people are told.
_MOST_CHARS = 500


def backup(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="A folder that is there, such as on another disk; default: backups in "
            "HEARSAY_HOME.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Delete all but so many backups of this database in the folder."),
    ] = None,
    is_json: Json = False,
) -> None:
    """Write the whole database to one encrypted file, also while the bot runs, and read it back.

    The key is not in it. Neither is sound at STORAGE_URL.
    """
    from bots.cli.backup import back_up

    back_up(folder, keep, is_json=is_json)


def restore(
    file: Annotated[Path, typer.Argument(help="A backup, of either kind of database.")],
    is_check: Annotated[
        bool, typer.Option("--check", help="Only verify the backup; restore nothing.")
    ] = False,
    skips: Annotated[
        bool,
        typer.Option(
            "--skip-open",
            help="Do not answer what was open in the backup: after a disaster the lost bot may "
            "have answered it. Each becomes a dead letter.",
        ),
    ] = False,
    is_json: Json = False,
) -> None:
    """Restore a backup into the database of the settings, which has to be empty or new.

    The key that it was encrypted with has to be there already.
    """
    from bots.cli.backup import check, restore_backup

    if is_check:
        check(file, is_json=is_json)
    else:
        restore_backup(file, skips=skips, is_json=is_json)


def show_fingerprints(is_json: Json = False) -> None:
    """Print what tells the keys apart, and from which no key can be computed."""
    from bots.cli.keys import print_fingerprints

    print_fingerprints(is_json=is_json)


def pause(
    message: Annotated[
        str,
        typer.Option("-m", "--message", help="What people are told, in place of the usual words."),
    ] = "",
) -> None:
    """Begin no new work, also in a bot that runs: what comes in is kept until hearsay resume."""
    text = " ".join(message.split())
    if len(text) > _MOST_CHARS:
        raise typer.BadParameter(f"at most {_MOST_CHARS} characters", param_hint="--message")
    from bots.cli.jobs import pause_all

    pause_all(is_on=True, text=text)


def resume() -> None:
    """Go on with what has waited since hearsay pause, or /admin pause."""
    from bots.cli.jobs import pause_all

    pause_all(is_on=False)
