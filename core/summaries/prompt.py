"""Prompts for summaries, and the form of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from core import safety
from core.models import Passage, Question, Turn
from core.summaries.points import Length, Summary
from core.summaries.prompt_input import TalkPart
from core.text.tokens import count_tokens

#: Maximum points of a summary, and the tokens of such an answer.
POINTS: dict[Length, int] = {"short": 5, "normal": 12, "long": 30}
TOKENS: dict[Length, int] = {"short": 1024, "normal": 2048, "long": 4096}
#: Tokens of the instructions.
INSTRUCTION_TOKENS = 800

_WHO = "You sum up what a group has said for somebody who was not there. Today is {today}."
_READ = (
    "Each line of the data is one message: its number, when it was sent, who sent it, and the "
    'text. "(to #7)" means that it answers message 7. "(voice 0:48)" is a voice note of 48 '
    "seconds; [0:12] in it is the second at which the words after it are spoken."
)
_FORM = """Answer in this form and nothing else:
## Title of a topic (Anna, Ben)
- One thing that was said about it, in one sentence. [#12] [#13 0:12]
## DECISIONS
- What was decided. [#14]
## ACTIONS
- Anna: what she is going to do, and until when. [#15]
## QUESTIONS
- What was asked and not answered. [#16]
In the brackets after a title stand the people who took part in the topic. Keep the words \
DECISIONS, ACTIONS and QUESTIONS as they are, and leave out a heading under which nothing stands. \
Each point ends with its sources: the number of the message in square brackets, and for a voice \
note also the second, as in [#13 0:12]. Name only sources that are in the data. Voice notes count \
as much as written messages. Add nothing that nobody said. Leave out greetings and small talk."""
_RECORDING = (
    "The data is what is said in one recording; [0:12] is the second at which the words after it "
    "are spoken. Say what matters of it, what was decided and what is to be done. Answer with one "
    "point per line and nothing else:\n"
    "- One thing that was said, in one sentence. [0:12]\n"
    "Each point ends with the second in square brackets. Add nothing that nobody said."
)
_AMOUNT = "At most {points} points in all, the most important ones."
_LANGUAGE = "Write in {language}, whatever languages the data is in; keep people's names."
_SAME = "Write in the language that most of the data is in."
_JOIN = (
    "The data holds summaries of {count} parts of one talk, in order. Make one summary of them: "
    "join what belongs together, drop what was settled later, and keep the sources of each point."
)


@dataclass(frozen=True, slots=True)
class SummaryTask:
    """Parameters of a summary."""

    #: The day of the request.
    today: date
    #: English name of the reader's language, empty = that of the talk.
    language: str
    length: Length


def build_part_question(part: TalkPart, task: SummaryTask) -> Question:
    """Return the question that summarises one part of a talk."""
    return _build([_READ, _FORM], part.text, part.passages, task)


def build_join_question(summaries: Sequence[Summary], task: SummaryTask) -> Question:
    """Return the question that joins partial summaries into one."""
    text = "\n\n".join(format_for_prompt(summary) for summary in summaries)
    passages = tuple(
        Passage(point.sources[0].label, point.text)
        for summary in summaries
        for point in summary.points
        if point.sources
    )
    return _build([_JOIN.format(count=len(summaries)), _FORM], text, passages, task)


def build_recording_question(passages: Sequence[Passage], task: SummaryTask) -> Question:
    """Return the question that summarises one recording; its passages have labels like "2:14"."""
    text = "\n".join(f"[{passage.label}] {passage.text}" for passage in passages)
    return _build([_RECORDING], text, tuple(passages), task)


def group_passages(passages: Sequence[Passage], max_tokens: int) -> list[list[Passage]]:
    """Return the passages in as few groups as fit into one question each, at least one."""
    groups: list[list[Passage]] = [[]]
    used = 0
    for passage in passages:
        tokens = count_tokens(passage.text) + 8
        if groups[-1] and used + tokens > max_tokens:
            groups.append([])
            used = 0
        groups[-1].append(passage)
        used += tokens
    return groups


def format_for_prompt(summary: Summary) -> str:
    """Return a summary in the form of a model's answer, with its labels."""
    lines: list[str] = []
    for section in summary.sections:
        people = f" ({', '.join(section.people)})" if section.people else ""
        title = section.title if section.kind == "topic" else section.kind.upper()
        lines.append(f"## {title or 'Talk'}{people}")
        for point in section.points:
            labels = " ".join(f"[{source.label}]" for source in point.sources)
            lines.append(f"- {point.text} {labels}".rstrip())
    return "\n".join([*lines, summary.plain]).strip()


def _build(
    rules: list[str], text: str, passages: tuple[Passage, ...], task: SummaryTask
) -> Question:
    language = _LANGUAGE.format(language=task.language) if task.language else _SAME
    amount = _AMOUNT.format(points=POINTS[task.length])
    who = _WHO.format(today=task.today.isoformat())
    return Question(
        turns=(Turn("user", safety.fence(text)),),
        instructions="\n\n".join([who, safety.RULE, *rules, amount, language]),
        task="summarize",
        passages=passages,
        max_tokens=TOKENS[task.length],
    )
