"""Requests that send a part of a reply: the routes to try, the best first. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from bots.discord_bot.interactions.tokens import InteractionToken
from bots.discord_bot.outgoing.parts import MessagePart
from core.models import PLACEHOLDER, Message

#: The original response to an interaction, as addresses name it.
ORIGINAL = "@original"


@dataclass(frozen=True, slots=True)
class DiscordRequest:
    """A message to send, or an edit of the bot's own message `edit_id`."""

    part: MessagePart
    #: The channel or thread, unless a token replies to an interaction.
    channel_id: str = ""
    #: The person to send a direct message to, while the channel's id is unknown.
    person_id: str = ""
    token: InteractionToken | None = None
    #: ORIGINAL is the first response of a token.
    edit_id: str = ""
    reply_to: str = ""
    #: A second request with the same nonce returns the same message, for some minutes.
    nonce: str = ""
    components: tuple[dict[str, Any], ...] = ()
    is_silent: bool = False

    @property
    def is_repeatable(self) -> bool:
        """True if a second request changes nothing after the first one."""
        return bool(self.edit_id or self.nonce)


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What is known when a part is about to be sent."""

    message: Message
    job_id: str
    #: None where there is none, or it has expired.
    token: InteractionToken | None = None
    #: Nobody but the person who asked may read the reply.
    is_secret: bool = False
    #: The channel or thread that the bot itself can write to, "" if there is none.
    channel_id: str = ""
    #: Id of the live message.
    placeholder_id: str = ""
    #: There may be a live message whose id is unknown.
    is_placeholder_lost: bool = False
    #: False where the channel refuses voice messages.
    has_voice: bool = True


def find_routes(
    context: DeliveryContext, number: int, draft: DiscordRequest, older_id: str = ""
) -> list[DiscordRequest]:
    """Return the routes of one part.

    draft: the part, its components, and the thread to send it to, if any.
    older_id: the message that holds an outdated version of the part.
    """
    part, as_file = draft.part, replace(draft.part, is_voice=False)
    routes: list[DiscordRequest] = []
    if draft.channel_id and older_id:
        routes.append(DiscordRequest(part, draft.channel_id, edit_id=older_id))
    if draft.channel_id:
        # The question is not in the thread: it cannot be replied to.
        sent = _send(context, number, part, older_id)
        routes.append(replace(sent, channel_id=draft.channel_id, reply_to=""))
    if part.is_voice and context.has_voice and context.channel_id:
        # A message cannot be edited into a voice message.
        routes.append(_send(context, number, part, older_id))
    routes += _find_edits(context, number, as_file, older_id)
    if context.channel_id:
        routes.append(_send(context, number, as_file, older_id))
    if context.token:
        routes.append(DiscordRequest(as_file, token=context.token))
    if context.is_secret and context.message.sender_id.isdecimal():
        # The token has expired or the bot cannot write there: a direct message.
        nonce = build_nonce(context.job_id, number, f"private {older_id}")
        routes.append(DiscordRequest(as_file, person_id=context.message.sender_id, nonce=nonce))
    # Voice messages have no components.
    return [r if r.part.is_voice else replace(r, components=draft.components) for r in routes]


def build_placeholder(message: Message, job_id: str, part: MessagePart) -> DiscordRequest:
    """Return the request that sends a live message; sent again, it returns the same message."""
    channel_id, nonce = message.thread_id or message.chat.chat_id, build_nonce(job_id, PLACEHOLDER)
    reply_to = find_question(message)
    return DiscordRequest(part, channel_id, reply_to=reply_to, nonce=nonce, is_silent=True)


def build_nonce(job_id: str, number: int, salt: str = "") -> str:
    """Return the nonce of a part of a reply: the same for each try, at most 25 characters.

    Placeholder and first part share a nonce, so sending either finds the other.
    salt: tells apart what must not be found that way.
    """
    return hashlib.sha256(f"{job_id}/{max(0, number)}/{salt}".encode()).hexdigest()[:25]


def find_question(message: Message) -> str:
    """Return the id of the message to reply to, "" if there is none."""
    if message.message_id.isdecimal():
        return message.message_id
    quoted = message.reply_to.message_id if message.reply_to else ""
    return quoted if quoted.isdecimal() else ""


def _find_edits(
    context: DeliveryContext, number: int, part: MessagePart, older_id: str
) -> Iterator[DiscordRequest]:
    token = context.token
    edit_id = older_id or (ORIGINAL if number == 0 and token and token.has_original else "")
    if token and edit_id:
        yield DiscordRequest(part, token=token, edit_id=edit_id)
    edit_id = older_id or (context.placeholder_id if number == 0 else "")
    # Editing the response of an expired interaction notifies nobody.
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
