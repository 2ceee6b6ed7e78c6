"""The story, in steps that know no platform, and what is expected of each.

told = await tell(person, engine)
check(told, person, engine)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

NAMES = ("Ann", "Ben", "Cleo")
LISTEN = "Listen"
MORNING, EVENING = "Good morning, {name}.", "Good evening, {name}."
REMOVED = "Removed: messages"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
NOTHING = "Forward messages to me, then say /summary."


@dataclass(frozen=True)
class Words:
    """What an engine hears and answers in the story."""

    #: By who sends it: no two people record the same sound. The same is heard in all.
    notes: dict[str, bytes]
    transcript: str
    question: str
    answer: str
    further: str
    further_answer: str
    #: Of the summary: what it states.
    statements: tuple[str, ...]


@dataclass(frozen=True)
class Engine:
    """What hears, understands and speaks, and what is known of it."""

    #: The settings that choose it.
    environment: dict[str, str]
    words: Words
    #: The voice that it speaks with unless somebody chooses, and one that can be chosen.
    own_voice: str
    voice: str
    #: Returns the voices with which it has spoken a text, in order.
    voices_of: Callable[[str], list[str]]


@dataclass
class Answer:
    """An answer as a person sees it."""

    #: All its text, a quote in its place, one line per line and nothing of the platform's marks.
    text: str = ""
    #: The voice message, empty without one.
    sound: bytes = b""
    labels: tuple[str, ...] = ()
    #: What asked, the answer and the message with the voice, as the platform keeps them.
    asked: Any = None
    shown: Any = None
    spoken: Any = None


class Person(Protocol):
    """Somebody who talks with the bot alone. Each deed returns when its answer stands whole."""

    name: str
    #: What the bot calls them: a page asks nobody for a name.
    known_as: str

    async def send_note(self, sound: bytes) -> Answer:
        """Send a voice note."""

    async def give(self, command: str, words: str = "") -> Answer:
        """Give a command."""

    async def ask_about(self, note: Answer, question: str) -> Answer:
        """Ask about a message of one's own with /ask."""

    async def follow(self, answer: Answer, words: str) -> Answer:
        """Write a reply to an answer."""

    async def press(self, answer: Answer, label: str) -> Answer:
        """Press a button under an answer."""


@dataclass
class Told:
    """What was answered, step by step."""

    person: Person
    note: Answer
    morning: Answer
    choice: Answer
    evening: Answer
    answer: Answer
    further: Answer
    aloud: Answer
    summary: Answer
    forgotten: Answer
    after: Answer

    def common(self) -> dict[str, tuple[str, bool, list[str]]]:
        """Return what must be the same for everybody: text, whether it is spoken, and buttons."""
        steps = {step: one for step, one in vars(self).items() if isinstance(one, Answer)}
        return {
            step: (self._neutral(one.text), bool(one.sound), [*map(self._neutral, one.labels)])
            for step, one in steps.items()
        }

    def _neutral(self, text: str) -> str:
        name = rf"(?<!\w){re.escape(self.person.known_as)}(?!\w)"
        return re.sub(name, "NAME", _MOMENT.sub("MOMENT", text))


async def tell(person: Person, engine: Engine) -> Told:
    """Let a person live the story."""
    words = engine.words
    note = await person.send_note(words.notes[person.name])
    morning = await person.give("say", MORNING.format(name=person.name))
    choice = await person.give("voice", engine.voice)
    evening = await person.give("say", EVENING.format(name=person.name))
    answer = await person.ask_about(note, words.question)
    return Told(
        person,
        note,
        morning,
        choice,
        evening,
        answer,
        await person.follow(answer, words.further),
        await person.press(answer, LISTEN),
        await person.give("summary"),
        await person.give("forget", "me"),
        await person.give("summary"),
    )


def check(told: Told, engine: Engine) -> None:
    """See that the story went as it should."""
    words = engine.words
    assert told.note.text == words.transcript and not told.note.sound
    assert told.morning.sound and told.evening.sound and told.aloud.sound
    assert engine.voice in told.choice.text
    assert engine.voices_of(MORNING.format(name=told.person.name)) == [engine.own_voice]
    assert engine.voices_of(EVENING.format(name=told.person.name)) == [engine.voice]
    assert told.answer.text == words.answer and LISTEN in told.answer.labels
    assert told.further.text == words.further_answer
    for statement in words.statements:
        assert statement in told.summary.text
    assert told.forgotten.text.startswith(REMOVED)
    assert told.after.text == NOTHING
