"""Choice of the voice and style for a reply, preset voices, and design of new ones."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.errors import UserError
from core.locale import mark
from core.models import File, Message, SavedVoice, SpeechSettings, Voice
from core.models.audio import SAVED_VOICE_PREFIX
from core.store.people.voices import Voices
from core.synthesis.pipeline import SynthesisPipeline, VoiceStyle
from core.text.scripts import (
    ARABIC,
    CYRILLIC,
    DEVANAGARI,
    HANGUL,
    KANA,
    SOUTHEAST_ASIAN,
    guess_language,
)

#: Where a choice may come from, the highest priority first.
SOURCES = (mark("this call"), mark("your choice"), mark("this chat"), mark("the default"))


@dataclass(frozen=True, slots=True)
class Choices:
    """Speech settings of a call, a person and a chat."""

    call: SpeechSettings
    person: SpeechSettings
    chat: SpeechSettings

    def find(self, field: str) -> tuple[str, str]:
        """Return the setting that applies ("" = none) and the text that names its source."""
        for source, level in zip(SOURCES, (self.call, self.person, self.chat), strict=False):
            if value := getattr(level, field):
                return value, source
        return "", SOURCES[-1]


async def choose_voice_style(
    voices: Voices, synthesis: SynthesisPipeline, choices: Choices, message: Message
) -> VoiceStyle:
    """Return the voice and style that apply.

    Raises UserError if this call names an unknown voice. A voice that was chosen earlier and that
    the current engine lacks is replaced by the default.
    """
    name, _ = choices.find("voice")
    style, _ = choices.find("style")
    voice = await find_voice(voices, synthesis, name, message) if name else None
    # Without any voice the engine says what is missing.
    if voice is None and choices.call.voice and synthesis.synthesizer.voices():
        raise UserError("Unknown voice: {voice}. /voice lists all voices.", voice=name)
    return VoiceStyle(voice, "" if style.lower() == "off" else style)


async def find_voice(
    voices: Voices, synthesis: SynthesisPipeline, name: str, message: Message
) -> str | SavedVoice | None:
    """Return the preset or saved voice called `name`, None if this person may not use it."""
    for preset in synthesis.synthesizer.voices():
        if name.lower() in (preset.voice_id.lower(), preset.name.lower()):
            return preset.voice_id
    if not synthesis.synthesizer.limits.max_sample_bytes:
        return None
    wanted = name.removeprefix(SAVED_VOICE_PREFIX)
    for saved in await voices.usable(message.chat, message.sender_id):
        if wanted in (saved.voice_id, saved.name):
            return await voices.load(saved)
    return None


#: Scripts of which no language is guessed.
_OTHER_SCRIPTS = re.compile(f"[{KANA}{HANGUL}{CYRILLIC}{DEVANAGARI}{ARABIC}{SOUTHEAST_ASIAN}]")
#: The names of the takes of a designed voice.
TAKES = ("A", "B", "C")
MAX_NAME_CHARS = 40
PREVIEW_TEXT = mark(
    "Good morning. This is a voice that was made for you. How do you like it? "
    "I can read your messages, tell a story, or just say hello."
)


async def make_takes(synthesis: SynthesisPipeline, description: str, text: str) -> tuple[File, ...]:
    """Return one file per take of a voice that is described in words."""
    if not synthesis.synthesizer.limits.can_design:
        raise UserError("New voices cannot be designed here.")
    files = await asyncio.gather(*(synthesis.preview(text, description, t) for t in TAKES))
    return tuple(
        replace(file, name=f"{take}.ogg", title=take)
        for take, file in zip(TAKES, files, strict=True)
    )


async def keep_take(
    synthesis: SynthesisPipeline, description: str, text: str, take: str
) -> SavedVoice:
    """Return a take as a saved voice; its audio was stored when it was made."""
    sample = await synthesis.preview_sample(text, description, take)
    return SavedVoice(secrets.token_hex(5), description[:MAX_NAME_CHARS], sample)


def voices_for_language(voices: Sequence[Voice], language: str) -> list[Voice]:
    """Return the voices of a language (BCP 47), whatever their region."""
    wanted = language.lower().split("-")[0]
    return [voice for voice in voices if voice.language.lower().split("-")[0] == wanted]


def pick_stand_in(voices: Sequence[Voice], text: str, gender: str, number: int) -> Voice | None:
    """Return the voice that takes the place of one that the engine lacks, None = its default.

    It speaks the language of `text` and has the gender; numbers spread over those that do. Other
    scripts are left to the engine, which knows what can read them.
    """
    if _OTHER_SCRIPTS.search(text):
        return None
    fitting = voices_for_language(voices, guess_language(text))
    fitting = [voice for voice in fitting if voice.gender == gender]
    return fitting[number % len(fitting)] if fitting else None


def assign_voice(person: str, voices: Sequence[Voice]) -> Voice:
    """Return the same voice for a person each time, derived from a hash. voices: at least one."""
    number = int.from_bytes(hashlib.sha256(person.encode()).digest()[:8])
    return voices[number % len(voices)]
