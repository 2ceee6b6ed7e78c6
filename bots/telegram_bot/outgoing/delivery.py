"""Sends replies: each part at most once where Telegram makes that possible, never less than once.

Telegram's sendMessage takes no key that would make a repeat safe, but an edit is idempotent. So
where there is a placeholder already, the first part is its edit.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import structlog
import telegram
from telegram.error import BadRequest, RetryAfter, TelegramError

from bots.common.chat import finish_call
from bots.telegram_bot.errors import Refusal, describe, is_unsent, read_error, read_refusal
from bots.telegram_bot.outgoing.live_message import TelegramLiveMessages
from bots.telegram_bot.outgoing.requests import (
    FilePart,
    Part,
    TelegramRequest,
    TextPart,
    build_keyboard,
    build_parts,
    build_request,
    change,
    halve,
    perform,
    read_placeholder_id,
)
from bots.telegram_bot.pacing import TelegramPacer
from core import metrics
from core.errors import PlatformBusy
from core.inbox import Inbox
from core.interfaces import DeliveryTarget
from core.models import LIVE, PLACEHOLDER, DeliveryState, Reply

log = structlog.get_logger(__name__)

#: How often one call is changed or repeated before it counts as failed.
MAX_TRIES = 6
#: Total deadline of one call.
CALL_S = 60.0
#: The same for a call that uploads.
UPLOAD_S = 300.0


class TelegramDelivery:
    """Sends the parts of replies in order and records each in the ledger."""

    def __init__(
        self,
        bot: telegram.Bot,
        pacer: TelegramPacer,
        live_messages: TelegramLiveMessages,
        inbox: Inbox,
    ) -> None:
        self._bot = bot
        self._inbox = inbox
        self._username = ""
        self._pacer = pacer
        self._live_messages = live_messages
        # Parts recorded as started that were certainly not sent; lost in a crash, which only
        # makes the count of ambiguous sends higher than it is.
        self._unsent: set[tuple[str, int]] = set()
        #: Chats that refuse voice messages: they get audio files.
        self._no_voice: set[str] = set()
        #: Those of them that are not stored yet.
        self._new_no_voice: set[str] = set()

    async def deliver(self, target: DeliveryTarget, reply: Reply) -> None:
        """Send the parts that are not sent, edit those that are outdated, delete surplus ones.

        Raises PlatformError.
        """
        await self._live_messages.end(target)
        was_begun = await target.ledger.find(0) is not None
        placeholder = await target.ledger.wait_for(PLACEHOLDER)
        if placeholder and placeholder.state is DeliveryState.PENDING and not was_begun:
            metrics.AMBIGUOUS_SENDS.labels("telegram").inc()  # it may stay in the chat for ever
        chat_id = target.message.chat.chat_id
        parts = [] if reply == Reply() else build_parts(reply, chat_id)  # all was said elsewhere
        if any(button.is_private for button in reply.buttons):
            await self._load_username()
        target.ledger.expect(len(parts))
        keyboard = build_keyboard(reply.buttons, self._username)
        placeholder_id = read_placeholder_id(target, placeholder)
        is_live = placeholder is not None and LIVE in placeholder.platform_id
        # In private, a new message notifies the person who has waited; an edit would not.
        edited_id = "" if is_live and target.message.is_private else placeholder_id
        for number, part in enumerate(parts):
            request = build_request(target.message, part)
            request = replace(request, keyboard=keyboard if part is parts[-1] else None)
            if number == 0 and isinstance(part, TextPart):
                request = replace(request, edit_id=edited_id)
            await self._deliver_part(target, number, request)
        if placeholder_id and not (edited_id and parts and isinstance(parts[0], TextPart)):
            await self._delete(chat_id, placeholder_id)
        if was_begun:
            await self._delete_surplus(target, len(parts))

    async def _load_username(self) -> None:
        try:
            self._username = self._username or (await self._bot.get_me()).username or ""
        except TelegramError as error:
            raise read_error(error) from None

    async def _deliver_part(
        self, target: DeliveryTarget, number: int, request: TelegramRequest
    ) -> None:
        chat, known = target.message.chat, await target.ledger.find(number)
        if known and known.state is DeliveryState.SENT:
            return
        # The message of an older version of the reply. A chat that moved counts its message ids
        # anew, and a question from before the move has lost its own.
        older_id = known.platform_id if known and target.message.message_id else ""
        if older_id and isinstance(request.part, TextPart):
            request = replace(request, edit_id=older_id)
        if known is None:
            self._unsent.add((target.job_id, number))  # it may be recorded as started already
        # Before the ledger: a part recorded as started should really be on its way.
        await self._pacer.wait(request.chat_id)
        is_pending = known is not None and known.state is DeliveryState.PENDING
        platform_id = await finish_call(
            self._send_recorded(target, number, request, is_pending=is_pending)
        )
        if older_id not in ("", platform_id):
            # The part counts as sent: this delivery is the last that knows of the older message.
            with suppress(PlatformBusy):
                await self._delete(request.chat_id, older_id)
        if chat.chat_id in self._new_no_voice:
            await self._inbox.note_no_voice(chat)
            self._new_no_voice.discard(chat.chat_id)

    async def _send_recorded(
        self, target: DeliveryTarget, number: int, request: TelegramRequest, *, is_pending: bool
    ) -> str:
        """Send a part and return its message's id. is_pending: it may have been sent before."""
        key = (target.job_id, number)
        is_repeat = is_pending and key not in self._unsent
        has_no_voice = target.has_no_voice or request.chat_id in self._no_voice
        if has_no_voice and request.part.kind == "voice":
            request = change(request, Refusal.AUDIO_FORBIDDEN) or request
        await target.ledger.start(number)
        self._unsent.discard(key)
        try:
            platform_id = await self._send(request, is_repeat=is_repeat)
        except (TelegramError, TimeoutError) as error:
            ours = read_error(error)
            metrics.SENDS.labels("telegram", type(ours).__name__).inc()
            if is_unsent(error):
                self._unsent.add(key)
            raise ours from None
        except PlatformBusy:
            self._unsent.add(key)
            raise
        await finish_call(target.ledger.finish(number, platform_id))
        return platform_id

    async def _send(self, request: TelegramRequest, *, is_repeat: bool) -> str:
        """Make the call, changed as often as it takes, and return the message's id."""
        for _ in range(MAX_TRIES):
            if is_repeat and not request.edit_id:
                metrics.AMBIGUOUS_SENDS.labels("telegram").inc()
                is_repeat = False
            try:
                # In all: a connection's own timeouts restart with each byte.
                limit_s = UPLOAD_S if isinstance(request.part, FilePart) else CALL_S
                async with asyncio.timeout(limit_s):
                    platform_id = await perform(self._bot, request)
            except RetryAfter as error:
                self._pacer.hold(request.chat_id, error.retry_after)
            except BadRequest as error:
                refusal = read_refusal(error)
                if refusal is Refusal.NOT_MODIFIED:
                    return request.edit_id
                if refusal is Refusal.TOO_LONG and (halves := halve(request.part)):
                    return await self._send_halves(request, halves)
                request = self._change(request, error)
            else:
                self._pacer.note_success()
                metrics.SENDS.labels("telegram", "ok").inc()
                return platform_id
            await self._pacer.wait(request.chat_id)
        raise PlatformBusy("Telegram keeps asking to wait")

    def _change(self, request: TelegramRequest, error: BadRequest) -> TelegramRequest:
        """Return what to try instead of a refused call; raise `error` if there is nothing."""
        refusal = read_refusal(error)
        if request.part.kind == "voice" and refusal is Refusal.AUDIO_FORBIDDEN:
            self._no_voice.add(request.chat_id)
            self._new_no_voice.add(request.chat_id)
        changed = change(request, refusal)
        if changed is None:
            raise error
        log.info("telegram_request_changed", refusal=refusal)
        return changed

    async def _send_halves(self, request: TelegramRequest, halves: list[Part]) -> str:
        """Send in several messages what Telegram finds too long; by our count it was not."""
        requests = [replace(request, part=half, edit_id="", keyboard=None) for half in halves]
        requests[0] = replace(requests[0], edit_id=request.edit_id)
        requests[-1] = replace(requests[-1], keyboard=request.keyboard)
        platform_id = ""
        for one in requests:
            await self._pacer.wait(one.chat_id)
            platform_id = await self._send(one, is_repeat=False)
        return platform_id

    async def _delete_surplus(self, target: DeliveryTarget, count: int) -> None:
        """Delete the parts that an older version of the reply had beyond `count`."""
        surplus: list[str] = []
        while known := await target.ledger.find(count + len(surplus)):
            surplus.append(known.platform_id)
        # The last one first: the ledger never has a gap.
        for part, platform_id in reversed([*enumerate(surplus, count)]):
            if platform_id and target.message.message_id:
                await self._delete(target.message.chat.chat_id, platform_id)
            await target.ledger.forget(part)

    async def _delete(self, chat_id: str, message_id: str) -> None:
        """Delete a message; one that Telegram refuses to delete stays in the chat.

        Raises PlatformBusy if it may be deleted later.
        """
        for _ in range(MAX_TRIES):
            await self._pacer.wait(chat_id)
            try:
                await self._bot.delete_message(int(chat_id), int(message_id))
            except RetryAfter as error:
                self._pacer.hold(chat_id, error.retry_after)
            except TelegramError as error:
                log.debug("telegram_message_not_deleted", detail=describe(error))
                if isinstance(ours := read_error(error), PlatformBusy):
                    raise ours from None
                return
            else:
                return
        raise PlatformBusy("Telegram keeps asking to wait")
