"""Arguments of commands, as options of Discord's slash commands and with autocomplete."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache

from core.locale import LANGUAGES, mark, translate
from core.locale.languages import COMMON_LANGUAGES, name_language, search_languages
from core.models import Message, Suggestion, Voice
from core.permissions import Action
from core.store import Store
from core.synthesis.pipeline import SynthesisPipeline

CHOICE_HELP = mark("Leave it out to see the current setting")
GENDERS = {"female": mark("female"), "male": mark("male")}
#: Styles offered by autocomplete; any other words work too.
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


#: Words that are typed after commands, by their names. People see, and may type, the translation
#: too; what is stored and compared is the word.
CHOICES = {
    "on": mark("on"),
    "off": mark("off"),
    "auto": mark("automatic"),
    "always": mark("always"),
    "transcribe": mark("transcribe"),
    "ask": mark("ask"),
    "both": mark("both"),
    "me": mark("me"),
    "me everywhere": mark("me everywhere"),
    "everywhere": mark("everywhere"),
    "chat": mark("chat"),
    "all": mark("all"),
    "remove": mark("remove"),
    "design": mark("design"),
    "clone": mark("clone"),
    "list": mark("list"),
    "rename": mark("rename"),
}


@dataclass(frozen=True, slots=True)
class ArgumentInput:
    """The input of an autocomplete function."""

    #: `message.command` is the command, `message.text` what has been typed into the argument.
    message: Message
    synthesis: SynthesisPipeline
    store: Store
    #: Texts that read differently on the platform, and what they read.
    wording: Mapping[str, str]


#: Returns suggestions, best first; the platform filters them by what was typed.
Suggest = Callable[[ArgumentInput], Awaitable[list[Suggestion]]]


@dataclass(frozen=True, slots=True)
class Argument:
    """One option of a slash command on Discord. Elsewhere people type all of them in one line."""

    #: One word in lower case, a text: Discord shows it translated.
    name: str
    #: A text for the option's description.
    help: str
    is_required: bool = False
    #: The only values allowed, empty = any.
    choices: tuple[str, ...] = ()
    #: Autocomplete, None = none.
    suggest: Suggest | None = None
    #: How the value is typed in one line with the others; "{}" stands for it.
    template: str = "{}"

    def format(self, value: str) -> str:
        """Return the value as it would be typed."""
        if '"{}"' in self.template:
            value = value.replace('"', "'")
        return self.template.replace("{}", value)


@dataclass(frozen=True, slots=True)
class MessageAction:
    """An entry in the context menu of messages (Discord, under "Apps"): runs on that message."""

    #: A text.
    label: str
    #: The reply is visible to the person who chose the entry alone.
    is_ephemeral: bool = False
    #: Name of the argument that a modal asks for first, empty = none.
    argument: str = ""


def derive_arguments(usage: str) -> tuple[Argument, ...]:
    """Return the argument that a usage string describes.

    "on | off" is a choice, "question" a required argument of that name, "[text]" an optional one.
    """
    if not usage:
        return ()
    words = usage.split(" | ")
    if len(words) > 1 and all(re.fullmatch("[a-z]+", word) for word in words):
        return (Argument(mark("choice"), CHOICE_HELP, choices=tuple(words)),)
    name = usage.strip("[]")
    if re.fullmatch("[a-z]+", name):
        return (Argument(name, name, is_required=name == usage),)
    return (Argument(mark("what"), usage),)


def join_arguments(arguments: tuple[Argument, ...], values: Mapping[str, str]) -> str:
    """Return the line that people would type: the values in the order of `arguments`."""
    given = ((argument, values.get(argument.name, "").strip()) for argument in arguments)
    return " ".join(argument.format(value) for argument, value in given if value)


def name_choice(choice: str, reader: str) -> str:
    """Return the name of one of `CHOICES` in the reader's language; in English the word itself."""
    label = CHOICES[choice]
    name = translate(label, reader)
    return choice if name == label else name


def offer(*values: str) -> Suggest:
    """Return an autocomplete function with fixed suggestions, each of them a text."""

    async def suggest(entered: ArgumentInput) -> list[Suggestion]:
        shown = {value: entered.wording.get(value, value) for value in values}
        reader = entered.message.language
        return [Suggestion(value, translate(text, reader)) for value, text in shown.items()]

    return suggest


async def suggest_voices(entered: ArgumentInput) -> list[Suggestion]:
    """Suggest every voice that this person may use, custom voices first."""
    message, reader = entered.message, entered.message.language
    kept = await entered.store.voices.usable(message.chat, message.sender_id)
    found = [Suggestion(voice.choice, voice.name) for voice in kept]
    for voice in entered.synthesis.synthesizer.voices():
        found.append(Suggestion(voice.name, label_voice(voice, reader)))
    return found


def label_voice(preset: Voice, reader: str) -> str:
    """Return the label of a preset voice: its name, language and gender."""
    gender = translate(GENDERS[preset.gender], reader) if preset.gender else ""
    words = (preset.name, name_language(preset.language, reader), gender)
    return " · ".join(filter(None, words))


async def suggest_styles(entered: ArgumentInput) -> list[Suggestion]:
    """Suggest some styles."""
    return [Suggestion(translate(style, entered.message.language)) for style in STYLES]


async def suggest_languages(entered: ArgumentInput) -> list[Suggestion]:
    """Suggest common languages by name, and the one being typed even if it is rare."""
    # In a thread: language names are read from files the first time.
    return await asyncio.to_thread(_name_languages, entered.message)


def _name_languages(message: Message) -> list[Suggestion]:
    codes = dict.fromkeys(("en", *LANGUAGES, *COMMON_LANGUAGES))
    codes = dict.fromkeys(search_languages(message.text)) | codes
    return [Suggestion(code, name_language(code, message.language)) for code in codes]


@cache
def _choices_by_name() -> dict[str, str]:
    return {
        translate(label, language): choice
        for language in LANGUAGES
        for choice, label in CHOICES.items()
    }


def read_word(word: str) -> str:
    """Return `word` in lower case, or which of `CHOICES` it is a name of."""
    word = word.strip().lower()
    return _choices_by_name().get(word, word)


def split_word(text: str) -> tuple[str, str]:
    """Return the first word of `text`, as `read_word` reads it, and the rest."""
    word, *rest = re.split(r"\s+", text.strip(), maxsplit=1)
    return read_word(word), "".join(rest)


def read_speech_action(text: str) -> Action:
    """Return what is done with a voice or a style: "chat warm" sets that of the whole chat."""
    word, rest = split_word(text)
    if word == "chat" and rest:
        return Action.CHANGE_SETTINGS
    return Action.CHANGE_OWN_SETTINGS if word else Action.USE
