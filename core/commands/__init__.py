"""The command table, and the rule that picks the command for a message.

A new command is one file in this folder and one line in the table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Set
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from core.commands.arguments import Argument, MessageAction, derive_arguments
from core.commands.context import Context
from core.glossary.corrections import parse_correction
from core.interfaces import Platform, VoiceChannels
from core.locale import mark
from core.models import WITHHELD, Chat, ChatSettings, Message, NoteMode, QuotedMessage, Reply
from core.permissions import Action

#: Name -> "module:attribute", imported on first use. The menus keep this order.
#: Names that people type are marked as texts: Discord shows them translated.
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
    mark("privacy"): "core.commands.privacy:command",
    mark("export"): "core.commands.export:command",
    mark("usage"): "core.commands.usage:command",
    mark("find"): "core.commands.find:command",
    mark("mode"): "core.commands.mode:command",
    mark("think"): "core.commands.think:command",
    mark("glossary"): "core.commands.glossary:command",
    mark("link"): "core.commands.link:command",
    mark("language"): "core.commands.language:command",
    mark("auto"): "core.commands.auto:command",
    mark("join"): "core.commands.join:command",
    mark("leave"): "core.commands.leave:command",
    mark("cancel"): "core.commands.cancel:command",
    mark("stop"): "core.commands.stop:command",
    mark("read"): "core.commands.read_aloud:command",
    mark("help"): "core.commands.help:command",
    "start": "core.commands.start:command",
    "introduction": "core.commands.start:introduction",
    "admin": "core.commands.admin:command",
    "no_recording": "core.commands.unasked.no_recording:command",
    "unknown": "core.commands.unasked.unknown:command",
    WITHHELD: "core.commands.unasked.withheld:command",
    "text_file": "core.commands.buttons.transcript:text_file",
    "listen": "core.commands.buttons.transcript:listen",
    "fix": "core.commands.buttons.fix:command",
    "digest_due": "core.commands.unasked.digest_due:command",
    "newcomers": "core.commands.unasked.newcomers:command",
    "notice": "core.commands.unasked.notice:command",
    "broadcast": "core.commands.unasked.notice:to_all",
    "access_asked": "core.commands.unasked.access:asked",
    "access_request": "core.commands.unasked.access:request",
    "access_denied": "core.commands.unasked.access:denied",
    "access_approved": "core.commands.unasked.access:approved",
    "consent": "core.commands.unasked.consent:command",
    "private_summary": "core.commands.buttons.summary:private_summary",
    "brief": "core.commands.buttons.transcript:brief",
    "replay": "core.commands.buttons.summary:replay",
    "ask_about": "core.commands.buttons.transcript:ask_about",
    "retry": "core.commands.buttons.failure:retry",
    "stale_button": "core.commands.buttons.failure:stale_button",
    "note": "core.commands.unasked.history:note",
    "collect": "core.commands.unasked.history:collect",
    "read_out": "core.commands.unasked.speak_message:command",
}

#: Commands whose replies can be replied to with a question.
FOLLOWED = frozenset(
    {"ask", "ask_about", "transcribe", "translate", "brief", "summary", "digest_due"}
)
#: Commands that are in no menu and that people may send all the same.
OPEN = frozenset({"start", "unknown", "fix", WITHHELD})
#: Commands whose replies notify nobody, where the platform can do that.
QUIET = frozenset({"newcomers"})
#: Attachments in which people talk to each other, unlike music and films.
SPOKEN = frozenset({"voice", "video_note"})


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a command makes, as texts about its failure and its delay say it."""

    failure: str
    delay: str


TRANSCRIPT = Purpose(mark("I could not transcribe this."), mark("I cannot transcribe this yet."))
ANSWER = Purpose(mark("I could not answer this."), mark("I cannot answer this yet."))
SUMMARY = Purpose(mark("I could not summarize this."), mark("I cannot summarize this yet."))
TRANSLATION = Purpose(mark("I could not translate this."), mark("I cannot translate this yet."))
SPEECH = Purpose(mark("I could not read this aloud."), mark("I cannot read this aloud yet."))
OTHER = Purpose(mark("That did not work."), mark("That takes longer."))


@dataclass(frozen=True, slots=True)
class Command:
    """One entry of the command table."""

    #: A few words for /help, Telegram's and Discord's menus and the page's command list; empty for
    #: commands that are not listed.
    help: str
    function: Callable[[Context], Awaitable[Reply]]
    #: What it makes, in texts about its failure and its delay.
    purpose: Purpose = OTHER
    #: What may follow the name, as /help and the page show it: "on | off", "[text]", "words".
    usage: str = ""
    #: Options of the slash command on Discord; derived from `usage` if empty. Telegram and the
    #: page pass on what was typed.
    arguments: tuple[Argument, ...] = ()
    #: False for commands that only buttons or the program itself start: they are in no menu.
    is_listed: bool = True
    #: True for commands that nobody asked for: a failure is not reported in the chat.
    is_silent: bool = False
    #: Adds an attachment option to the slash command. Elsewhere a recording is sent with the
    #: command as its caption, or the command replies to one.
    takes_audio: bool = False
    #: The reply is visible to the sender alone on Discord; other platforms show it to the chat.
    is_ephemeral: bool = False
    #: Returns whether what was typed asks for a reply that the sender alone sees, where the other
    #: replies of the command are for all. Discord wants to know before there is a reply.
    asks_privately: Callable[[str], bool] = lambda text: False
    #: To change what the command sets is for admins: Discord hides it from members who may not
    #: manage the server.
    is_for_admins: bool = False
    #: Returns what the words after the name ask for: `core.permissions` says who may. Derived from
    #: `is_for_admins`. What is decided by more than the words is asked in the command's function.
    action: Callable[[str], Action] = lambda text: Action.USE
    #: It works on the text of the message that it replies to. For others that is not stored.
    uses_quote: bool = False
    #: Returns the chat whose history it reads to answer a message, None if it reads none. While it
    #: runs, it begins anew whenever something there is forgotten.
    history: Callable[[Message], Chat | None] = lambda message: None
    #: Entries in the context menu of messages on Discord; elsewhere people reply with the command.
    message_actions: tuple[MessageAction, ...] = ()
    #: Shown only on platforms with voice channels, which is Discord, and there in servers only.
    needs_voice_channels: bool = False

    def __post_init__(self) -> None:
        if not self.arguments:
            object.__setattr__(self, "arguments", derive_arguments(self.usage))
        if self.is_for_admins:
            object.__setattr__(self, "action", _change_if_typed)


def _change_if_typed(text: str) -> Action:
    return Action.CHANGE_SETTINGS if text else Action.USE


@cache
def load_command(name: str) -> Command:
    """Return the command called `name`."""
    module, attribute = COMMANDS[name].split(":")
    command: Command = getattr(import_module(module), attribute)
    return command


def find_history(name: str, message: Message) -> Chat | None:
    """Return the chat whose history the command called `name` reads to answer a message."""
    return load_command(name).history(message) if name in COMMANDS else None


def chat_of(message: Message) -> Chat:
    """Return the chat of a message."""
    return message.chat


def menu(*, has_voice: bool = False, hidden: Set[str] = frozenset()) -> list[tuple[str, Command]]:
    """Return the listed commands in order, without `hidden` ones.

    has_voice: the platform has voice channels.
    """
    commands = [(name, load_command(name)) for name in COMMANDS]
    return [
        (name, command)
        for name, command in commands
        if command.is_listed
        and name not in hidden
        and (has_voice or not command.needs_voice_channels)
    ]


def menu_of(platform: Platform) -> list[tuple[str, Command]]:
    """Return the listed commands that a platform offers."""
    return menu(has_voice=platform.voice is not None, hidden=platform.hidden_commands)


def can_type(name: str, *, is_private: bool) -> bool:
    """Return whether people may type that command. Others trust the text of their buttons."""
    if name in OPEN or (is_private and name == "admin"):
        return True
    return name in COMMANDS and load_command(name).is_listed


def pick_command(
    message: Message, settings: ChatSettings, voice: VoiceChannels | None = None,
    operators: Set[str] = frozenset(),
) -> str | None:  # fmt: skip
    """Return the command that answers `message`, None if nobody asked for an answer.

    In private every message is answered. In a group only commands are, replies to the bot's own,
    and voice messages if the admins want that. voice: reads the rest aloud. operators: have /admin.
    """
    name = message.command
    if can_type(name, is_private=message.is_private) or (message.button and name in COMMANDS):
        return "unknown" if name == "admin" and message.sender_id not in operators else name
    attachment, expects = message.attachment, settings.expects
    if expects and attachment and expects.is_for(message.sender_id, message.sent_at):
        return expects.command
    if message.reply_to and (command := _pick_follow_up(message, message.reply_to)):
        return command
    is_spoken = attachment is not None and attachment.kind in SPOKEN
    if attachment and (message.is_private or settings.is_auto):
        is_own = message.is_private and not (message.command or message.forwarded_from)
        notes = settings.talk.notes
        # A caption is answered below the transcript.
        is_question = notes is NoteMode.ASK or (notes is NoteMode.BOTH and not message.text)
        return "ask" if is_spoken and is_own and is_question else "transcribe"
    if message.is_private:
        return _pick_private(message)
    if is_spoken and settings.talk.remember_days:
        return "note"
    is_plain = message.text and not (message.command or attachment or message.edit_id)
    return "read_out" if is_plain and voice and voice.is_read(message) else None


def _pick_private(message: Message) -> str | None:
    """Return the command for a private message that has no recording and no known command."""
    if message.command:
        return "unknown"
    if message.forwarded_from:
        return "collect" if message.text else None
    if message.text and message.reply_to and message.reply_to.attachment:
        return "ask"
    return "no_recording" if message.has_other_file else "start"


def _pick_follow_up(message: Message, quoted: QuotedMessage) -> str | None:
    """Return the command for a reply to one of the bot's replies."""
    if message.command or quoted.command not in FOLLOWED:
        return None
    if message.attachment:
        return "ask" if message.attachment.kind in SPOKEN else None
    if quoted.command == "transcribe" and parse_correction(message.text):
        return "fix"
    return "ask" if message.text else None
