"""A summary as a piece of radio: a host, and a voice of its own for everybody who took part."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from core import safety
from core.models import Question, Turn, Voice
from core.summaries.parse import drop_marks
from core.summaries.points import Summary
from core.summaries.prompt import SummaryTask, write
from core.summaries.prompt_input import Talk
from core.synthesis.voice_choice import assign_voice, voices_for_language
from core.text.scripts import EAST_ASIAN

#: How the script calls who speaks for nobody else.
HOST = "HOST"
#: Letters that are spoken in a second; a Chinese character takes as long as three.
_LETTERS_PER_S = 13
_EAST_ASIAN = re.compile(f"[{EAST_ASIAN}]")
_LINE = re.compile(
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


def ask_script(
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
        turns=(Turn("user", safety.fence(write(summary).replace(_JOINER, ""))),),
        instructions="\n\n".join((safety.RULE, rules, language)),
        task="summarize",
        max_tokens=2048,
    )


def read_script(text: str, names: Collection[str]) -> list[ScriptLine]:
    """Return the lines of a script; whoever took no part in the talk is the host."""
    lines = []
    for row in drop_marks(text).splitlines():
        match = _LINE.match(row)
        name = match["name"].strip("* ") if match else ""
        is_known = name in names or name.upper() == HOST
        said = row[match.end() :] if match and is_known else row
        if said := said.strip(" *#-"):
            speaker = name if name in names else HOST
            lines.append(ScriptLine(speaker, said, (match["style"] or "") if match else ""))
    return lines


def script_of(summary: Summary, names: Collection[str]) -> list[ScriptLine]:
    """Return a script without a model: the points as they stand, by who is named before them."""
    lines = [point.text for point in summary.points] or summary.plain.splitlines()
    return read_script("\n".join(lines).replace(_JOINER, ""), names)


def shorten_script(lines: Sequence[ScriptLine], seconds: float) -> list[ScriptLine]:
    """Return the first lines that are spoken in about `seconds`, at least one."""
    kept: list[ScriptLine] = []
    left = seconds * _LETTERS_PER_S
    for line in lines:
        left -= len(line.text) + 2 * len(_EAST_ASIAN.findall(line.text))
        if kept and left < 0:
            break
        kept.append(line)
    return kept


def cast_voices(talk: Talk, voices: Sequence[Voice], language: str) -> Mapping[str, str | None]:
    """Return the voice of the host and of everybody in the talk.

    A person has the same preset voice each time: it follows from who they are.
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
    """Return what tells each speaker from others, by name."""
    names: dict[str, set[str]] = {}
    for message in talk.messages:
        names.setdefault(message.sender_id, set()).add(talk.name(message))
    # Who forwards the words of several people is none of them.
    return {
        name: sender_id if len(found) == 1 else name
        for sender_id, found in names.items()
        for name in found
    }
