"""Shows the text so far: in the first answer to an interaction, else in a message of ours.

Best effort and always second to the reply: the latest text wins, older ones are left out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

import discord
import structlog

from bots.discord_bot.calls import ORIGINAL, Outgoing, perform
from bots.discord_bot.client import TROUBLE, Client
from bots.discord_bot.errors import INTERACTION_OVER, code_of, describe, read_error
from bots.discord_bot.parts import Part, shorten
from bots.discord_bot.ticket import Ticket, read_ticket
from bots.discord_bot.ways import build_nonce, find_question
from bots.text import is_blank
from core.errors import AssistantError, PlatformBusy
from core.interfaces import Envelope
from core.models import PLACEHOLDER, DeliveryState

log = structlog.get_logger(__name__)

#: Total deadline of one drawing: the reply waits for the one that is under way.
DRAW_S = 10.0
#: Lines of jobs that ended without a reply are dropped above this.
MAX_LINES = 500


@dataclass
class _Line:
    """What one job shows."""

    envelope: Envelope
    text: str = ""
    is_ours: bool = False
    shown: str | None = None
    #: A call is under way: it must end before the reply goes out.
    is_calling: bool = False
    #: Nothing more is to be shown.
    is_over: bool = False
    task: asyncio.Task[None] | None = None


class Progress:
    """Draws the latest text of each job, one of a channel at a time."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lines: dict[str, _Line] = {}

    def show(self, envelope: Envelope, text: str, *, is_lasting: bool = False) -> None:
        """Make `text` what is drawn next. Returns at once and never raises.

        is_lasting: it is the program's own; else somebody's words, or a model's.
        """
        self._drop_old()
        line = self._lines.setdefault(envelope.job_id, _Line(envelope))
        line.text, line.is_ours = text, is_lasting
        if line.is_over or (line.task and not line.task.done()):
            return
        line.task = asyncio.create_task(self._draw(line))
        line.task.add_done_callback(_report)

    async def end(self, envelope: Envelope) -> None:
        """Stop drawing and return when no call is under way any more."""
        line = self._lines.pop(envelope.job_id, None)
        if line and line.task:
            line.is_over = True
            if not line.is_calling:
                line.task.cancel()
            await asyncio.wait([line.task])

    async def close(self) -> None:
        """Stop all drawing."""
        tasks = [line.task for line in self._lines.values() if line.task]
        self._lines.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _draw(self, line: _Line) -> None:
        message = line.envelope.message
        channel_id = message.thread_id or message.chat.chat_id
        while line.text != line.shown and not line.is_over:
            wait_s = self._client.pacer.take_turn(channel_id)
            while wait_s:
                await asyncio.sleep(wait_s)
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
        out = _address(envelope, part, placeholder_id)
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

    def _drop_old(self) -> None:
        if len(self._lines) > MAX_LINES:
            oldest = next(iter(self._lines))
            if (task := self._lines[oldest].task) and not task.done():
                task.cancel()
            del self._lines[oldest]


def good_ticket(text: str) -> Ticket | None:
    """Return the ticket of a message while Discord takes answers to it."""
    ticket = read_ticket(text)
    return ticket if ticket and ticket.is_good(datetime.now(UTC)) else None


def _address(envelope: Envelope, part: Part, placeholder_id: str) -> Outgoing | None:
    """Return how to draw, None where nothing can be drawn on."""
    message = envelope.message
    if message.ticket:
        ticket = good_ticket(message.ticket)
        if ticket is None or not ticket.has_original:
            return None
        return Outgoing(part, ticket=ticket, edit_id=ORIGINAL)
    channel_id = message.thread_id or message.chat.chat_id
    if placeholder_id:
        return Outgoing(part, channel_id, edit_id=placeholder_id)
    nonce = build_nonce(envelope.job_id, PLACEHOLDER)
    question = find_question(message)
    return Outgoing(part, channel_id, reply_to=question, nonce=nonce, is_silent=True)


def _report(task: asyncio.Task[None]) -> None:
    # What fails here is the ledger; the reply itself will meet the same trouble and tell.
    if not task.cancelled() and (error := task.exception()):
        is_known = isinstance(error, AssistantError)
        log.warning("discord_progress_failed", error=type(error).__name__, is_known=is_known)
