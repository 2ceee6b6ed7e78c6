"""The story, in steps that know no platform, and what is expected of each."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.chaos.notes import make_note, read_sound
from tests.emulators.mimo import MimoServer
from tests.support.scenario_people import NAMES, Answer, OnDiscord, OnTelegram, OnWeb

LISTEN = "Listen"
MORNING, EVENING = "Good morning, {name}.", "Good evening, {name}."
#: The voice that is used unless somebody chooses, and one that can be chosen.
OWN_VOICE, VOICE = "Mia", "Dean"
#: What is heard in every note: no two people record the same sound.
TRANSCRIPT = "We agreed on the blue tiles. Anna calls the plumber."
STATEMENT = "We agreed on the blue tiles."
QUESTION, ANSWER = "What did they agree on?", "They agreed on the blue tiles."
FURTHER, FURTHER_ANSWER = "Who calls the plumber?", "Anna does."
REMOVED = "Removed: messages"
NOTHING = "Forward messages to me, then say /summary."
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")

Person = OnTelegram | OnDiscord | OnWeb


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


async def teach(mimo: MimoServer) -> None:
    """Tell the local MiMo what to say in the story."""
    for number in range(len(NAMES)):
        mimo.set_text(await read_sound(make_note(number)), TRANSCRIPT)
    mimo.add_answer(FURTHER_ANSWER, pattern=re.escape(FURTHER))
    mimo.add_answer(ANSWER, pattern=re.escape(QUESTION))


def find_voices(mimo: MimoServer, text: str) -> list[str]:
    """Return the voices with which a text was spoken, in order."""
    spoken = [call for call in mimo.billed if call.text == text and "tts" in call.model]
    return [str(call.request["audio"].get("voice", "")) for call in spoken]


async def tell(person: Person) -> Told:
    """Let a person live the story."""
    note = await person.send_note(make_note(NAMES.index(person.name)))
    morning = await person.give("say", MORNING.format(name=person.name))
    choice = await person.give("voice", VOICE)
    evening = await person.give("say", EVENING.format(name=person.name))
    answer = await person.ask_about(note, QUESTION)
    return Told(
        person,
        note,
        morning,
        choice,
        evening,
        answer,
        await person.follow(answer, FURTHER),
        await person.press(answer, LISTEN),
        await person.give("summary"),
        await person.give("forget", "me"),
        await person.give("summary"),
    )


def check(told: Told, mimo: MimoServer) -> None:
    """See that the story went as it should."""
    assert told.note.text == TRANSCRIPT and not told.note.sound
    assert told.morning.sound and told.evening.sound and told.aloud.sound
    assert VOICE in told.choice.text
    assert find_voices(mimo, MORNING.format(name=told.person.name)) == [OWN_VOICE]
    assert find_voices(mimo, EVENING.format(name=told.person.name)) == [VOICE]
    assert told.answer.text == ANSWER and LISTEN in told.answer.labels
    assert told.further.text == FURTHER_ANSWER
    assert STATEMENT in told.summary.text
    assert told.forgotten.text.startswith(REMOVED)
    assert told.after.text == NOTHING
