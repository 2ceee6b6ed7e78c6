"""Shows the text so far: a draft where one person reads, an edited placeholder in a group.

Best effort and always second to the reply: the latest text wins, older ones are left out.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from dataclasses import dataclass, replace

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

from bots.telegram_bot.client import deadline
from bots.telegram_bot.errors import Refusal, as_seconds, describe, is_unsent, read_refusal
from bots.telegram_bot.outgoing import Outgoing, address, as_thread, build_reply_parameters
from bots.telegram_bot.pacing import Pacer
from bots.telegram_bot.parts import TextPart
from bots.telegram_bot.text import tail
from bots.text import clean, is_blank
from core import metrics
from core.errors import PlatformBusy
from core.interfaces import Envelope
from core.models import PLACEHOLDER, DeliveryState
from core.prompts.safety import deaden

log = structlog.get_logger(__name__)

#: Total deadline of one drawing: the reply waits for the one that is under way.
DRAW_S = 10.0
#: Lines of jobs that ended without a reply are dropped above this.
MAX_LINES = 500


@dataclass
class Gaps:
    """Least seconds between two drawings of one job; tests make them shorter."""

    private_s: float = 1.0
    group_s: float = 2.5


@dataclass
class _Line:
    """What one job shows."""

    envelope: Envelope
    text: str = ""
    shown: str | None = None
    at_s: float = float("-inf")
    #: It has to stay to be seen, which a draft does not.
    is_lasting: bool = False
    #: A call is under way: it must end before the reply goes out.
    is_calling: bool = False
    #: Nothing more is to be shown.
    is_over: bool = False
    task: asyncio.Task[None] | None = None


class Progress:
    """Draws the latest text of each job, as fast as the chat's limits allow."""

    def __init__(self, bot: telegram.Bot, pacer: Pacer, gaps: Gaps) -> None:
        self._bot = bot
        self._pacer = pacer
        self._gaps = gaps
        self._lines: dict[str, _Line] = {}
        self._unsent: set[str] = set()

    def show(self, envelope: Envelope, text: str, *, is_lasting: bool = False) -> None:
        """Make `text` what is drawn next. Returns at once and never raises."""
        self._drop_old()
        line = self._lines.setdefault(envelope.job_id, _Line(envelope))
        if is_lasting and not line.is_lasting:
            # A draft that was refused says nothing about a message.
            line.is_lasting, line.is_over = True, False
        line.text = tail(clean(text))
        if not is_lasting:
            # Somebody's words, or a model's: they call nobody.
            line.text = tail(deaden(line.text))
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
        await self._count_lost(envelope)

    async def _count_lost(self, envelope: Envelope) -> None:
        """Count a placeholder that may stand there for ever, once: before the first part."""
        known = await envelope.ledger.find(PLACEHOLDER)
        is_lost = known is not None and known.state is DeliveryState.PENDING
        if is_lost and envelope.job_id not in self._unsent and not await envelope.ledger.find(0):
            metrics.AMBIGUOUS_SENDS.labels("telegram").inc()
        self._unsent.discard(envelope.job_id)

    async def close(self) -> None:
        """Stop all drawing."""
        tasks = [line.task for line in self._lines.values() if line.task]
        self._lines.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _draw(self, line: _Line) -> None:
        is_private = line.envelope.message.is_private
        gap_s = self._gaps.private_s if is_private else self._gaps.group_s
        while line.text != line.shown and not line.is_over:
            await asyncio.sleep(max(0.0, line.at_s + gap_s - time.monotonic()))
            try:
                await self._take_turn(line)
                line.is_calling = True
                async with deadline(DRAW_S):
                    await self._draw_once(line)
            except (TelegramError, PlatformBusy) as error:
                self._note(line, error)
            finally:
                line.is_calling = False
                line.at_s = time.monotonic()

    async def _take_turn(self, line: _Line) -> None:
        message = line.envelope.message
        if message.is_private and not line.is_lasting:
            await self._pacer.wait_beside(message.chat.chat_id)
            return
        wait_s = self._pacer.try_take(message.chat.chat_id)
        while wait_s:
            await asyncio.sleep(wait_s)
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
            await self._send_placeholder(line, replace(out, part=TextPart(text)))

    async def _send_placeholder(self, line: _Line, out: Outgoing) -> None:
        self._unsent.discard(line.envelope.job_id)
        await line.envelope.ledger.start(PLACEHOLDER)
        sent = await self._bot.send_message(
            int(out.chat_id),
            line.shown or "…",
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

    def _drop_old(self) -> None:
        if len(self._lines) > MAX_LINES:
            oldest = next(iter(self._lines))
            if (task := self._lines[oldest].task) and not task.done():
                task.cancel()
            del self._lines[oldest]
            self._unsent.discard(oldest)


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


def _report(task: asyncio.Task[None]) -> None:
    # What fails here is the ledger; the reply itself will meet the same trouble and tell.
    if not task.cancelled() and (error := task.exception()):
        log.warning("telegram_progress_failed", error=type(error).__name__)
