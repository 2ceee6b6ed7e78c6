"""What people can ask for. A new command is one file here and one line in this table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from core.commands.arguments import Argument, MessageAction, derive_arguments
from core.commands.context import Context
from core.locale import mark
from core.models import Reply

#: Name -> "module:attribute", loaded on first use. The order is that of the menu.
#: What people type is marked: platforms that can show it in their language.
COMMANDS = {
    mark("transcribe"): "core.commands.transcribe:command",
    mark("ask"): "core.commands.ask:command",
    mark("summary"): "core.commands.summary:command",
    mark("translate"): "core.commands.translate:command",
    mark("digest"): "core.commands.digest:command",
    mark("say"): "core.commands.say:command",
    mark("voice"): "core.commands.voice:command",
    mark("style"): "core.commands.style:command",
    mark("replies"): "core.commands.replies:command",
    mark("remember"): "core.commands.remember:command",
    mark("forget"): "core.commands.forget:command",
    mark("find"): "core.commands.find:command",
    mark("mode"): "core.commands.mode:command",
    mark("think"): "core.commands.think:command",
    mark("glossary"): "core.commands.glossary:command",
    mark("link"): "core.commands.link:command",
    mark("language"): "core.commands.language:command",
    mark("auto"): "core.commands.auto:command",
    mark("join"): "core.commands.join:command",
    mark("leave"): "core.commands.leave:command",
    mark("stop"): "core.commands.stop:command",
    mark("read"): "core.commands.read_aloud:command",
    mark("help"): "core.commands.help:command",
    "start": "core.commands.start:command",
    "export": "core.commands.buttons.export:command",
    "listen": "core.commands.buttons.listen:command",
    "fix": "core.commands.buttons.fix:command",
    "digest_due": "core.commands.unasked.digest_due:command",
    "notice": "core.commands.unasked.notice:command",
    "consent": "core.commands.unasked.consent:command",
    "private_summary": "core.commands.buttons.private_summary:command",
    "brief": "core.commands.buttons.recording_summary:command",
    "replay": "core.commands.buttons.replay:command",
    "ask_about": "core.commands.buttons.ask_about:command",
    "retry": "core.commands.buttons.retry:command",
    "stale_button": "core.commands.buttons.stale_button:command",
    "note": "core.commands.unasked.remember_voice_note:command",
    "collect": "core.commands.unasked.collect_forwarded:command",
    "read_out": "core.commands.unasked.speak_message:command",
}


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that people can ask for."""

    #: What it does, in a few words: a text for the menu and /help.
    help: str
    function: Callable[[Context], Awaitable[Reply]]
    #: What may follow its name, shown in /help.
    argument: str = ""
    #: False for what nobody types: it comes from buttons, or by itself.
    is_listed: bool = True
    #: True for what nobody asked for: that it failed is not told either.
    is_silent: bool = False
    #: What may follow, part by part; without any, platforms with fields make one of `argument`.
    fields: tuple[Argument, ...] = ()
    #: True where a recording may come with it.
    takes_audio: bool = False
    #: True where the answer concerns whoever asked, and nobody else in the chat.
    is_personal: bool = False
    #: True where only admins can make use of it in a group: others need not be shown it.
    is_for_admins: bool = False
    #: What it does with a message that somebody points at.
    message_actions: tuple[MessageAction, ...] = ()
    #: True where it has no sense on platforms without voice channels: they do not show it.
    needs_voice_channels: bool = False

    @property
    def asked(self) -> tuple[Argument, ...]:
        """What a platform with fields asks for."""
        return self.fields or derive_arguments(self.argument)


@cache
def load_command(name: str) -> Command:
    """Return the command called `name`."""
    module, attribute = COMMANDS[name].split(":")
    command: Command = getattr(import_module(module), attribute)
    return command


def menu(*, has_voice: bool = False) -> list[tuple[str, Command]]:
    """Return the commands that people are shown, in order. has_voice: there are voice channels."""
    listed = [(name, load_command(name)) for name in COMMANDS]
    fitting = [(name, one) for name, one in listed if has_voice or not one.needs_voice_channels]
    return [(name, command) for name, command in fitting if command.is_listed]
