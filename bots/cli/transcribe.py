"""hearsay transcribe: transcripts of recordings on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import typer

from bots.cli.progress import NO_SPEECH, ROUGH, explain, transcribe_file
from bots.cli.streams import name_source, print_text, read_recording, write
from bots.exit_codes import prepare
from bots.program import Program, open_program
from core.config import Settings
from core.errors import AssistantError
from core.interfaces import Recording
from core.locale.languages import find_spoken_language
from core.models import Transcript
from core.transcription.subtitles import build_srt, build_vtt

TranscriptFormat = Literal["txt", "srt", "vtt", "json"]


@dataclass
class Output:
    """Where transcripts go: to stdout, or to `path`, one file each."""

    format: TranscriptFormat
    path: Path | None
    is_many: bool
    _written: set[Path] = field(default_factory=set)

    def write(self, source: Path, transcript: Transcript) -> None:
        """Write one transcript. Raises OSError."""
        text = build(self.format, source, transcript)
        if self.path is not None:
            write(self._choose_file(self.path, source), text.encode())
            return
        if self.is_many and self.format == "txt":
            text = f"== {source} ==\n{text}"
        print_text(text)

    def _choose_file(self, path: Path, source: Path) -> Path:
        if not (self.is_many or path.is_dir()):
            return path
        path.mkdir(parents=True, exist_ok=True)
        file = path / f"{source.stem}.{self.format}"
        if file in self._written:
            file = path / f"{source.name}.{self.format}"
        self._written.add(file)
        return file


def transcribe_files(files: Sequence[Path], language: str, output: Output) -> int:
    """Transcribe the files one by one; return 1 if any could not be, else 0."""
    expected = None if language == "auto" else find_spoken_language(language)
    if expected is None and language != "auto":
        raise typer.BadParameter("no such language; try en or German", param_hint="--language")
    return asyncio.run(_run(prepare(), files, expected, output))


async def _run(
    settings: Settings, files: Sequence[Path], language: str | None, output: Output
) -> int:
    code = 0
    async with open_program(settings) as program:
        for file in files:
            source = name_source(file)
            try:
                limit = settings.max_file_bytes
                recording = await asyncio.to_thread(read_recording, file, limit)
                output.write(source, await _transcribe(program, source, recording, language))
            except BrokenPipeError:
                raise  # nobody reads any more
            except OSError as error:
                code = _warn(error.filename, error.strerror or "")
            except AssistantError as error:
                if error.is_parking:
                    raise  # the next file would fail too
                code = _warn(source, explain(error))
    return code


async def _transcribe(
    program: Program, source: Path, recording: Recording, language: str | None
) -> Transcript:
    transcript = await transcribe_file(program, source.name, recording, language)
    if not transcript.text:
        _warn(source, NO_SPEECH)
    if transcript.is_rough:
        _warn(source, ROUGH)
    if transcript.is_cut:
        _warn(source, "A part exceeded the service's limit: some words are missing.")
    return transcript


def _warn(source: Path | str, sentence: str) -> int:
    typer.echo(f"{source}: {sentence}", err=True)
    return 1


def build(format: TranscriptFormat, source: Path, transcript: Transcript) -> str:
    """Return the transcript in this format, ending with a line break."""
    if format == "srt":
        return build_srt(transcript)
    if format == "vtt":
        return build_vtt(transcript)
    if format == "json":
        value = {"file": str(source), **asdict(transcript)}
        return json.dumps(value, ensure_ascii=False) + "\n"
    return f"{transcript.text}\n"
