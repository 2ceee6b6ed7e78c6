"""hearsay say and hearsay voices: speech files from text, and the voices to choose from."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from bots.cli.progress import explain, retry, show_progress
from bots.cli.streams import DASH, read_text, write
from bots.exit_codes import USAGE, exit_with, prepare
from bots.program import open_program
from core.config import Settings
from core.engines import Engines
from core.errors import EngineRefused, SynthesizerMissing, UserError
from core.locale import translate
from core.locale.languages import name_language
from core.models import Voice
from core.synthesis.pipeline import Format, SynthesisPipeline, SynthesisResult, VoiceStyle

#: Formats by file extension.
_FORMATS: dict[str, Format] = {".ogg": "ogg", ".wav": "wav", ".mp3": "mp3"}


@dataclass(frozen=True)
class SpeechFile:
    """Where speech goes: a file or standard output, and its format."""

    path: Path
    format: Format


def choose_output(path: str, format: Format | None) -> SpeechFile:
    """Return where to write; a mistake ends the command before anything is paid for."""
    if not path:
        exit_with("name the file with -o, such as -o out.ogg, or - for standard output", USAGE)
    file = Path(path)
    if file == DASH:
        if sys.stdout.isatty():
            exit_with("-o - is for other programs, such as: hearsay say Hi -o - | aplay", USAGE)
        return SpeechFile(file, format or "wav")
    format = format or _FORMATS.get(file.suffix.lower())
    if format is None:
        exit_with(f"-o {file} must end in .ogg, .wav or .mp3, or name a --format", USAGE)
    if not file.parent.is_dir():
        exit_with(f"-o {file}: the folder {file.parent} does not exist", USAGE)
    if file.is_dir():
        exit_with(f"-o {file} is a folder: add a file name", USAGE)
    return SpeechFile(file, format)


def speak(text: str, output: SpeechFile, voice_style: tuple[str, str]) -> None:
    """Write the speech of a text, or of standard input for "-"."""
    result = asyncio.run(_say(prepare(), read_text(text), output, voice_style))
    write(output.path, result.file.data)
    if result.note:
        typer.echo(f"{output.path}: {translate(result.note, 'en')}", err=True)


def list_voices(*, is_json: bool) -> None:
    """Print the voices of the configured engine."""
    found = asyncio.run(_find_voices(prepare()))
    if is_json:
        names = ("voice_id", "name", "language", "gender")
        listed = [{name: getattr(voice, name) for name in names} for voice in found]
        typer.echo(json.dumps({"voices": listed}, ensure_ascii=False, indent=2))
        return
    if not found:
        exit_with(SynthesizerMissing.user_text, 1)
    table = Table("Name", "Language", "Gender", box=box.SIMPLE_HEAD, pad_edge=False)
    for one in found:
        table.add_row(one.name, name_language(one.language, "en"), one.gender)
    Console(markup=False, highlight=False).print(table)


async def _say(
    settings: Settings, text: str, output: SpeechFile, voice_style: tuple[str, str]
) -> SynthesisResult:
    async with open_program(settings) as program:
        chosen = VoiceStyle(_pick_voice(program.synthesis, voice_style[0]), voice_style[1])
        try:
            return await _synthesize(program.synthesis, text, output, chosen)
        except (UserError, EngineRefused) as error:
            exit_with(explain(error), 1)


async def _synthesize(
    synthesis: SynthesisPipeline, text: str, output: SpeechFile, voice_style: VoiceStyle
) -> SynthesisResult:
    with show_progress(output.path.name) as show:
        async for attempt in retry():
            with attempt:
                result = await synthesis.synthesize(
                    text, voice_style, on_progress=show, format=output.format
                )
    return result


def _pick_voice(synthesis: SynthesisPipeline, name: str) -> str | None:
    if not name:
        return None
    voices = synthesis.synthesizer.voices()
    if not voices:
        return None  # the engine says what is missing
    for one in voices:
        if name.lower() in (one.name.lower(), one.voice_id.lower()):
            return one.voice_id
    exit_with(f"{synthesis.synthesizer.name} has no voice {name}: see hearsay voices", 1)


async def _find_voices(settings: Settings) -> tuple[Voice, ...]:
    engines = Engines(settings)
    try:
        return engines.synthesizer().voices()
    finally:
        await engines.close()
