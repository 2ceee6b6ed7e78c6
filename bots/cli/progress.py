"""What the longer commands share: retries, progress on the terminal, error texts."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterator
from contextlib import contextmanager

import rich.progress
import stamina
from rich.console import Console
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from bots.program import Program
from core.errors import (
    AnswererMissing,
    AssistantError,
    EngineRefused,
    LanguageUnsupported,
    SynthesizerMissing,
    TranscriberMissing,
    UserError,
)
from core.interfaces import Recording
from core.locale import translate
from core.models import Transcript
from core.transcription.progress import Progress, describe_state

NO_SPEECH = "No speech was detected in this recording."
ROUGH = "Rough English transcript, made offline: expect mistakes."
#: Texts of the core that speak to people in a chat -> what the operator reads, who is alone here.
WORDING = {
    LanguageUnsupported.user_text: "The offline engine transcribes English only. For other "
    "languages set MIMO_API_KEY or OPENAI_BASE_URL. If this is English after all: "
    "--language English",
    TranscriberMissing.user_text: "Recordings cannot be transcribed here yet. Set MIMO_API_KEY or "
    "OPENAI_BASE_URL, or install the offline transcription with: make offline",
    SynthesizerMissing.user_text: "Nothing can be read aloud yet. Install the voices with: apt "
    "install espeak-ng",
    AnswererMissing.user_text: "This needs a language model, and none is set up here. Set "
    "MIMO_API_KEY or OPENAI_BASE_URL.",
}
_ATTEMPTS = 5
#: How much of the newest text the progress line shows.
_TAIL_CHARS = 40


def retry() -> AsyncIterable[stamina.Attempt]:
    """Return attempts, for errors that pass, after as long as the service says."""

    def wait(error: Exception) -> bool | float:
        if not (isinstance(error, AssistantError) and error.is_retryable):
            return False
        return error.retry_after_s or True

    return stamina.retry_context(on=wait, attempts=_ATTEMPTS, timeout=None)


@contextmanager
def show_progress(name: str) -> Iterator[Callable[[str | Progress], None]]:
    """Show a spinner on stderr if it is a terminal; yield a function that shows what is new.

    That is the end of a growing text, or how far a long recording is.
    """
    console = Console(stderr=True, markup=False, highlight=False)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[tail]}", markup=False),
    )
    with rich.progress.Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(name, total=None, tail="")
        yield lambda update: bar.update(task, tail=_describe(update))


def _describe(update: str | Progress) -> str:
    if isinstance(update, Progress) and update.total_s is not None:
        return describe_state(update, "en")
    text = update.text if isinstance(update, Progress) else update
    return " ".join(text[-_TAIL_CHARS:].split())


async def transcribe_file(
    program: Program, name: str, recording: Recording, language: str | None = None
) -> Transcript:
    """Transcribe one recording and show progress. Raises AssistantError."""
    with show_progress(name) as show:
        async for attempt in retry():
            with attempt:
                stored = await program.transcription.transcribe(
                    recording, language=language, on_progress=show
                )
    return stored.transcript


def explain(error: AssistantError) -> str:
    """Return the text for people where the error has one, else the text for the log."""
    if isinstance(error, UserError | EngineRefused):
        text = WORDING.get(error.user_text, error.user_text)
        return translate(text, "en", **{"failure": "", **error.values}).strip()
    return str(error)
