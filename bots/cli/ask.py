"""hearsay ask: questions about recordings on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import typer

from bots.cli.progress import (
    NO_SPEECH,
    ROUGH,
    explain,
    retry,
    show_progress,
    transcribe_file,
)
from bots.cli.streams import name_source, print_text, read_recording
from bots.exit_codes import USAGE, exit_with, prepare
from bots.program import Program, open_program
from core.answering.prompt import QuestionInput, build_question, read_tone, source_text
from core.clock import CLOCK
from core.commands.ask import CUT, THOUGHT, TONE
from core.config import Settings
from core.errors import AudioNotSupported, EngineRefused, UserError
from core.interfaces import Recording
from core.locale import translate
from core.models import Answer
from core.safety import defuse
from core.summaries.format import EXTRACT


def ask_question(words: Sequence[str], *, is_thinking: bool) -> None:
    """Print the answer to the last of `words`; the others are recordings."""
    *names, question = words
    if not names or not question.strip():
        exit_with('name a recording, then ask: hearsay ask FILE "What do they agree on?"', USAGE)
    case = QuestionInput(question.strip(), CLOCK.now().date(), is_thinking=is_thinking)
    answer, case = asyncio.run(_ask(prepare(), [Path(name) for name in names], case))
    _print(answer, case)


async def _ask(
    settings: Settings, files: Sequence[Path], case: QuestionInput
) -> tuple[Answer, QuestionInput]:
    async with open_program(settings) as program:
        try:
            limit = settings.max_file_bytes
            recordings = [await asyncio.to_thread(read_recording, file, limit) for file in files]
            return await _answer(program, list(zip(files, recordings, strict=True)), case)
        except OSError as error:
            exit_with(f"{error.filename}: {error.strerror}", 1)
        except (UserError, EngineRefused) as error:
            exit_with(explain(error), 1)


async def _answer(
    program: Program, recordings: Sequence[tuple[Path, Recording]], case: QuestionInput
) -> tuple[Answer, QuestionInput]:
    """Ask about the audio if the engine takes audio, else about its transcript."""
    if program.answering.takes_audio:
        with suppress(AudioNotSupported):
            audios = [await program.answering.prepare(data) for _, data in recordings]
            return await _call_engine(program, replace(case, audios=tuple(audios)))
    transcripts = [
        await transcribe_file(program, name_source(file).name, data) for file, data in recordings
    ]
    if not any(transcript.text for transcript in transcripts):
        raise UserError(NO_SPEECH)
    return await _call_engine(program, replace(case, transcripts=tuple(transcripts)))


async def _call_engine(program: Program, case: QuestionInput) -> tuple[Answer, QuestionInput]:
    question = build_question(case)
    with show_progress(program.answering.answerer.name) as show:
        async for attempt in retry():
            with attempt:
                answer = await program.answering.answer(question, on_text=show)
    return answer, case


def _print(answer: Answer, case: QuestionInput) -> None:
    """Print the answer, and on stderr what limits it."""
    text, is_tone = read_tone(answer.text)
    print_text(f"{defuse(text.strip(), source_text(case))}\n")
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
