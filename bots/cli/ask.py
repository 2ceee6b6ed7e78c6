"""hearsay ask: questions about recordings on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bots.cli.progress import ROUGH, explain, read_recording, show_progress, show_tail, try_again
from bots.exit_codes import USAGE, exit_with, prepare
from bots.program import Program, open_program
from core.answering.prompt import QuestionInput, build_question, read_tone, source_text
from core.clock import CLOCK
from core.commands.ask import CUT, THOUGHT, TONE
from core.config import Settings
from core.errors import AudioNotSupported, EngineRefused, UserError
from core.locale import translate
from core.models import Answer, Transcript
from core.safety import defuse
from core.summaries.format import EXTRACT


def ask(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE... QUESTION", help="Recordings, then the question about them."
        ),
    ],
    is_thinking: Annotated[
        bool, typer.Option("--thinking", help="Let the engine think before it answers.")
    ] = False,
) -> None:
    """Ask about recordings. What was answered is kept: the same question costs once a day."""
    *names, question = words
    if not names or not question.strip():
        exit_with('name a recording, then ask: hearsay ask FILE "What do they agree on?"', USAGE)
    case = QuestionInput(question.strip(), CLOCK.now().date(), is_thinking=is_thinking)
    answer, case = asyncio.run(_ask(prepare(), [Path(name) for name in names], case))
    _show(answer, case)


async def _ask(
    settings: Settings, files: Sequence[Path], case: QuestionInput
) -> tuple[Answer, QuestionInput]:
    async with open_program(settings) as program:
        try:
            sounds = [await asyncio.to_thread(read_recording, file) for file in files]
            return await _answer(program, list(zip(files, sounds, strict=True)), case)
        except OSError as error:
            exit_with(f"{error.filename}: {error.strerror}", 1)
        except (UserError, EngineRefused) as error:
            exit_with(explain(error), 1)


async def _answer(
    program: Program, sounds: Sequence[tuple[Path, bytes]], case: QuestionInput
) -> tuple[Answer, QuestionInput]:
    """Ask about the sound where the engine hears, else about what is said."""
    if program.answering.takes_audio:
        try:
            audios = [await program.answering.prepare(data) for _, data in sounds]
            return await _tell(program, replace(case, audios=tuple(audios)))
        except AudioNotSupported:
            pass
    heard = [await _hear(program, file, data) for file, data in sounds]
    if not any(transcript.text for transcript in heard):
        raise UserError("No speech was detected in this recording.")
    return await _tell(program, replace(case, transcripts=tuple(heard)))


async def _hear(program: Program, file: Path, data: bytes) -> Transcript:
    with show_progress(file.name) as show:
        async for attempt in try_again():
            with attempt:
                heard = await program.transcription.transcribe(data, on_text=show_tail(show))
    return heard.transcript


async def _tell(program: Program, case: QuestionInput) -> tuple[Answer, QuestionInput]:
    question = build_question(case)
    with show_progress(program.answering.answerer.name) as show:
        async for attempt in try_again():
            with attempt:
                answer = await program.answering.answer(question, on_text=show_tail(show))
    return answer, case


def _show(answer: Answer, case: QuestionInput) -> None:
    """Print the answer, and on stderr what is to be known of it."""
    text, is_tone = read_tone(answer.text)
    typer.echo(_make_printable(defuse(text.strip(), source_text(case))))
    notes = {
        TONE: is_tone and bool(case.audios),
        THOUGHT: answer.is_thought,
        CUT: answer.is_cut,
        EXTRACT: answer.is_extract,
        ROUGH: any(transcript.is_rough for transcript in case.transcripts),
    }
    for note, applies in notes.items():
        if applies:
            typer.echo(translate(note, "en"), err=True)


def _make_printable(text: str) -> str:
    """Return a model's text such that it cannot steer the terminal."""
    return "".join(c for c in text if c.isprintable() or c in "\n\u2060")
