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

from bots.common.live_progress import UPDATE_S, LiveMessage, LiveMessages
from bots.common.text import clean, is_blank
from bots.telegram_bot.client import deadline
from bots.telegram_bot.errors import Refusal, as_seconds, describe, is_unsent, read_refusal
from bots.telegram_bot.outgoing.message import (
    TelegramRequest,
    address,
    as_thread,
    build_reply_parameters,
)
from bots.telegram_bot.outgoing.parts import TextPart
from bots.telegram_bot.outgoing.text import tail
from bots.telegram_bot.pacing import TelegramPacer
from core import metrics
from core.clock import CLOCK, Clock
from core.errors import PlatformBusy
from core.interfaces import DeliveryTarget
from core.models import PLACEHOLDER, DeliveryState
from core.safety import disable_links

log = structlog.get_logger(__name__)


#: Least seconds between two drawings of one job.
PRIVATE_GAP_S = 1.0
GROUP_GAP_S = 2.5


@dataclass
class _LiveMessage(LiveMessage):
    at_s: float = float("-inf")
    #: It has to stay to be seen, which a draft does not.
    is_lasting: bool = False


class TelegramLiveMessages(LiveMessages[_LiveMessage]):
    """Draws the latest text of each job, as fast as the chat's limits allow."""

    def __init__(self, bot: telegram.Bot, pacer: TelegramPacer, clock: Clock = CLOCK) -> None:
        super().__init__("telegram", _LiveMessage)
        self._bot = bot
        self._pacer = pacer
        self._clock = clock
        self._unsent: set[str] = set()

    async def show(self, target: DeliveryTarget, text: str, *, is_lasting: bool = False) -> None:
        """Show `text` next. Returns at once and never raises."""
        live = self._find(target)
        if is_lasting and not live.is_lasting:
            # A draft that was refused says nothing about a message.
            live.is_lasting, live.is_over = True, False
        live.text = tail(clean(text))
        if not is_lasting:
            # Somebody's words, or a model's: they call nobody.
            live.text = tail(disable_links(live.text))
        self._start(live)

    async def end(self, target: DeliveryTarget) -> None:
        """See Drawing."""
        await super().end(target)
        await self._count_lost(target)

    async def _count_lost(self, target: DeliveryTarget) -> None:
        """Count a placeholder that may stand there for ever, once: before the first part."""
        known = await target.ledger.find(PLACEHOLDER)
        is_lost = known is not None and known.state is DeliveryState.PENDING
        if is_lost and target.job_id not in self._unsent and not await target.ledger.find(0):
            metrics.AMBIGUOUS_SENDS.labels("telegram").inc()
        self._unsent.discard(target.job_id)

    async def _update(self, live: _LiveMessage) -> None:
        is_private = live.target.message.is_private
        gap_s = PRIVATE_GAP_S if is_private else GROUP_GAP_S
        while live.text != live.shown and not live.is_over:
            await self._clock.sleep(max(0.0, live.at_s + gap_s - self._clock.monotonic()))
            try:
                await self._take_turn(live)
                live.is_calling = True
                async with deadline(UPDATE_S):
                    await self._update_once(live)
            except (TelegramError, PlatformBusy) as error:
                self._note(live, error)
            finally:
                live.is_calling = False
                live.at_s = self._clock.monotonic()

    async def _take_turn(self, live: _LiveMessage) -> None:
        message = live.target.message
        if message.is_private and not live.is_lasting:
            await self._pacer.wait_beside(message.chat.chat_id)
            return
        wait_s = self._pacer.try_take(message.chat.chat_id)
        while wait_s:
            await self._clock.sleep(wait_s)
            wait_s = self._pacer.try_take(message.chat.chat_id)

    async def _update_once(self, live: _LiveMessage) -> None:
        text, live.shown = live.text, live.text
        out = address(live.target.message, TextPart(text))
        is_draft = live.target.message.is_private and not live.is_lasting
        if await live.target.ledger.find(0):
            live.is_over = True  # the reply is on its way, or stands there and will be edited
        elif is_draft and not await find_placeholder(live.target):
            draft_id = build_draft_id(live.target.job_id)
            thread_id = as_thread(out.thread_id)
            await self._bot.send_message_draft(int(out.chat_id), draft_id, text, thread_id)
        elif not is_blank(text):
            await self._draw_placeholder(live, out, text)

    async def _draw_placeholder(self, live: _LiveMessage, out: TelegramRequest, text: str) -> None:
        ledger = live.target.ledger
        known = await ledger.find(PLACEHOLDER)
        is_lost = known is not None and known.state is DeliveryState.PENDING
        if is_lost and live.target.job_id not in self._unsent:
            live.is_over = True  # a placeholder may stand there that nobody can find
        elif message_id := await find_placeholder(live.target):
            await self._bot.edit_message_text(text, int(out.chat_id), int(message_id))
        else:
            await self._send_placeholder(live, out, text)

    async def _send_placeholder(self, live: _LiveMessage, out: TelegramRequest, text: str) -> None:
        self._unsent.discard(live.target.job_id)
        await live.target.ledger.start(PLACEHOLDER)
        sent = await self._bot.send_message(
            int(out.chat_id),
            text,
            message_thread_id=as_thread(out.thread_id),
            reply_parameters=build_reply_parameters(out),
            disable_notification=True,
        )
        # With the chat: after a move of the group the same message id means another message.
        await live.target.ledger.finish(PLACEHOLDER, f"{out.chat_id}/{sent.message_id}")

    def _note(self, live: _LiveMessage, error: TelegramError | PlatformBusy) -> None:
        log.debug("telegram_progress", detail=describe(error))
        if isinstance(error, RetryAfter):
            self._pacer.hold(live.target.message.chat.chat_id, as_seconds(error.retry_after))
        if isinstance(error, PlatformBusy):
            live.shown = live.text  # the next text may try again
            return
        if is_unsent(error):
            self._unsent.add(live.target.job_id)
        # What was refused once is refused again, except when it was only too early.
        is_harmless = read_refusal(error) is Refusal.NOT_MODIFIED
        is_gone = isinstance(error, BadRequest | Forbidden | InvalidToken | ChatMigrated)
        live.is_over |= is_gone and not is_harmless

    def _drop(self, job_id: str) -> None:
        super()._drop(job_id)
        self._unsent.discard(job_id)


async def find_placeholder(target: DeliveryTarget) -> str:
    """Return the id of the placeholder that stands in the message's chat, or ""."""
    known = await target.ledger.find(PLACEHOLDER)
    if known is None or known.state is not DeliveryState.SENT:
        return ""
    chat_id, _, message_id = known.platform_id.rpartition("/")
    # A failure that is run again leaves its bare id; it holds while the question has one too.
    is_here = chat_id in (target.message.chat.chat_id, "") and target.message.message_id
    return message_id if is_here else ""


def build_draft_id(job_id: str) -> int:
    """Return the number of a job's draft: the same for each drawing, never 0."""
    return zlib.crc32(job_id.encode()) % 0x7FFF_FFFF + 1
