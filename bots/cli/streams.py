"""Files of the command line, with - for standard input and output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from bots.common.chat import clean
from bots.common.files import read_file
from bots.exit_codes import USAGE, exit_with
from core.interfaces import Recording

#: Standard input, or standard output.
DASH = Path("-")
#: What errors call standard output.
_STDOUT = Path("stdout")
#: Longest text from standard input, far beyond what engines take.
_TEXT_BYTES = 1_000_000


def name_source(file: Path) -> Path:
    """Return the name to show for a file to read."""
    return Path("stdin") if file == DASH else file


def read_recording(file: Path, max_bytes: int) -> Recording:
    """Return the file's content; of a pipe, if it is too large, just enough to be refused."""
    if file == DASH:
        return _read_stdin("a recording", max_bytes + 1)
    with _name_errors(file):
        if file.is_file():
            return read_file(file)
        with file.open("rb") as pipe:
            return pipe.read(max_bytes + 1)


def read_text(text: str) -> str:
    """Return the text of an argument, or what standard input has if it is a dash."""
    if text != str(DASH):
        return text
    return _read_stdin("a text", _TEXT_BYTES).decode(errors="replace").strip()


def write(file: Path, data: bytes) -> None:
    """Write a file or standard output. Raises OSError with the name of the file."""
    if file != DASH:
        with _name_errors(file):
            file.write_bytes(data)
        return
    with _name_errors(_STDOUT):
        sys.stdout.buffer.write(data)
        sys.stdout.flush()


def print_text(text: str) -> None:
    """Print a text of people or models, without control sequences for the terminal."""
    with _name_errors(_STDOUT):
        typer.echo(clean(text), nl=False)


@contextmanager
def _name_errors(file: Path) -> Iterator[None]:
    """Add the name of the file to errors that have none, such as those of a full disk."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(file)
        raise


def _read_stdin(what: str, limit: int) -> bytes:
    if sys.stdin.isatty():
        exit_with(f"- reads {what} from standard input: send it with | or <", USAGE)
    with _name_errors(name_source(DASH)):
        return sys.stdin.buffer.read(limit)
