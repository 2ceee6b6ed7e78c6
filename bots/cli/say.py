"""hearsay say and hearsay voices: speech files from text, and the voices to choose from."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from bots.cli.progress import explain, retry, show_progress
from bots.exit_codes import USAGE, exit_with, prepare
from bots.program import open_program
from core.config import Settings
from core.engines import Engines
from core.errors import EngineRefused, SynthesizerMissing, UserError
from core.locale import translate
from core.locale.languages import name_language
from core.models import Voice
from core.synthesis.pipeline import Format, SynthesisPipeline, SynthesisResult, VoiceStyle

#: By file extension.
_FORMATS: dict[str, Format] = {".ogg": "ogg", ".wav": "wav", ".mp3": "mp3"}


def say(
    text: Annotated[str, typer.Argument(help="The text to speak.")],
    path: Annotated[
        str, typer.Option("-o", "--output", help="Output file: .ogg, .wav or .mp3.")
    ] = "",
    voice: Annotated[str, typer.Option(help="The voice; hearsay voices lists them.")] = "",
    style: Annotated[str, typer.Option(help='The speaking style, such as "warm, slow".')] = "",
) -> None:
    """Speak a text into a file. Speech is stored: repeating the command costs nothing."""
    file = _read_path(path)
    result = asyncio.run(_say(prepare(), text, file, (voice, style)))
    file.write_bytes(result.file.data)
    if result.note:
        typer.echo(f"{file}: {translate(result.note, 'en')}", err=True)


def voices() -> None:
    """List the voices of the configured engine."""
    found = asyncio.run(_find_voices(prepare()))
    if not found:
        exit_with(SynthesizerMissing.user_text, 1)
    table = Table("Name", "Language", "Gender", box=box.SIMPLE_HEAD, pad_edge=False)
    for one in found:
        table.add_row(one.name, name_language(one.language, "en"), one.gender)
    Console(markup=False, highlight=False).print(table)


def _read_path(path: str) -> Path:
    """Return the file to write; a mistake ends the command before anything is paid for."""
    if path in ("", "-"):
        exit_with("name the file with -o, such as -o out.ogg", USAGE)
    file = Path(path)
    if file.suffix.lower() not in _FORMATS:
        exit_with(f"-o {file} must end in .ogg, .wav or .mp3", USAGE)
    if not file.parent.is_dir() or file.is_dir():
        exit_with(f"-o {file}: the folder does not exist, or this is a folder", USAGE)
    return file


async def _say(
    settings: Settings, text: str, file: Path, voice_style: tuple[str, str]
) -> SynthesisResult:
    async with open_program(settings) as program:
        chosen = VoiceStyle(_pick_voice(program.synthesis, voice_style[0]), voice_style[1])
        try:
            return await _synthesize(program.synthesis, text, file, chosen)
        except (UserError, EngineRefused) as error:
            exit_with(explain(error), 1)


async def _synthesize(
    synthesis: SynthesisPipeline, text: str, file: Path, voice_style: VoiceStyle
) -> SynthesisResult:
    with show_progress(file.name) as show:
        async for attempt in retry():
            with attempt:
                length_s = 0.0

                def show_length(pcm: bytes, rate_hz: int) -> None:
                    nonlocal length_s
                    length_s += len(pcm) / 2 / rate_hz
                    show(f"{length_s:.0f} s of speech")

                format = _FORMATS[file.suffix.lower()]
                result = await synthesis.synthesize(
                    text, voice_style, on_audio=show_length, format=format
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
