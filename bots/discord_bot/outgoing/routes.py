"""Where a part of a reply may go: the ways to try, the best first. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

from bots.discord_bot.interactions.token import InteractionToken
from bots.discord_bot.outgoing.parts import MessagePart
from bots.discord_bot.outgoing.requests import ORIGINAL, DiscordRequest
from core.models import PLACEHOLDER, Message


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What is known when a part is about to go out."""

    message: Message
    job_id: str
    #: None where there is none, or Discord takes no more answers to it.
    token: InteractionToken | None = None
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


def find_routes(
    context: DeliveryContext, number: int, draft: DiscordRequest, older_id: str = ""
) -> list[DiscordRequest]:
    """Return the ways of one part.

    draft: the part, what stands under it, and the thread that it is to go to, if any.
    older_id: our message that an older form of the part stands in.
    """
    routes: Iterator[DiscordRequest] = _find(context, number, draft.part, older_id)
    if draft.channel_id:
        routes = chain(_find_in_thread(context, number, draft, older_id), routes)
    return [
        replace(route, components=() if route.part.is_voice else draft.components)
        for route in routes
    ]


def build_nonce(job_id: str, number: int, salt: str = "") -> str:
    """Return what marks a part of a job's reply: the same for each try, at most 25 characters.

    The text so far has the first part's: so one is found by sending the other.
    salt: tells apart what must not be taken for it.
    """
    return hashlib.sha256(f"{job_id}/{max(0, number)}/{salt}".encode()).hexdigest()[:25]


def find_placeholder(context: DeliveryContext) -> DiscordRequest:
    """Return what would be sent to show the text so far: sent again, it is the same message."""
    nonce = build_nonce(context.job_id, PLACEHOLDER)
    question = find_question(context.message)
    part = MessagePart("…")
    return DiscordRequest(part, context.channel_id, reply_to=question, nonce=nonce, is_silent=True)


def find_question(message: Message) -> str:
    """Return the id of the message that is answered, "" where it is none that can be quoted."""
    if message.message_id.isdecimal():
        return message.message_id
    quoted = message.reply_to.message_id if message.reply_to else ""
    return quoted if quoted.isdecimal() else ""


def _find(
    context: DeliveryContext, number: int, part: MessagePart, older_id: str
) -> Iterator[DiscordRequest]:
    as_file = replace(part, is_voice=False)
    if part.is_voice and context.has_voice and context.channel_id:
        # A voice message is made new or not at all.
        yield _send(context, number, part, older_id)
    yield from _find_edits(context, number, as_file, older_id)
    if context.channel_id:
        yield _send(context, number, as_file, older_id)
    if context.token:
        yield DiscordRequest(as_file, token=context.token)
    if context.is_secret and context.message.sender_id.isdecimal():
        # Late, or where we cannot write: to the person alone.
        nonce = build_nonce(context.job_id, number, f"private {older_id}")
        yield DiscordRequest(as_file, person_id=context.message.sender_id, nonce=nonce)


def _find_in_thread(
    context: DeliveryContext, number: int, draft: DiscordRequest, older_id: str
) -> Iterator[DiscordRequest]:
    if older_id:
        yield DiscordRequest(draft.part, draft.channel_id, edit_id=older_id)
    # The question is not there: it cannot be quoted.
    sent = _send(context, number, draft.part, older_id)
    yield replace(sent, channel_id=draft.channel_id, reply_to="")


def _find_edits(
    context: DeliveryContext, number: int, part: MessagePart, older_id: str
) -> Iterator[DiscordRequest]:
    token = context.token
    edit_id = older_id or (ORIGINAL if number == 0 and token and token.has_original else "")
    if token and edit_id:
        yield DiscordRequest(part, token=token, edit_id=edit_id)
    edit_id = older_id or (context.placeholder_id if number == 0 else "")
    # What stood for an interaction that has run out gets no new light when it is edited.
    is_late = bool(context.message.reply_token) and not older_id
    if context.channel_id and edit_id and not is_late:
        yield DiscordRequest(part, context.channel_id, edit_id=edit_id)


def _send(
    context: DeliveryContext, number: int, part: MessagePart, older_id: str
) -> DiscordRequest:
    return DiscordRequest(
        part,
        context.channel_id,
        reply_to=find_question(context.message),
        nonce=build_nonce(context.job_id, number, f"{older_id}{' voice' * part.is_voice}"),
    )
