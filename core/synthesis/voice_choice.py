"""Which voice speaks: what a call, a person or a chat has chosen, and the voices that were kept."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.errors import UserError
from core.locale import mark
from core.models import Audio, ExpectedRecording, File, Message, SavedVoice, SpeechSettings
from core.models.audio import SAVED_VOICE_PREFIX
from core.store.people.voices import Voices
from core.synthesis.pipeline import SynthesisPipeline, VoiceStyle
from core.text.scripts import split_words

#: Where a choice may come from, the strongest first.
SOURCES = (mark("this call"), mark("your choice"), mark("this chat"), mark("the default"))


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen, the strongest first."""

    call: SpeechSettings
    person: SpeechSettings
    chat: SpeechSettings

    def find(self, field: str) -> tuple[str, str]:
        """Return what applies ("" = nothing was chosen) and the text that says where from."""
        for source, level in zip(SOURCES, (self.call, self.person, self.chat), strict=False):
            if value := getattr(level, field):
                return value, source
        return "", SOURCES[-1]


async def choose_voice_style(
    voices: Voices, synthesis: SynthesisPipeline, choices: Choices, message: Message
) -> VoiceStyle:
    """Return the voice and style that apply.

    Raises UserError if this call names a voice that there is not. A voice chosen earlier that
    the engine of today lacks gives way to the default: the text is more than the voice.
    """
    name, _ = choices.find("voice")
    style, _ = choices.find("style")
    voice = await find_voice(voices, synthesis, name, message) if name else None
    if voice is None and choices.call.voice:
        raise UserError("I do not know the voice {voice}. /voice shows all.", voice=name)
    return VoiceStyle(voice, "" if style.lower() == "off" else style)


async def find_voice(
    voices: Voices, synthesis: SynthesisPipeline, name: str, message: Message
) -> str | SavedVoice | None:
    """Return the preset or kept voice called `name`, None if this person may not use one."""
    for preset in synthesis.synthesizer.voices():
        if name.lower() in (preset.voice_id.lower(), preset.name.lower()):
            return preset.voice_id
    if not synthesis.synthesizer.limits.max_sample_bytes:
        return None
    wanted = name.removeprefix(SAVED_VOICE_PREFIX)
    for kept in await voices.usable(message.chat, message.sender_id):
        if wanted in (kept.voice_id, kept.name):
            return kept
    return None


#: The names of the takes of a designed voice.
TAKES = ("A", "B", "C")
MAX_NAME_CHARS = 40
#: How long the consent is waited for.
CONSENT_FOR = timedelta(minutes=15)
#: Share of the sentence's words that must be heard; recognisers mishear some.
CONSENT_SHARE = 0.75

PREVIEW_TEXT = mark(
    "Good morning. This is a voice that was made for you. How do you like it? "
    "I can read your messages, tell a story, or just say hello."
)
CONSENT = mark(
    "I am the speaker of this recording. I agree that a computer voice is made from it, "
    "which only I may use. My code is {code}."
)
#: Words that any recogniser knows, for a code that no old recording holds.
CODE_WORDS = (
    mark("apple"),
    mark("river"),
    mark("garden"),
    mark("window"),
    mark("green"),
    mark("winter"),
    mark("horse"),
    mark("coffee"),
)


async def make_takes(synthesis: SynthesisPipeline, description: str, text: str) -> tuple[File, ...]:
    """Return one file per take of a voice that is given in words."""
    if not synthesis.synthesizer.limits.can_design:
        raise UserError("The engine that speaks here cannot design a voice.")
    files = await asyncio.gather(*(synthesis.preview(text, description, t) for t in TAKES))
    return tuple(
        replace(file, name=f"{take}.ogg", title=take)
        for take, file in zip(TAKES, files, strict=True)
    )


async def keep_take(
    synthesis: SynthesisPipeline, description: str, text: str, take: str
) -> SavedVoice:
    """Return a take as a voice to be kept; its sound was kept when it was made."""
    sample = await synthesis.preview_sample(text, description, take)
    return SavedVoice(secrets.token_hex(5), description[:MAX_NAME_CHARS], sample)


def make_code() -> list[str]:
    """Return the words of a code, as texts to be translated."""
    return secrets.SystemRandom().sample(CODE_WORDS, 3)


def expect_consent(sentence: str, code: str, now: datetime) -> ExpectedRecording:
    """Return that the next recording is to say `sentence`, which holds `code`."""
    return ExpectedRecording("consent", sentence, code, now + CONSENT_FOR)


def is_said(expects: ExpectedRecording, heard: str) -> bool:
    """Tell whether `heard` is the sentence: its code whole, and enough of its other words."""
    words = set(split_words(heard))
    wanted = split_words(expects.text)
    share = sum(word in words for word in wanted) / len(wanted)
    return share >= CONSENT_SHARE and all(word in words for word in split_words(expects.code))


def make_clone(sample: Audio, now: datetime) -> SavedVoice:
    """Return a person's own voice, from the recording in which they agreed to it."""
    voice_id = secrets.token_hex(5)
    return SavedVoice(voice_id, "me", sample, is_clone=True, consented_at=now)
