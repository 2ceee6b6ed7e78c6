"""What people can ask for. A new command is one file here and one line in this table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module

from core.casting import Choices, pick_manner
from core.errors import EngineError, NotAllowed, UserError
from core.fields import Field, Use, derive_fields
from core.fields import first_word as first_word
from core.glossary import read_fix
from core.hearing import Heard, Hearing, OnText
from core.interfaces import Platform
from core.locale import mark

# A command has that name, and its module would take the function's place here.
from core.locale import translate as translate_text
from core.models import (
    Button,
    ChatSettings,
    Job,
    Message,
    NoteMode,
    RepliesMode,
    Reply,
    SpeechSettings,
    Transcript,
)
from core.prompts.safety import deaden_values
from core.speaking import MAX_CHARS, OnSound, Speaking, Spoken
from core.speech import shorten
from core.store import Store
from core.understanding import Understanding

LISTEN = mark("Listen")
#: What is longer than this can be summed up.
SUMMARY_OVER_S = 60.0

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
    mark("read"): "core.commands.read:command",
    mark("help"): "core.commands.help:command",
    "start": "core.commands.start:command",
    "export": "core.commands.export:command",
    "listen": "core.commands.listen:command",
    "fix": "core.commands.fix:command",
    "digest_due": "core.commands.digest_due:command",
    "consent": "core.commands.consent:command",
    "private_summary": "core.commands.private_summary:command",
    "brief": "core.commands.brief:command",
    "replay": "core.commands.replay:command",
    "ask_about": "core.commands.ask_about:command",
    "retry": "core.commands.retry:command",
    "stale_button": "core.commands.stale_button:command",
    "note": "core.commands.note:command",
    "collect": "core.commands.collect:command",
    "read_out": "core.commands.read_out:command",
}

#: Commands whose answers a reply asks about.
FOLLOWED = frozenset(
    {"ask", "ask_about", "transcribe", "translate", "brief", "summary", "digest_due"}
)
#: Attachments in which people speak to each other, as against music and films.
SPOKEN = frozenset({"voice", "video_note"})


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
        """Return `text` in the sender's language; words of people in it link nowhere."""
        return translate_text(text, self.message.language, **deaden_values(values))

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

    async def fetch(self, message: Message | None = None) -> bytes:
        """Return the sound of the message, or of the one it quotes.

        Raises UserError where another person said it and does not want that, TooLong.
        """
        message = message or self.message
        quoted = message.reply_to
        is_of_another = quoted and quoted.sender_id not in ("", message.sender_id)
        if quoted and is_of_another and not message.attachment:
            platform = message.chat.platform
            if await self.store.memory.is_opted_out(platform, quoted.sender_id):
                raise UserError("Whoever said this does not want it to be written down.")
        return await self.platform.fetch(message)

    async def remember(self, heard: Heard) -> None:
        """Keep what the message's recording says, or the quoted one's, if that is remembered."""
        message = self.message
        if message.attachment:
            is_kept = message.forwarded_from or not message.is_private
            message_id = message.message_id if is_kept else ""
        else:
            message_id = message.reply_to.message_id if message.reply_to else ""
        if message_id and (message.is_private or self.settings.talk.remember_days):
            await self.store.memory.save_transcript(
                message.chat, message_id, heard.transcript, heard.key
            )

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
    #: False for what nobody types: it comes from buttons, or by itself.
    is_listed: bool = True
    #: True for what nobody asked for: that it failed is not told either.
    is_silent: bool = False
    #: What may follow, part by part; without any, platforms with fields make one of `argument`.
    fields: tuple[Field, ...] = ()
    #: True where a recording may come with it.
    takes_sound: bool = False
    #: True where the answer concerns whoever asked, and nobody else in the chat.
    is_personal: bool = False
    #: True where only admins can make use of it in a group: others need not be shown it.
    is_for_admins: bool = False
    #: What it does with a message that somebody points at.
    uses: tuple[Use, ...] = ()
    #: True where it has no sense on platforms without voice channels: they do not show it.
    needs_voice: bool = False

    @property
    def asked(self) -> tuple[Field, ...]:
        """What a platform with fields asks for."""
        return self.fields or derive_fields(self.argument)


@cache
def load_command(name: str) -> Command:
    """Return the command called `name`."""
    module, attribute = COMMANDS[name].split(":")
    command: Command = getattr(import_module(module), attribute)
    return command


def menu(*, has_voice: bool = False) -> list[tuple[str, Command]]:
    """Return the commands that people are shown, in order. has_voice: there are voice channels."""
    listed = [(name, load_command(name)) for name in COMMANDS]
    fitting = [(name, one) for name, one in listed if has_voice or not one.needs_voice]
    return [(name, command) for name, command in fitting if command.is_listed]


def pick_command(message: Message, settings: ChatSettings) -> str | None:
    """Return the command that answers `message`, None where nobody asked for an answer.

    In private every message is answered. In a group only commands are, replies to our answers,
    and voice notes once the admins have turned that on.
    """
    # What is not listed rests on what its button holds: typed, it could hold anything.
    is_known = message.command in COMMANDS
    is_open = message.button or message.command == "start"
    if is_known and (is_open or load_command(message.command).is_listed):
        return message.command
    expects = settings.expects
    if expects and message.attachment and message.sent_at < expects.until_at:
        return expects.command
    return _follow_up(message) or _pick_unasked(message, settings)


def _follow_up(message: Message) -> str | None:
    """Return the command for a reply to one of our answers that can be asked about."""
    quoted = message.reply_to
    if message.command or quoted is None or quoted.command not in FOLLOWED:
        return None
    if message.attachment:
        return "ask" if message.attachment.kind in SPOKEN else None
    if quoted.command == "transcribe" and read_fix(message.text):
        return "fix"
    return "ask" if message.text else None


def _pick_unasked(message: Message, settings: ChatSettings) -> str | None:
    if message.attachment and (message.is_private or settings.is_auto):
        return "ask" if _is_question(message, settings) else "transcribe"
    if message.is_private:
        return "collect" if message.forwarded_from and not message.command else "help"
    is_spoken = message.attachment is not None and message.attachment.kind in SPOKEN
    return "note" if is_spoken and settings.talk.remember_days else None


def _is_question(message: Message, settings: ChatSettings) -> bool:
    """Tell whether a voice note asks something by itself: in private, and in one's own words."""
    is_spoken = message.attachment is not None and message.attachment.kind in SPOKEN
    is_own = message.is_private and not (message.command or message.forwarded_from)
    return is_spoken and is_own and settings.talk.notes is not NoteMode.TRANSCRIBE


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


def offer_uses(ctx: Context, heard: Transcript, key: str) -> tuple[Button, ...]:
    """Return what can be had of a transcript kept as `key`, the most wanted first."""
    return tuple(_offer_uses(ctx, heard, key))


def _offer_uses(ctx: Context, heard: Transcript, key: str) -> Iterator[Button]:
    if heard.duration_s > SUMMARY_OVER_S:
        yield Button(ctx.text("Summary"), "brief", key)
    if ctx.understanding.answerer.chat_limits.can_translate:
        yield Button(ctx.text("Translate"), "translate", key)
    yield Button(ctx.text("Ask"), "ask_about", key)
    if ctx.job.command == "transcribe":
        # Elsewhere a reply that corrects is a further question.
        yield Button(ctx.text("Fix"), "fix")
    if len(heard.segments) > 1:
        yield from (Button(f".{form}", "export", f"{form} {key}") for form in ("txt", "srt"))
