"""Questions and texts of `hearsay init` on the terminal. Ctrl-C and Ctrl-D end the program."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from getpass import getpass

import typer

_MAX_COLUMNS = 100


def tell(text: str = "", indent: str = "") -> None:
    """Print a paragraph; addresses in it are not broken.

    indent: of all lines but the first.
    """
    width = min(shutil.get_terminal_size().columns, _MAX_COLUMNS)
    lines = textwrap.wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    typer.echo("\n".join(lines))


def title(text: str) -> None:
    """Print the title of a group of questions."""
    tell()
    typer.secho(text, bold=True)


def ask(question: str) -> str:
    """Return what was typed, empty for Enter alone."""
    answer: str = typer.prompt(question, default="", show_default=False)
    return answer.strip()


def ask_secret(question: str) -> str:
    """Return what was typed without showing it, empty for Enter alone."""
    try:
        # Typer shows its question before it hides what is typed.
        return getpass(f"{question}: ").strip()
    except EOFError:
        raise typer.Abort from None


def confirm(question: str, *, default: bool) -> bool:
    """Return whether the answer was yes; Enter alone is the default."""
    return typer.confirm(question, default=default)


def choose(question: str, choices: Mapping[str, str], default: str) -> str:
    """Return the word of one of `choices`, which are words with what they mean.

    What was typed may be the beginning of one.
    """
    for word, meaning in choices.items():
        tell(f"  {word}: {meaning}", indent="    ")
    while True:
        typed: str = typer.prompt(question, default=default)
        found = [word for word in choices if word.startswith(typed.strip().lower())]
        if len(found) == 1:
            return found[0]
        tell(f"Type {' or '.join(choices)}.")
