"""What people can ask for. A new command is one file here and one line in this table."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from core.errors import NotAllowed
from core.hearing import Hearing, OnText
from core.interfaces import Platform
from core.locale import translate
from core.models import ChatSettings, Job, Message, Reply
from core.store import Store

#: Name -> "module:attribute", loaded on first use. The order is that of the menu.
COMMANDS = {
    "transcribe": "core.commands.transcribe:command",
    "language": "core.commands.language:command",
    "auto": "core.commands.auto:command",
    "help": "core.commands.help:command",
    "start": "core.commands.start:command",
    "export": "core.commands.export:command",
    "retry": "core.commands.retry:command",
    "stale_button": "core.commands.stale_button:command",
}


@dataclass(frozen=True, slots=True)
class Context:
    """All that a command may touch."""

    job: Job
    settings: ChatSettings
    platform: Platform
    hearing: Hearing
    store: Store
    #: Call it with the text so far: it is shown as soon as the platform allows.
    on_text: OnText

    @property
    def message(self) -> Message:
        """The message that asks."""
        return self.job.message

    def text(self, text: str, /, **values: object) -> str:
        """Return `text` in the sender's language."""
        return translate(text, self.message.language, **values)

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
    if message.attachment and (message.is_private or settings.is_auto):
        return "transcribe"
    return "help" if message.is_private else None


def first_word(text: str) -> str:
    """Return the first word of what followed a command, in lower case."""
    return re.split(r"\s", text.strip().lower(), maxsplit=1)[0]
