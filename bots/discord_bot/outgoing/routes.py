"""Where a part of a reply may go: the ways to try, the best first. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

from bots.discord_bot.interactions.token import Ticket
from bots.discord_bot.outgoing.parts import Part
from bots.discord_bot.outgoing.requests import ORIGINAL, Outgoing
from core.models import PLACEHOLDER, Message


@dataclass(frozen=True, slots=True)
class Stand:
    """What is known when a part is about to go out."""

    message: Message
    job_id: str
    #: None where there is none, or Discord takes no more answers to it.
    ticket: Ticket | None = None
    #: Nobody else may read the answer.
    is_secret: bool = False
    #: Our message that shows the text so far.
    placeholder_id: str = ""
    #: True where there may be such a message that nobody knows the id of.
    is_placeholder_lost: bool = False
    #: False where the channel refuses voice messages.
    has_voice: bool = True

    @property
    def has_shown(self) -> bool:
        """Tell whether there is, or may be, a message that shows the text so far."""
        return bool(self.placeholder_id) or self.is_placeholder_lost

    @property
    def channel_id(self) -> str:
        """The channel that the bot itself can write to, "" if there is none."""
        channel_id = self.message.thread_id or self.message.chat.chat_id
        return channel_id if channel_id.isdecimal() and not self.is_secret else ""


def find_ways(stand: Stand, number: int, draft: Outgoing, older_id: str = "") -> list[Outgoing]:
    """Return the ways of one part.

    draft: the part, what stands under it, and the thread that it is to go to, if any.
    older_id: our message that an older form of the part stands in.
    """
    ways: Iterator[Outgoing] = _find(stand, number, draft.part, older_id)
    if draft.channel_id:
        ways = chain(_find_in_thread(stand, number, draft, older_id), ways)
    return [replace(way, components=() if way.part.is_voice else draft.components) for way in ways]


def build_nonce(job_id: str, number: int, salt: str = "") -> str:
    """Return what marks a part of a job's reply: the same for each try, at most 25 characters.

    The text so far has the first part's: so one is found by sending the other.
    salt: tells apart what must not be taken for it.
    """
    return hashlib.sha256(f"{job_id}/{max(0, number)}/{salt}".encode()).hexdigest()[:25]


def find_placeholder(stand: Stand) -> Outgoing:
    """Return what would be sent to show the text so far: sent again, it is the same message."""
    nonce = build_nonce(stand.job_id, PLACEHOLDER)
    question = find_question(stand.message)
    part = Part("…")
    return Outgoing(part, stand.channel_id, reply_to=question, nonce=nonce, is_silent=True)


def find_question(message: Message) -> str:
    """Return the id of the message that is answered, "" where it is none that can be quoted."""
    if message.message_id.isdecimal():
        return message.message_id
    quoted = message.reply_to.message_id if message.reply_to else ""
    return quoted if quoted.isdecimal() else ""


def _find(stand: Stand, number: int, part: Part, older_id: str) -> Iterator[Outgoing]:
    as_file = replace(part, is_voice=False)
    if part.is_voice and stand.has_voice and stand.channel_id:
        # A voice message is made new or not at all.
        yield _send(stand, number, part, older_id)
    yield from _find_edits(stand, number, as_file, older_id)
    if stand.channel_id:
        yield _send(stand, number, as_file, older_id)
    if stand.ticket:
        yield Outgoing(as_file, ticket=stand.ticket)
    if stand.is_secret and stand.message.sender_id.isdecimal():
        # Late, or where we cannot write: to the person alone.
        nonce = build_nonce(stand.job_id, number, f"private {older_id}")
        yield Outgoing(as_file, person_id=stand.message.sender_id, nonce=nonce)


def _find_in_thread(
    stand: Stand, number: int, draft: Outgoing, older_id: str
) -> Iterator[Outgoing]:
    if older_id:
        yield Outgoing(draft.part, draft.channel_id, edit_id=older_id)
    # The question is not there: it cannot be quoted.
    sent = _send(stand, number, draft.part, older_id)
    yield replace(sent, channel_id=draft.channel_id, reply_to="")


def _find_edits(stand: Stand, number: int, part: Part, older_id: str) -> Iterator[Outgoing]:
    ticket = stand.ticket
    edit_id = older_id or (ORIGINAL if number == 0 and ticket and ticket.has_original else "")
    if ticket and edit_id:
        yield Outgoing(part, ticket=ticket, edit_id=edit_id)
    edit_id = older_id or (stand.placeholder_id if number == 0 else "")
    # What stood for an interaction that has run out gets no new light when it is edited.
    is_late = bool(stand.message.ticket) and not older_id
    if stand.channel_id and edit_id and not is_late:
        yield Outgoing(part, stand.channel_id, edit_id=edit_id)


def _send(stand: Stand, number: int, part: Part, older_id: str) -> Outgoing:
    return Outgoing(
        part,
        stand.channel_id,
        reply_to=find_question(stand.message),
        nonce=build_nonce(stand.job_id, number, f"{older_id}{' voice' * part.is_voice}"),
    )
