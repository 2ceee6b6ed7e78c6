"""Where a reply can go: interaction tokens, and the routes of each part, the best first. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from bots.discord_bot.outgoing.parts import MessagePart
from core.commands import QUIET
from core.models import PLACEHOLDER, Message

#: The original response to an interaction, as addresses name it.
ORIGINAL = "@original"
#: How long an interaction token is valid, less the time that a request may take.
LIFE_S = 15 * 60 - 15
#: After this the sender no longer waits in front of the live message, which is silent and whose
#: edits notify nobody: the reply is a new message.
WATCHED_S = 5.0


@dataclass(frozen=True, slots=True)
class InteractionToken:
    """The token to reply to one interaction; stored encrypted as `Message.reply_token`."""

    interaction_id: str
    token: str
    #: Seconds since 1970.
    created_s: int
    #: Only the person who asked sees the reply.
    is_ephemeral: bool = False
    #: The app is installed for the person only: the bot is not in the chat and cannot write there.
    is_personal: bool = False
    #: False where the original response is the message whose button was pressed.
    has_original: bool = True

    def write(self) -> str:
        """Return the token as text: id:token:created:flags."""
        flags = "e" * self.is_ephemeral + "p" * self.is_personal + "u" * (not self.has_original)
        return f"{self.interaction_id}:{self.token}:{self.created_s}:{flags}"

    def is_valid(self, now: datetime) -> bool:
        """Return whether Discord still accepts replies."""
        return now.timestamp() < self.created_s + LIFE_S


def read_interaction_token(text: str) -> InteractionToken | None:
    """Return the inverse of `InteractionToken.write`, None where there is none."""
    fields = text.split(":")
    if len(fields) != 4 or not fields[2].isdecimal():
        return None
    interaction_id, token, created_s, flags = fields
    flag_values = ("e" in flags, "p" in flags, "u" not in flags)
    return InteractionToken(interaction_id, token, int(created_s), *flag_values)


def is_shown_as_command(message: Message) -> bool:
    """Return whether a public response shows that somebody used /say in a server."""
    token = read_interaction_token(message.reply_token)
    is_public = token is not None and token.has_original and not token.is_ephemeral
    is_say = message.command == "say" and not (message.button or message.reply_to)
    return is_public and is_say and not message.is_private


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
    #: Not empty where the reply comes later than WATCHED_S after a live message: it keeps the
    #: reply's nonce from finding that.
    late_salt: str = ""
    #: False where the channel refuses voice messages.
    has_voice: bool = True


def find_routes(
    context: DeliveryContext, number: int, draft: DiscordRequest, older_id: str = ""
) -> list[DiscordRequest]:
    """Return the routes of one part.

    draft: the part, its components, and the thread to send it to, if any.
    older_id: the message that holds an outdated version of the part.
    """
    new = partial(build_new, context.message, context.job_id, number)
    part, as_file = draft.part, replace(draft.part, is_voice=False)
    routes: list[DiscordRequest] = []
    if draft.channel_id and older_id:
        routes.append(DiscordRequest(part, draft.channel_id, edit_id=older_id))
    if draft.channel_id:
        # The question is not in the thread: it cannot be replied to.
        routes.append(replace(new(part, older_id), channel_id=draft.channel_id, reply_to=""))
    if part.is_voice and context.has_voice and context.channel_id:
        # A message cannot be edited into a voice message.
        routes.append(new(part, older_id))
    routes += _find_edits(context, number, as_file, older_id)
    if context.channel_id:
        routes.append(new(as_file, older_id or context.late_salt * (number == 0)))
    if context.token:
        routes.append(DiscordRequest(as_file, token=context.token))
    if context.is_secret and context.message.sender_id.isdecimal():
        # The token has expired or the bot cannot write there: a direct message.
        sent, person_id = new(as_file, f"private {older_id}"), context.message.sender_id
        routes.append(replace(sent, channel_id="", reply_to="", person_id=person_id))
    # Voice messages have no components.
    return [r if r.part.is_voice else replace(r, components=draft.components) for r in routes]


def build_new(
    message: Message, job_id: str, number: int, part: MessagePart, salt: str = ""
) -> DiscordRequest:
    """Return the request that sends a part, or a live message, to the chat of `message`.

    Its nonce is the same for each try. Placeholder and first part share a nonce, so sending
    either finds the other; salt: tells apart what must not be found that way.
    """
    quoted_id = message.reply_to.message_id if message.reply_to else ""
    found = (one for one in (message.message_id, quoted_id) if one.isdecimal())
    key = f"{job_id}/{max(0, number)}/{salt}{' voice' * part.is_voice}"
    return DiscordRequest(
        part,
        message.thread_id or message.chat.chat_id,
        reply_to=next(found, ""),
        nonce=hashlib.sha256(key.encode()).hexdigest()[:25],
        is_silent=number == PLACEHOLDER or message.command in QUIET,
    )


def _find_edits(
    context: DeliveryContext, number: int, part: MessagePart, older_id: str
) -> Iterator[DiscordRequest]:
    token = context.token
    edit_id = older_id or (ORIGINAL if number == 0 and token and token.has_original else "")
    if token and edit_id:
        yield DiscordRequest(part, token=token, edit_id=edit_id)
    edit_id = older_id or (context.placeholder_id if number == 0 else "")
    # Editing a live message, or the response of an expired interaction, notifies nobody.
    is_silent = bool(context.message.reply_token or context.late_salt)
    if context.channel_id and edit_id and (older_id or not is_silent):
        yield DiscordRequest(part, context.channel_id, edit_id=edit_id)
