"""Spoken summaries: a script for a host and one voice per participant, and its synthesis."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from core import safety
from core.answering.pipeline import AnsweringPipeline
from core.models import File, Question, Turn, Voice
from core.safety import defuse, restore_links
from core.summaries.format import TalkSummary
from core.summaries.parse import drop_labels
from core.summaries.points import Summary
from core.summaries.prompt import SummaryTask, format_for_prompt
from core.summaries.prompt_input import Talk
from core.synthesis.pipeline import VoiceStyle
from core.synthesis.progress import estimate_s
from core.synthesis.refusals import MAX_CHARS
from core.synthesis.voice_choice import assign_voice, voices_for_language

#: Returns lines, each in its voice, as one voice note.
Synthesize = Callable[[Sequence[tuple[str, VoiceStyle]]], Awaitable[File]]

SHORT_S = 60
#: About MAX_CHARS of speech.
FULL_S = 300
#: The name of the host in a script.
HOST = "HOST"
_SPEAKER = re.compile(
    r"^\W*(?P<name>[^:：(（\n]{1,40}?)\s*(?:[(（](?P<style>[^)）]{1,30})[)）])?[*\s]*[:：]"
)
_JOINER = "\u2060"

_RULES = """The data is a summary of a group's talk. Make a short piece of radio of it: a host \
tells what happened, and each person says in a sentence of their own what they contributed. \
Answer with one line per sentence and nothing else, each beginning with who speaks:
HOST: Yesterday it was all about the budget.
Anna: I asked for two more weeks.
Ben (worried): I said that the money is running out.
People speak of themselves as "I" and say only what the data has of them. A word in brackets may \
say how a line is spoken. Speakers are {names}. Leave out every mark such as [#12], write numbers \
as they are spoken, and use no other form. The piece is spoken in at most {seconds} seconds: \
{words} words, {characters} characters of Chinese, or fewer."""


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """One line of a script."""

    speaker: str
    text: str
    style: str = ""


def build_script_question(
    summary: Summary, names: Collection[str], task: SummaryTask, seconds: int
) -> Question:
    """Return the question that turns a summary into a script."""
    rules = _RULES.format(
        names=", ".join((HOST, *names)),
        seconds=seconds,
        words=seconds * 2,
        characters=seconds * 4,
    )
    language = f"Write in {task.language}." if task.language else "Write in the data's language."
    return Question(
        turns=(Turn("user", safety.fence(format_for_prompt(summary).replace(_JOINER, ""))),),
        instructions="\n\n".join((safety.RULE, rules, language)),
        task="summarize",
        max_tokens=2048,
    )


def parse_script(answer: str, names: Collection[str]) -> list[ScriptLine]:
    """Return the lines of a script; speakers who are not in `names` become the host."""
    lines = []
    for line in drop_labels(answer).splitlines():
        match = _SPEAKER.match(line)
        name = match["name"].strip("* ") if match else ""
        is_known = name in names or name.upper() == HOST
        text = line[match.end() :] if match and is_known else line
        if text := text.strip(" *#-"):
            speaker = name if name in names else HOST
            lines.append(ScriptLine(speaker, text, (match["style"] or "") if match else ""))
    return lines


def extract_script(summary: Summary, names: Collection[str]) -> list[ScriptLine]:
    """Return a script without a model: the points, each said by the person named before it."""
    lines = [point.text for point in summary.points] or summary.plain.splitlines()
    return parse_script("\n".join(lines).replace(_JOINER, ""), names)


def shorten_script(lines: Sequence[ScriptLine], seconds: float) -> list[ScriptLine]:
    """Return the first lines that take about `seconds` to speak, at least one."""
    kept: list[ScriptLine] = []
    for line in lines:
        seconds -= estimate_s(line.text)
        if kept and seconds < 0:
            break
        kept.append(line)
    return kept


def assign_voices(talk: Talk, voices: Sequence[Voice], language: str) -> Mapping[str, str | None]:
    """Return the voices of the host and of every participant.

    A person has the same preset voice each time.
    """
    own = voices_for_language(voices, language or "en")
    pool = own if len(own) > 1 else list(voices)
    if not pool:
        return {}
    rest = pool[1:] or pool
    cast: dict[str, str | None] = {HOST: pool[0].voice_id}
    for name, person in _people(talk).items():
        cast[name] = assign_voice(person, rest).voice_id
    return cast


def _people(talk: Talk) -> dict[str, str]:
    """Return a stable id for each speaker, by name."""
    names: dict[str, set[str]] = {}
    for message in talk.messages:
        names.setdefault(message.sender_id, set()).add(talk.name(message))
    # Someone who forwards messages of several people is none of them.
    return {
        name: sender_id if len(found) == 1 else name
        for sender_id, found in names.items()
        for name in found
    }


async def write_script(
    answering: AnsweringPipeline, result: TalkSummary, task: SummaryTask, *, is_full: bool
) -> list[ScriptLine]:
    """Return the script of a summary. Raises EngineError."""
    seconds = FULL_S if is_full else SHORT_S
    names = dict.fromkeys(result.talk.name(message) for message in result.talk.messages)
    if result.summary.is_extract:
        lines = extract_script(result.summary, names)
    else:
        answer = await answering.answer(build_script_question(result.summary, names, task, seconds))
        # Addresses that the source did not contain are dropped.
        script = restore_links(defuse(answer.text, format_for_prompt(result.summary)))
        lines = parse_script(script, names) or extract_script(result.summary, names)
    return await asyncio.to_thread(shorten_script, lines, seconds)


async def synthesize_script(
    synthesize: Synthesize,
    lines: list[ScriptLine],
    voices: Mapping[str, str | None],
    *,
    is_full: bool,
) -> File:
    """Return the script as one voice note. Raises UserError, EngineError."""
    dialogue = [(line.text, VoiceStyle(voices.get(line.speaker), line.style)) for line in lines]
    if is_full:
        while len(dialogue) > 1 and sum(len(text) + 1 for text, _ in dialogue) > MAX_CHARS:
            dialogue.pop()
        return await synthesize(dialogue)
    file = await synthesize(dialogue)
    # Synthesized lines are stored, so that a shorter version costs nothing.
    while (file.duration_s or 0.0) > SHORT_S and len(dialogue) > 1:
        dialogue.pop()
        file = await synthesize(dialogue)
    return file
