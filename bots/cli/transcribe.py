"""hearsay transcribe: transcripts of recordings on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bots.cli.progress import NO_SPEECH, ROUGH, explain, read_recording, transcribe_file
from bots.exit_codes import prepare
from bots.program import Program, open_program
from core.config import Settings
from core.errors import AssistantError
from core.locale.languages import find_spoken_language
from core.models import Transcript
from core.transcription.subtitles import build_srt


class OutputFormat(StrEnum):
    """Format of a transcript."""

    TXT = "txt"
    SRT = "srt"
    JSON = "json"


@dataclass
class Output:
    """Where transcripts go: to stdout, or to `path`, one file each."""

    format: OutputFormat
    path: Path | None
    is_many: bool
    _written: set[Path] = field(default_factory=set)

    def write(self, source: Path, transcript: Transcript) -> None:
        """Write one transcript. Raises OSError."""
        text = build(self.format, source, transcript)
        if self.path is not None:
            self._choose_file(self.path, source).write_text(text, encoding="utf-8")
            return
        if self.is_many and self.format is OutputFormat.TXT:
            text = f"== {source} ==\n{text}"
        typer.echo(text, nl=False)

    def _choose_file(self, path: Path, source: Path) -> Path:
        if not (self.is_many or path.is_dir()):
            return path
        path.mkdir(parents=True, exist_ok=True)
        file = path / f"{source.stem}.{self.format}"
        if file in self._written:
            file = path / f"{source.name}.{self.format}"
        self._written.add(file)
        return file


def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Recordings.")],
    language: Annotated[
        str, typer.Option(help="The language spoken: en, German, …, or auto to detect it.")
    ] = "auto",
    format: Annotated[
        OutputFormat, typer.Option(help="txt: plain text; srt: subtitles; json: everything.")
    ] = OutputFormat.TXT,
    path: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Output file, or a folder for several files."),
    ] = None,
) -> None:
    """Transcribe recordings. Transcripts are stored: repeating the command costs nothing."""
    if format is OutputFormat.SRT and len(files) > 1 and path is None:
        raise typer.BadParameter("several files as srt need a folder", param_hint="-o")
    output = Output(format, path, len(files) > 1)
    expected = None if language == "auto" else find_spoken_language(language)
    if expected is None and language != "auto":
        raise typer.BadParameter("no such language; try en or German", param_hint="--language")
    raise typer.Exit(asyncio.run(_run(prepare(), files, expected, output)))


async def _run(
    settings: Settings, files: Iterable[Path], language: str | None, output: Output
) -> int:
    """Transcribe the files one by one; return 1 if any could not be, else 0."""
    code = 0
    async with open_program(settings) as program:
        for file in files:
            try:
                output.write(file, await _transcribe(program, file, language))
            except OSError as error:
                code = _warn(error.filename or file, error.strerror or "")
            except AssistantError as error:
                if error.is_parking:
                    raise  # the next file would fail too
                code = _warn(file, explain(error))
    return code


async def _transcribe(program: Program, file: Path, language: str | None) -> Transcript:
    data = await asyncio.to_thread(read_recording, file)
    transcript = await transcribe_file(program, file.name, data, language)
    if not transcript.text:
        _warn(file, NO_SPEECH)
    if transcript.is_rough:
        _warn(file, ROUGH)
    if transcript.is_cut:
        _warn(file, "A part exceeded the service's limit: some words are missing.")
    return transcript


def _warn(file: Path | str, sentence: str) -> int:
    typer.echo(f"{file}: {sentence}", err=True)
    return 1


def build(format: OutputFormat, source: Path, transcript: Transcript) -> str:
    """Return the transcript in this format, ending with a line break."""
    if format is OutputFormat.SRT:
        return build_srt(transcript)
    if format is OutputFormat.JSON:
        value = {"file": str(source), **asdict(transcript)}
        return json.dumps(value, ensure_ascii=False) + "\n"
    return f"{transcript.text}\n"
