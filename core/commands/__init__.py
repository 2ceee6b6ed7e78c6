"""What people can ask for. A new command is one file here and one line in this table."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module

from core.casting import Choices, pick_manner
from core.errors import EngineError, NotAllowed
from core.hearing import Hearing, OnText
from core.interfaces import Platform
from core.locale import mark, translate
from core.models import Button, ChatSettings, Job, Message, RepliesMode, Reply, SpeechSettings
from core.speaking import MAX_CHARS, OnSound, Speaking, Spoken
from core.speech import shorten
from core.store import Store
from core.understanding import Understanding

LISTEN = mark("Listen")

#: Name -> "module:attribute", loaded on first use. The order is that of the menu.
COMMANDS = {
    "transcribe": "core.commands.transcribe:command",
    "say": "core.commands.say:command",
    "voice": "core.commands.voice:command",
    "style": "core.commands.style:command",
    "replies": "core.commands.replies:command",
    "language": "core.commands.language:command",
    "auto": "core.commands.auto:command",
    "help": "core.commands.help:command",
    "start": "core.commands.start:command",
    "export": "core.commands.export:command",
    "listen": "core.commands.listen:command",
    "consent": "core.commands.consent:command",
    "retry": "core.commands.retry:command",
    "stale_button": "core.commands.stale_button:command",
}


@dataclass(frozen=True, slots=True)
class Context:
    """All that a command may touch."""

    job: Job
    platform: Platform
    hearing: Hearing
    speaking: Speaking
    understanding: Understanding
    store: Store
    #: Call it with the text so far: it is shown as soon as the platform allows.
    on_text: OnText
    #: Call it with sound as it comes: it is heard at once where the platform can.
    on_sound: OnSound

    @property
    def settings(self) -> ChatSettings:
        """What the chat has chosen."""
        return self.job.settings

    @property
    def message(self) -> Message:
        """The message that asks."""
        return self.job.message

    def text(self, text: str, /, **values: object) -> str:
        """Return `text` in the sender's language."""
        return translate(text, self.message.language, **values)

    async def person(self) -> SpeechSettings:
        """Return what the sender has chosen for themselves."""
        message = self.message
        return await self.store.voices.choice(message.chat.platform, message.sender_id)

    async def choices(self, call: SpeechSettings = SpeechSettings()) -> Choices:  # noqa: B008
        """Return what was chosen of how to speak; call: for this one time."""
        return Choices(call, await self.person(), self.settings.speech)

    async def say(self, text: str, call: SpeechSettings = SpeechSettings()) -> Spoken:  # noqa: B008
        """Say `text` in the voice and style that apply. Raises UserError, EngineError."""
        choices = await self.choices(call)
        manner = await pick_manner(self.store.voices, self.speaking, choices, self.message)
        return await self.speaking.say(text, manner, on_sound=self.on_sound)

    async def require_admin(self) -> None:
        """Raise NotAllowed unless the sender may change this chat's settings."""
        if not await self.platform.is_admin(self.message):
            raise NotAllowed


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that people can ask for."""

    #: What it does, in a few words: a text for the menu and /help.
    help: str
    function: Callable[[Context], Awaitable[Reply]]
    #: What may follow its name, shown in /help.
    argument: str = ""
    #: False for what only buttons ask for.
    is_listed: bool = True


@cache
def load_command(name: str) -> Command:
    """Return the command called `name`."""
    module, attribute = COMMANDS[name].split(":")
    command: Command = getattr(import_module(module), attribute)
    return command


def menu() -> list[tuple[str, Command]]:
    """Return the commands that people are shown, in order."""
    listed = ((name, load_command(name)) for name in COMMANDS)
    return [(name, command) for name, command in listed if command.is_listed]


def pick_command(message: Message, settings: ChatSettings) -> str | None:
    """Return the command that answers `message`, None where nobody asked for an answer.

    In private every message is answered. In a group only commands are, and voice notes once
    the admins have turned that on.
    """
    if message.command in COMMANDS:
        return message.command
    expects = settings.expects
    if expects and message.attachment and message.sent_at < expects.until_at:
        return expects.command
    if message.attachment and (message.is_private or settings.is_auto):
        return "transcribe"
    return "help" if message.is_private else None


async def add_voice(ctx: Context, reply: Reply) -> Reply:
    """Say the answer as well where the chat wants that; else offer to, with a button.

    An engine that fails to speak costs the voice only: the text is the answer.
    """
    if not reply.aloud:
        return reply
    mode, is_voice_in = ctx.settings.replies, ctx.message.attachment is not None
    wants = mode is RepliesMode.ALWAYS or (mode is RepliesMode.AUTO and is_voice_in)
    if not wants or ctx.job.command == "transcribe":
        # What was only just heard is not said again by itself.
        button = Button(ctx.text(LISTEN), "listen", reply.aloud)
        return replace(reply, buttons=(*reply.buttons, button))
    try:
        spoken = await ctx.say(shorten(reply.aloud, MAX_CHARS))
    except EngineError:
        note = ctx.text("I could not say it aloud this time.")
        return replace(reply, text=f"{reply.text}\n\n{note}".strip())
    return replace(reply, files=(*reply.files, spoken.file))


def first_word(text: str) -> str:
    """Return the first word of what followed a command, in lower case."""
    return re.split(r"\s", text.strip().lower(), maxsplit=1)[0]
