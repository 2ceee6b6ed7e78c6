"""Live progress: a draft in a private chat, an edited placeholder message in a group.

Best effort; the reply always comes first. The latest text wins, older ones are skipped.
"""

from __future__ import annotations

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

from bots.common.live_progress import UPDATE_S, LiveMessage, LiveMessages
from bots.common.text import clean, is_blank
from bots.telegram_bot.client import deadline
from bots.telegram_bot.errors import Refusal, as_seconds, describe, is_unsent, read_refusal
from bots.telegram_bot.outgoing.parts import TextPart, tail
from bots.telegram_bot.outgoing.requests import TelegramRequest, build_request, perform
from bots.telegram_bot.pacing import TelegramPacer
from core import metrics
from core.clock import CLOCK, Clock
from core.errors import PlatformBusy
from core.interfaces import DeliveryTarget
from core.models import PLACEHOLDER, DeliveryState
from core.safety import disable_links

log = structlog.get_logger(__name__)


#: Minimum seconds between two updates of one job.
PRIVATE_GAP_S = 1.0
GROUP_GAP_S = 2.5


@dataclass
class TelegramLiveMessage(LiveMessage):
    """One job's draft or placeholder."""

    #: When the last update ended.
    updated_at_s: float = float("-inf")
    #: It must stay visible, which a draft does not.
    is_lasting: bool = False


class TelegramLiveMessages(LiveMessages[TelegramLiveMessage]):
    """Shows the latest text of each job, as often as the chat's limits allow."""

    def __init__(self, bot: telegram.Bot, pacer: TelegramPacer, clock: Clock = CLOCK) -> None:
        super().__init__("telegram", TelegramLiveMessage)
        self._bot = bot
        self._pacer = pacer
        self._clock = clock
        #: Jobs whose placeholder is in the ledger as started but was certainly not sent.
        self._unsent: set[str] = set()

    async def show(self, target: DeliveryTarget, text: str, *, is_lasting: bool = False) -> None:
        """Show `text` next. Returns at once and never raises."""
        live = self._open(target)
        if is_lasting and not live.is_lasting:
            # A draft that was refused says nothing about a message.
            live.is_lasting, live.is_over = True, False
        live.text = tail(clean(text))
        if not is_lasting:
            # Text of a person or a model must not notify anybody.
            live.text = tail(disable_links(live.text))

    async def end(self, target: DeliveryTarget) -> None:
        """Stop updates, wait for the one under way, and count a placeholder that may be lost."""
        await super().end(target)
        # Counted once, before the first part: it may stay in the chat for ever.
        if await self._is_lost(target) and not await target.ledger.find(0):
            metrics.AMBIGUOUS_SENDS.labels("telegram").inc()
        self._unsent.discard(target.job_id)

    async def _is_lost(self, target: DeliveryTarget) -> bool:
        """Return whether a placeholder may have been sent whose message id is unknown."""
        known = await target.ledger.find(PLACEHOLDER)
        is_pending = known is not None and known.state is DeliveryState.PENDING
        return is_pending and target.job_id not in self._unsent

    async def _update(self, live: TelegramLiveMessage) -> None:
        message = live.target.message
        chat_id, gap_s = message.chat.chat_id, GROUP_GAP_S
        if message.is_private:
            gap_s = PRIVATE_GAP_S
        while live.text != live.shown and not live.is_over:
            await self._clock.sleep(max(0.0, live.updated_at_s + gap_s - self._clock.monotonic()))
            try:
                if message.is_private and not live.is_lasting:
                    await self._pacer.wait_beside(chat_id)
                else:
                    while wait_s := self._pacer.try_take(chat_id):
                        await self._clock.sleep(wait_s)
                live.is_calling = True
                async with deadline(UPDATE_S):
                    await self._update_once(live)
            except (TelegramError, PlatformBusy) as error:
                self._note_failure(live, error)
            finally:
                live.is_calling = False
                live.updated_at_s = self._clock.monotonic()

    async def _update_once(self, live: TelegramLiveMessage) -> None:
        target, text = live.target, live.text
        live.shown = text
        request = build_request(target.message, TextPart(text))
        if await target.ledger.find(0):
            live.is_over = True  # the reply is being sent, or was sent and will be edited
            return
        placeholder_id = await find_placeholder(target)
        if target.message.is_private and not live.is_lasting and not placeholder_id:
            draft_id = build_draft_id(target.job_id)
            await self._bot.send_message_draft(
                int(request.chat_id), draft_id, text, request.thread_id
            )
        elif not is_blank(text):
            await self._update_placeholder(live, replace(request, edit_id=placeholder_id))

    async def _update_placeholder(
        self, live: TelegramLiveMessage, request: TelegramRequest
    ) -> None:
        target = live.target
        if request.edit_id:
            await perform(self._bot, request)
        elif await self._is_lost(target):
            live.is_over = True  # there may be a placeholder that cannot be edited
        else:
            self._unsent.discard(target.job_id)
            await target.ledger.start(PLACEHOLDER)
            message_id = await perform(self._bot, replace(request, is_silent=True))
            # With the chat: after a group's move the same message id means another message.
            await target.ledger.finish(PLACEHOLDER, f"{request.chat_id}/{message_id}")

    def _note_failure(self, live: TelegramLiveMessage, error: TelegramError | PlatformBusy) -> None:
        log.debug("telegram_progress", detail=describe(error))
        if isinstance(error, RetryAfter):
            self._pacer.hold(live.target.message.chat.chat_id, as_seconds(error.retry_after))
        if isinstance(error, PlatformBusy):
            live.shown = live.text  # the next text may try again
            return
        if is_unsent(error):
            self._unsent.add(live.target.job_id)
        # A refused update would be refused again, unless only the text was the same.
        is_harmless = read_refusal(error) is Refusal.NOT_MODIFIED
        is_gone = isinstance(error, BadRequest | Forbidden | InvalidToken | ChatMigrated)
        live.is_over |= is_gone and not is_harmless

    def _drop(self, job_id: str) -> None:
        super()._drop(job_id)
        self._unsent.discard(job_id)


async def find_placeholder(target: DeliveryTarget) -> str:
    """Return the id of the placeholder in the message's chat, or ""."""
    known = await target.ledger.find(PLACEHOLDER)
    if known is None or known.state is not DeliveryState.SENT:
        return ""
    chat_id, _, message_id = known.platform_id.rpartition("/")
    # A failed job that is run again leaves its bare id, valid while the question has one too.
    is_here = chat_id in (target.message.chat.chat_id, "") and target.message.message_id
    return message_id if is_here else ""


def build_draft_id(job_id: str) -> int:
    """Return the number of a job's draft: the same for each update, never 0."""
    return zlib.crc32(job_id.encode()) % 0x7FFF_FFFF + 1
