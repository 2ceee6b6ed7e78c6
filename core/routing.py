"""Routing: which command answers a message."""

from __future__ import annotations

from core.commands import COMMANDS, load_command
from core.glossary.corrections import parse_correction
from core.models import ChatSettings, Message, NoteMode

#: Commands whose replies can be replied to with a question.
FOLLOWED = frozenset(
    {"ask", "ask_about", "transcribe", "translate", "brief", "summary", "digest_due"}
)
#: Attachments in which people talk to each other, unlike music and films.
SPOKEN = frozenset({"voice", "video_note"})


def pick_command(message: Message, settings: ChatSettings) -> str | None:
    """Return the command that answers `message`, None if nobody asked for an answer.

    In private every message is answered. In a group only commands are, replies to the bot's own,
    and voice messages if the admins have turned that on.
    """
    # Unlisted commands trust the text of their buttons, so nobody may type them.
    is_known = message.command in COMMANDS
    is_open = message.button or message.command == "start"
    if is_known and (is_open or load_command(message.command).is_listed):
        return message.command
    expects = settings.expects
    if expects and message.attachment and message.sent_at < expects.until_at:
        return expects.command
    return _follow_up(message) or _pick_unasked(message, settings)


def _follow_up(message: Message) -> str | None:
    """Return the command for a reply to one of the bot's replies."""
    quoted = message.reply_to
    if message.command or quoted is None or quoted.command not in FOLLOWED:
        return None
    if message.attachment:
        return "ask" if message.attachment.kind in SPOKEN else None
    if quoted.command == "transcribe" and parse_correction(message.text):
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
    """Return True if a voice message is a question: the sender's own, in private, if so chosen."""
    is_spoken = message.attachment is not None and message.attachment.kind in SPOKEN
    is_own = message.is_private and not (message.command or message.forwarded_from)
    return is_spoken and is_own and settings.talk.notes is not NoteMode.TRANSCRIBE
