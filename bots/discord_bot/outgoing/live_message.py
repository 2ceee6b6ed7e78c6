"""Shows the text so far: in the first answer to an interaction, else in a message of ours.

Best effort and always second to the reply: the latest text wins, older ones are left out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

import discord
import structlog

from bots.common.live_progress import DRAW_S, Drawing, Line
from bots.common.text import is_blank
from bots.discord_bot.client.gateway import TROUBLE, Client
from bots.discord_bot.errors import INTERACTION_OVER, code_of, describe, read_error
from bots.discord_bot.interactions.token import Ticket, read_ticket
from bots.discord_bot.outgoing.parts import Part, shorten
from bots.discord_bot.outgoing.requests import ORIGINAL, Outgoing, perform
from bots.discord_bot.outgoing.routes import build_nonce, find_question
from core.errors import PlatformBusy
from core.interfaces import Envelope
from core.models import PLACEHOLDER, DeliveryState

log = structlog.get_logger(__name__)


@dataclass
class _Line(Line):
    #: The text is the program's own.
    is_ours: bool = False


class Progress(Drawing[_Line]):
    """Draws the latest text of each job, one of a channel at a time."""

    def __init__(self, client: Client) -> None:
        super().__init__("discord", _Line)
        self._client = client

    def show(self, envelope: Envelope, text: str, *, is_lasting: bool = False) -> None:
        """Make `text` what is drawn next. Returns at once and never raises.

        is_lasting: it is the program's own; else somebody's words, or a model's.
        """
        line = self._find_line(envelope)
        line.text, line.is_ours = text, is_lasting
        self._start(line)

    async def _draw(self, line: _Line) -> None:
        message = line.envelope.message
        channel_id = message.thread_id or message.chat.chat_id
        while line.text != line.shown and not line.is_over:
            wait_s = self._client.pacer.take_turn(channel_id)
            while wait_s:
                await self._client.clock.sleep(wait_s)
                wait_s = self._client.pacer.take_turn(channel_id)
            is_held = not message.ticket and self._client.pacer.is_held(channel_id)
            if line.is_over or is_held:
                return
            line.is_calling, line.shown = True, line.text
            try:
                async with asyncio.timeout(DRAW_S):
                    await self._draw_once(line)
            except (*TROUBLE, PlatformBusy) as error:
                self._note(line, error)
            finally:
                line.is_calling = False

    async def _draw_once(self, line: _Line) -> None:
        envelope = line.envelope
        part = Part(shorten(line.text, is_ours=line.is_ours))
        if await envelope.ledger.find(0):
            line.is_over = True  # the reply is on its way, or stands there and will be edited
            return
        if is_blank(part.text):
            return
        known = await envelope.ledger.find(PLACEHOLDER)
        placeholder_id = known.platform_id if known and known.state is DeliveryState.SENT else ""
        out = _address(envelope, part, placeholder_id, self._client.clock.now())
        if out is None:
            line.is_over = True
            return
        if not placeholder_id:
            await envelope.ledger.start(PLACEHOLDER)
        sent = await perform(self._client, out)
        if not placeholder_id:
            await envelope.ledger.finish(PLACEHOLDER, str(sent["id"]))

    def _note(self, line: _Line, error: BaseException) -> None:
        log.debug("discord_progress", detail=describe(error))
        if code_of(error) in INTERACTION_OVER:
            line.is_over = True
            return
        # What was refused once is refused again, except when it was only too early.
        is_busy = isinstance(error, PlatformBusy) or read_error(error).is_retryable
        line.is_over |= not is_busy
        message = line.envelope.message
        if isinstance(error, discord.Forbidden) and not message.ticket:
            self._client.pacer.note_forbidden(message.thread_id or message.chat.chat_id)


def good_ticket(text: str, now: datetime) -> Ticket | None:
    """Return the ticket of a message while Discord takes answers to it."""
    ticket = read_ticket(text)
    return ticket if ticket and ticket.is_good(now) else None


def _address(envelope: Envelope, part: Part, placeholder_id: str, now: datetime) -> Outgoing | None:
    """Return how to draw, None where nothing can be drawn on."""
    message = envelope.message
    if message.ticket:
        ticket = good_ticket(message.ticket, now)
        if ticket is None or not ticket.has_original:
            return None
        return Outgoing(part, ticket=ticket, edit_id=ORIGINAL)
    channel_id = message.thread_id or message.chat.chat_id
    if placeholder_id:
        return Outgoing(part, channel_id, edit_id=placeholder_id)
    nonce = build_nonce(envelope.job_id, PLACEHOLDER)
    question = find_question(message)
    return Outgoing(part, channel_id, reply_to=question, nonce=nonce, is_silent=True)
