"""hearsay transcribe: what recordings on this machine say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bots.cli.progress import ROUGH, explain, read_recording, show_progress, show_tail, try_again
from bots.exit_codes import prepare
from bots.program import open_program
from core.config import Settings
from core.errors import AssistantError
from core.models import Transcript
from core.transcription.pipeline import TranscriptionPipeline
from core.transcription.subtitles import build_srt


class OutputFormat(StrEnum):
    """What a transcript can be written as."""

    TXT = "txt"
    SRT = "srt"
    JSON = "json"


@dataclass
class Output:
    """Where results go: to stdout, or to `place`, one file each."""

    form: OutputFormat
    place: Path | None
    is_many: bool
    _written: set[Path] = field(default_factory=set)

    def write(self, source: Path, transcript: Transcript) -> None:
        """Write one result. Raises OSError."""
        text = build(self.form, source, transcript)
        if self.place is not None:
            self._target(self.place, source).write_text(text, encoding="utf-8")
            return
        if self.is_many and self.form is OutputFormat.TXT:
            text = f"== {source} ==\n{text}"
        typer.echo(text, nl=False)

    def _target(self, place: Path, source: Path) -> Path:
        if not (self.is_many or place.is_dir()):
            return place
        place.mkdir(parents=True, exist_ok=True)
        target = place / f"{source.stem}.{self.form}"
        if target in self._written:
            target = place / f"{source.name}.{self.form}"
        self._written.add(target)
        return target


def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Recordings.")],
    language: Annotated[
        str, typer.Option(help="What is spoken: en, zh, … or auto to find out.")
    ] = "auto",
    form: Annotated[
        OutputFormat,
        typer.Option("--format", help="txt: the words; srt: subtitles; json: all of it."),
    ] = OutputFormat.TXT,
    place: Annotated[
        Path | None, typer.Option("-o", "--output", help="A file, or a folder for several.")
    ] = None,
) -> None:
    """Write down what recordings say. Results are kept: to ask again costs nothing."""
    if form is OutputFormat.SRT and len(files) > 1 and place is None:
        raise typer.BadParameter("several files as srt need a folder", param_hint="-o")
    output = Output(form, place, len(files) > 1)
    spoken = None if language == "auto" else language
    raise typer.Exit(asyncio.run(_run(prepare(), files, spoken, output)))


async def _run(
    settings: Settings, files: Iterable[Path], language: str | None, output: Output
) -> int:
    """Hear the files one by one; return 1 if any could not be, else 0."""
    code = 0
    async with open_program(settings) as program:
        for file in files:
            try:
                output.write(file, await _hear(program.transcription, file, language))
            except OSError as error:
                code = _complain(error.filename or file, error.strerror or "")
            except AssistantError as error:
                if error.is_parking:
                    raise  # the next file would fare no better
                code = _complain(file, explain(error))
    return code


async def _hear(
    transcription: TranscriptionPipeline, file: Path, language: str | None
) -> Transcript:
    data = await asyncio.to_thread(read_recording, file)
    with show_progress(file.name) as show:
        on_text = show_tail(show)
        async for attempt in try_again():
            with attempt:
                heard = await transcription.transcribe(data, language=language, on_text=on_text)
    _comment(file, heard.transcript)
    return heard.transcript


def _comment(file: Path, transcript: Transcript) -> None:
    if not transcript.text:
        _complain(file, "No speech was detected in this recording.")
    if transcript.is_rough:
        _complain(file, ROUGH)
    if transcript.is_cut:
        _complain(file, "A part exceeded the service's limit: some words are missing.")


def _complain(file: Path | str, sentence: str) -> int:
    typer.echo(f"{file}: {sentence}", err=True)
    return 1


def build(form: OutputFormat, source: Path, transcript: Transcript) -> str:
    """Return the transcript as text of this form, with a line break at its end."""
    if form is OutputFormat.SRT:
        return build_srt(transcript)
    if form is OutputFormat.JSON:
        value = {"file": str(source), **asdict(transcript)}
        return json.dumps(value, ensure_ascii=False) + "\n"
    return f"{transcript.text}\n"
