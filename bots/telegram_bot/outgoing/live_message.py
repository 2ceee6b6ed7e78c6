"""Shows the text so far: a draft where one person reads, an edited placeholder in a group.

Best effort and always second to the reply: the latest text wins, older ones are left out.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import structlog
import telegram
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
)

from bots.common.live_progress import DRAW_S, Drawing, Line
from bots.common.text import clean, is_blank
from bots.telegram_bot.client import deadline
from bots.telegram_bot.errors import Refusal, as_seconds, describe, is_unsent, read_refusal
from bots.telegram_bot.outgoing.message import Outgoing, address, as_thread, build_reply_parameters
from bots.telegram_bot.outgoing.parts import TextPart
from bots.telegram_bot.outgoing.text import tail
from bots.telegram_bot.pacing import Pacer
from core import metrics
from core.clock import CLOCK, Clock
from core.errors import PlatformBusy
from core.interfaces import Envelope
from core.models import PLACEHOLDER, DeliveryState
from core.safety import deaden

log = structlog.get_logger(__name__)


#: Least seconds between two drawings of one job.
PRIVATE_GAP_S = 1.0
GROUP_GAP_S = 2.5


@dataclass
class _Line(Line):
    at_s: float = float("-inf")
    #: It has to stay to be seen, which a draft does not.
    is_lasting: bool = False


class Progress(Drawing[_Line]):
    """Draws the latest text of each job, as fast as the chat's limits allow."""

    def __init__(self, bot: telegram.Bot, pacer: Pacer, clock: Clock = CLOCK) -> None:
        super().__init__("telegram", _Line)
        self._bot = bot
        self._pacer = pacer
        self._clock = clock
        self._unsent: set[str] = set()

    def show(self, envelope: Envelope, text: str, *, is_lasting: bool = False) -> None:
        """Make `text` what is drawn next. Returns at once and never raises."""
        line = self._find_line(envelope)
        if is_lasting and not line.is_lasting:
            # A draft that was refused says nothing about a message.
            line.is_lasting, line.is_over = True, False
        line.text = tail(clean(text))
        if not is_lasting:
            # Somebody's words, or a model's: they call nobody.
            line.text = tail(deaden(line.text))
        self._start(line)

    async def end(self, envelope: Envelope) -> None:
        """See Drawing."""
        await super().end(envelope)
        await self._count_lost(envelope)

    async def _count_lost(self, envelope: Envelope) -> None:
        """Count a placeholder that may stand there for ever, once: before the first part."""
        known = await envelope.ledger.find(PLACEHOLDER)
        is_lost = known is not None and known.state is DeliveryState.PENDING
        if is_lost and envelope.job_id not in self._unsent and not await envelope.ledger.find(0):
            metrics.AMBIGUOUS_SENDS.labels("telegram").inc()
        self._unsent.discard(envelope.job_id)

    async def _draw(self, line: _Line) -> None:
        is_private = line.envelope.message.is_private
        gap_s = PRIVATE_GAP_S if is_private else GROUP_GAP_S
        while line.text != line.shown and not line.is_over:
            await self._clock.sleep(max(0.0, line.at_s + gap_s - self._clock.monotonic()))
            try:
                await self._take_turn(line)
                line.is_calling = True
                async with deadline(DRAW_S):
                    await self._draw_once(line)
            except (TelegramError, PlatformBusy) as error:
                self._note(line, error)
            finally:
                line.is_calling = False
                line.at_s = self._clock.monotonic()

    async def _take_turn(self, line: _Line) -> None:
        message = line.envelope.message
        if message.is_private and not line.is_lasting:
            await self._pacer.wait_beside(message.chat.chat_id)
            return
        wait_s = self._pacer.try_take(message.chat.chat_id)
        while wait_s:
            await self._clock.sleep(wait_s)
            wait_s = self._pacer.try_take(message.chat.chat_id)

    async def _draw_once(self, line: _Line) -> None:
        text, line.shown = line.text, line.text
        out = address(line.envelope.message, TextPart(text))
        is_draft = line.envelope.message.is_private and not line.is_lasting
        if await line.envelope.ledger.find(0):
            line.is_over = True  # the reply is on its way, or stands there and will be edited
        elif is_draft and not await find_placeholder(line.envelope):
            draft_id = build_draft_id(line.envelope.job_id)
            thread_id = as_thread(out.thread_id)
            await self._bot.send_message_draft(int(out.chat_id), draft_id, text, thread_id)
        elif not is_blank(text):
            await self._draw_placeholder(line, out, text)

    async def _draw_placeholder(self, line: _Line, out: Outgoing, text: str) -> None:
        ledger = line.envelope.ledger
        known = await ledger.find(PLACEHOLDER)
        is_lost = known is not None and known.state is DeliveryState.PENDING
        if is_lost and line.envelope.job_id not in self._unsent:
            line.is_over = True  # a placeholder may stand there that nobody can find
        elif message_id := await find_placeholder(line.envelope):
            await self._bot.edit_message_text(text, int(out.chat_id), int(message_id))
        else:
            await self._send_placeholder(line, out, text)

    async def _send_placeholder(self, line: _Line, out: Outgoing, text: str) -> None:
        self._unsent.discard(line.envelope.job_id)
        await line.envelope.ledger.start(PLACEHOLDER)
        sent = await self._bot.send_message(
            int(out.chat_id),
            text,
            message_thread_id=as_thread(out.thread_id),
            reply_parameters=build_reply_parameters(out),
            disable_notification=True,
        )
        # With the chat: after a move of the group the same message id means another message.
        await line.envelope.ledger.finish(PLACEHOLDER, f"{out.chat_id}/{sent.message_id}")

    def _note(self, line: _Line, error: TelegramError | PlatformBusy) -> None:
        log.debug("telegram_progress", detail=describe(error))
        if isinstance(error, RetryAfter):
            self._pacer.hold(line.envelope.message.chat.chat_id, as_seconds(error.retry_after))
        if isinstance(error, PlatformBusy):
            line.shown = line.text  # the next text may try again
            return
        if is_unsent(error):
            self._unsent.add(line.envelope.job_id)
        # What was refused once is refused again, except when it was only too early.
        is_harmless = read_refusal(error) is Refusal.NOT_MODIFIED
        is_gone = isinstance(error, BadRequest | Forbidden | InvalidToken | ChatMigrated)
        line.is_over |= is_gone and not is_harmless

    def _drop(self, job_id: str) -> None:
        super()._drop(job_id)
        self._unsent.discard(job_id)


async def find_placeholder(envelope: Envelope) -> str:
    """Return the id of the placeholder that stands in the message's chat, or ""."""
    known = await envelope.ledger.find(PLACEHOLDER)
    if known is None or known.state is not DeliveryState.SENT:
        return ""
    chat_id, _, message_id = known.platform_id.rpartition("/")
    # A failure that is run again leaves its bare id; it holds while the question has one too.
    is_here = chat_id in (envelope.message.chat.chat_id, "") and envelope.message.message_id
    return message_id if is_here else ""


def build_draft_id(job_id: str) -> int:
    """Return the number of a job's draft: the same for each drawing, never 0."""
    return zlib.crc32(job_id.encode()) % 0x7FFF_FFFF + 1
