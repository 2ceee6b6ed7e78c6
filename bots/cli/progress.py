"""What commands share whose work takes a while: patience, progress, and why it did not work."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import stamina
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from core.audio import MediaLimits
from core.errors import AssistantError, EngineRefused, UserError
from core.locale import translate

ROUGH = "Transcribed offline, English only: expect mistakes."
_ATTEMPTS = 5
#: How much of the newest words the progress line shows.
_TAIL_CHARS = 40


def try_again() -> AsyncIterable[stamina.Attempt]:
    """Return the attempts at what time may heal, after as long as the service says."""
    return stamina.retry_context(on=_may_heal, attempts=_ATTEMPTS, timeout=None)


def _may_heal(error: Exception) -> bool | float:
    """Tell whether to try again, or after how long if the service says so."""
    if not (isinstance(error, AssistantError) and error.is_retryable):
        return False
    return error.retry_after_s or True


@contextmanager
def show_progress(name: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr, where a person looks on, that work goes on; yield what shows how far."""
    console = Console(stderr=True, markup=False, highlight=False)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[tail]}", markup=False),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(name, total=None, tail="")

        def show(tail: str) -> None:
            bar.update(task, tail=tail)

        yield show


def show_tail(show: Callable[[str], None]) -> Callable[[str], None]:
    """Return what takes a text as it grows and shows the end of it."""
    return lambda text: show(" ".join(text[-_TAIL_CHARS:].split()))


def read_recording(file: Path) -> bytes:
    """Return the file; of one that is too large just enough to have it refused."""
    with file.open("rb") as opened:
        return opened.read(MediaLimits().max_bytes + 1)


def explain(error: AssistantError) -> str:
    """Return what the sender would read where that helps, else what the log would say."""
    if isinstance(error, UserError | EngineRefused):
        return translate(error.user_text, "en", **error.values)
    return str(error)
