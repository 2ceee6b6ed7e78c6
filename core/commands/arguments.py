"""What may follow a command's name, part by part, for platforms that ask for each in a field."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from core.locale import mark, translate
from core.locale.languages import COMMON_LANGUAGES, find_language, name_language
from core.models import Message, Suggestion, Voice
from core.store import Store
from core.synthesis.pipeline import SynthesisPipeline

#: What voices are called by.
GENDERS = {"female": mark("female"), "male": mark("male")}
#: Ways to speak that are offered; any words will do.
STYLES = (
    mark("warm"),
    mark("cheerful"),
    mark("calm, slow"),
    mark("tired"),
    mark("serious"),
    mark("excited"),
    mark("sad"),
    mark("angry"),
    mark("whispering"),
    mark("like a news reader"),
    mark("like a storyteller"),
)


@dataclass(frozen=True, slots=True)
class ArgumentInput:
    """A person who is filling in a field."""

    #: Its command is the one being given, its text what stands in the field so far.
    message: Message
    synthesis: SynthesisPipeline
    store: Store


#: Returns what may be put into a field, the likeliest first; the platform shows what fits.
Suggest = Callable[[ArgumentInput], Awaitable[list[Suggestion]]]


@dataclass(frozen=True, slots=True)
class Argument:
    """One part of what follows a command's name."""

    #: One word in lower case.
    name: str
    #: What belongs into it: a text.
    help: str
    is_required: bool = False
    #: The only values, empty = any.
    choices: tuple[str, ...] = ()
    #: None = nothing is offered.
    suggest: Suggest | None = None
    #: How it is typed where there are no fields; "{}" is the value.
    form: str = "{}"

    def write(self, value: str) -> str:
        """Return the value as it is typed."""
        if '"{}"' in self.form:
            value = value.replace('"', "'")
        return self.form.replace("{}", value)


@dataclass(frozen=True, slots=True)
class MessageAction:
    """What a command does with a message, as an entry of that message's menu."""

    #: A text.
    label: str
    #: True where only the person who asked sees the answer.
    is_for_me: bool = False
    #: The field that has to be filled in first, empty = none.
    asks: str = ""


def derive_arguments(argument: str) -> tuple[Argument, ...]:
    """Return the field of a command that names none: it is described by its argument.

    "on | off" is a choice, "question" a field of that name that must be filled in, "[text]" one
    that need not.
    """
    if not argument:
        return ()
    words = argument.split(" | ")
    if len(words) > 1 and all(re.fullmatch("[a-z]+", word) for word in words):
        return (Argument("choice", argument, choices=tuple(words)),)
    name = argument.strip("[]")
    if re.fullmatch("[a-z]+", name):
        return (Argument(name, name, is_required=name == argument),)
    return (Argument("what", argument),)


def join_arguments(fields: tuple[Argument, ...], values: Mapping[str, str]) -> str:
    """Return what people would type: the values in the order of the fields."""
    filled = ((field, values.get(field.name, "").strip()) for field in fields)
    return " ".join(field.write(value) for field, value in filled if value)


def offer(*values: str) -> Suggest:
    """Return what offers these values, whoever asks."""

    async def suggest(typing: ArgumentInput) -> list[Suggestion]:
        return [Suggestion(value) for value in values]

    return suggest


async def suggest_voices(typing: ArgumentInput) -> list[Suggestion]:
    """Offer every voice that this person may use, those that were kept first."""
    message, reader = typing.message, typing.message.language
    kept = await typing.store.voices.usable(message.chat, message.sender_id)
    found = [Suggestion(voice.choice, voice.name) for voice in kept]
    for voice in typing.synthesis.synthesizer.voices():
        found.append(Suggestion(voice.name, label_voice(voice, reader)))
    return found


def label_voice(preset: Voice, reader: str) -> str:
    """Return what people read of a preset voice: its name, language and gender."""
    gender = translate(GENDERS[preset.gender], reader) if preset.gender else ""
    words = (preset.name, name_language(preset.language, reader), gender)
    return " · ".join(filter(None, words))


async def suggest_styles(typing: ArgumentInput) -> list[Suggestion]:
    """Offer some ways to speak."""
    return [Suggestion(translate(style, typing.message.language)) for style in STYLES]


async def suggest_languages(typing: ArgumentInput) -> list[Suggestion]:
    """Offer the languages by their names, and the one that is being typed if it is a rare one."""
    # A thread: names of languages are read from files the first time.
    return await asyncio.to_thread(_name_languages, typing.message)


def _name_languages(message: Message) -> list[Suggestion]:
    codes = dict.fromkeys(("en", "zh", *COMMON_LANGUAGES))
    if typed := find_language(message.text):
        codes = {typed: None} | codes
    return [Suggestion(code, name_language(code, message.language)) for code in codes]


def first_word(text: str) -> str:
    """Return the first word of what followed a command, in lower case."""
    return re.split(r"\s", text.strip().lower(), maxsplit=1)[0]
