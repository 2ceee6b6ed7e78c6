"""Live progress: a draft in a private chat, an edited placeholder message in a group.

Best effort; the reply always comes first. The latest text wins, older ones are skipped.
"""

from __future__ import annotations

import asyncio
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

from bots.common.chat import clean, is_blank, tail
from bots.common.live_messages import (
    UPDATE_S,
    LiveMessage,
    LiveMessages,
    StartTask,
    build_cancel_button,
)
from bots.telegram_bot.errors import Refusal, describe, is_unsent, read_refusal
from bots.telegram_bot.outgoing.requests import (
    MAX_UNITS,
    TelegramRequest,
    TextPart,
    build_keyboard,
    build_request,
    perform,
    read_placeholder_id,
)
from bots.telegram_bot.pacing import TelegramPacer
from core.clock import CLOCK, Clock
from core.errors import PlatformBusy
from core.interfaces import DeliveryTarget
from core.models import LIVE, PLACEHOLDER, DeliveryState
from core.safety import disable_links

log = structlog.get_logger(__name__)


#: Minimum seconds between two updates of one job.
PRIVATE_GAP_S = 1.0
GROUP_GAP_S = 2.5


@dataclass
class TelegramLiveMessage(LiveMessage):
    """One job's draft or placeholder."""

    #: When the last update ended; None before the first.
    updated_at_s: float | None = None
    #: A draft was refused, which says nothing about a message.
    is_draft_over: bool = False


class TelegramLiveMessages(LiveMessages[TelegramLiveMessage]):
    """Shows the latest text of each job, as often as the chat's limits allow."""

    def __init__(
        self, bot: telegram.Bot, pacer: TelegramPacer, start_task: StartTask, clock: Clock = CLOCK
    ) -> None:
        super().__init__(start_task, TelegramLiveMessage)
        self._bot = bot
        self._pacer = pacer
        self._clock = clock

    async def offer_cancel(self, target: DeliveryTarget) -> None:
        """Show the button that cancels. A draft cannot have one: it becomes a message."""
        live = self._live.get(target.job_id)
        if live and target.message.is_private and not live.is_lasting:
            # Shown again; None would mean that there was no call, of which the ledger knows.
            live.is_lasting, live.shown = True, live.shown and ""
            await self.show(target, live.text, is_lasting=live.is_ours)
        else:
            await super().offer_cancel(target)

    async def _update(self, live: TelegramLiveMessage) -> None:
        message = live.target.message
        chat_id, gap_s = message.chat.chat_id, GROUP_GAP_S
        if message.is_private:
            gap_s = PRIVATE_GAP_S
        if live.updated_at_s is None:
            # A recording was acknowledged already, and most replies come before this would be read.
            is_urgent = live.is_lasting or not message.attachment
            live.updated_at_s = float("-inf") if is_urgent else self._clock.monotonic()
        while live.text != live.shown and not live.is_over:
            await self._clock.sleep(max(0.0, live.updated_at_s + gap_s - self._clock.monotonic()))
            is_draft = message.is_private and not live.is_lasting
            if is_draft and live.is_draft_over:
                return
            try:
                if is_draft:
                    await self._pacer.wait(chat_id, is_message=False)
                else:
                    await self._pacer.wait_for_progress(chat_id)
                live.is_calling = True
                # In all: a connection's own timeouts restart with each byte.
                async with asyncio.timeout(UPDATE_S):
                    await self._update_once(live)
            except (TelegramError, PlatformBusy, TimeoutError) as error:
                self._note_failure(live, error)
            finally:
                live.is_calling = False
                live.updated_at_s = self._clock.monotonic()

    async def _update_once(self, live: TelegramLiveMessage) -> None:
        target, live.shown = live.target, live.text
        text = clean(live.text)
        if not live.is_ours:
            text = disable_links(text)  # text of a person or a model must not notify anybody
        text = tail(text, MAX_UNITS)
        if await target.ledger.has_reply():
            live.is_over = True  # it is being sent, or was sent and will be edited
            return
        placeholder = await target.ledger.find(PLACEHOLDER)
        request = build_request(target.message, TextPart(text))
        edit_id = read_placeholder_id(target, placeholder)
        if target.message.is_private and not live.is_lasting and not edit_id:
            draft_id = build_draft_id(target.job_id)
            await self._bot.send_message_draft(
                int(request.chat_id), draft_id, text, request.thread_id
            )
            return
        if is_blank(text):
            return
        keyboard = build_keyboard((build_cancel_button(target),))
        request = replace(request, edit_id=edit_id, keyboard=keyboard)
        if edit_id:
            await perform(self._bot, request)
        elif placeholder and placeholder.state is DeliveryState.PENDING:
            live.is_over = True  # there may be a placeholder that cannot be edited
        else:
            await self._send_placeholder(target, request)

    async def _send_placeholder(self, target: DeliveryTarget, request: TelegramRequest) -> None:
        await target.ledger.start(PLACEHOLDER)
        try:
            message_id = await perform(self._bot, replace(request, is_silent=True))
        except TelegramError as error:
            if is_unsent(error):
                await target.ledger.forget(PLACEHOLDER)
            raise
        await target.ledger.finish(PLACEHOLDER, f"{LIVE}{message_id}")

    def _note_failure(self, live: TelegramLiveMessage, error: Exception) -> None:
        log.debug("telegram_progress", detail=describe(error))
        if isinstance(error, RetryAfter):
            self._pacer.hold(live.target.message.chat.chat_id, error.retry_after)
        elif isinstance(error, PlatformBusy):
            live.shown = live.text  # the next text may try again
        elif isinstance(error, BadRequest | Forbidden | InvalidToken | ChatMigrated):
            # A refused update would be refused again, unless only the text was the same.
            is_over = read_refusal(error) is not Refusal.NOT_MODIFIED
            if live.target.message.is_private and not live.is_lasting:
                live.is_draft_over |= is_over
            else:
                live.is_over |= is_over


def build_draft_id(job_id: str) -> int:
    """Return the number of a job's draft: the same for each update, never 0."""
    return zlib.crc32(job_id.encode()) % 0x7FFF_FFFF + 1
