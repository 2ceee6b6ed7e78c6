"""A summary that is heard: written as a script by the engine, spoken in several voices."""

from __future__ import annotations

import asyncio

from core.answering.pipeline import AnsweringPipeline
from core.models import File
from core.safety import defuse, restore_links
from core.summaries.format import ToldSummary
from core.summaries.prompt import SummaryTask, write
from core.summaries.script import (
    ScriptLine,
    ask_script,
    cast_voices,
    read_script,
    script_of,
    shorten_script,
)
from core.synthesis.pipeline import MAX_CHARS, SynthesisPipeline, VoiceStyle

SHORT_S = 60
#: About as much as is said at once.
FULL_S = 300


async def write_script(
    answering: AnsweringPipeline, told: ToldSummary, task: SummaryTask, *, is_full: bool
) -> list[ScriptLine]:
    """Return the lines that tell a summary. Raises EngineError."""
    seconds = FULL_S if is_full else SHORT_S
    names = dict.fromkeys(told.talk.name(message) for message in told.talk.messages)
    if told.summary.is_extract:
        lines = script_of(told.summary, names)
    else:
        answer = await answering.answer(ask_script(told.summary, names, task, seconds))
        # Nobody is told by voice either to go where the talk led nobody.
        said = restore_links(defuse(answer.text, write(told.summary)))
        lines = read_script(said, names) or script_of(told.summary, names)
    return await asyncio.to_thread(shorten_script, lines, seconds)


async def speak_script(
    synthesis: SynthesisPipeline,
    lines: list[ScriptLine],
    told: ToldSummary,
    language: str,
    *,
    is_full: bool,
) -> File:
    """Return a script as one voice note. Raises UserError, EngineError."""
    voices = cast_voices(told.talk, synthesis.synthesizer.voices(), language)
    dialogue = [(line.text, VoiceStyle(voices.get(line.speaker), line.style)) for line in lines]
    if is_full:
        while len(dialogue) > 1 and sum(len(text) + 1 for text, _ in dialogue) > MAX_CHARS:
            dialogue.pop()
        return await synthesis.synthesize_dialogue(dialogue)
    file = await synthesis.synthesize_dialogue(dialogue)
    # What was said is kept, so that a shorter form of it costs nothing.
    while (file.duration_s or 0.0) > SHORT_S and len(dialogue) > 1:
        dialogue.pop()
        file = await synthesis.synthesize_dialogue(dialogue)
    return file
