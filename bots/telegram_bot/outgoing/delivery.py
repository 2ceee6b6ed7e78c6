"""Sends replies: each part at most once where Telegram lets us know, never less than once.

Telegram's sendMessage has no key that makes a repeat safe; an edit is one by nature. So where a
placeholder stands already, the first part is its edit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import structlog
import telegram
from telegram import InlineKeyboardMarkup
from telegram.error import RetryAfter, TelegramError

from bots.telegram_bot.client import deadline
from bots.telegram_bot.errors import (
    Refusal,
    as_seconds,
    describe,
    is_unsent,
    read_error,
    read_refusal,
)
from bots.telegram_bot.outgoing.live_message import TelegramLiveMessages, find_placeholder
from bots.telegram_bot.outgoing.message import TelegramRequest, address, build_keyboard, mend
from bots.telegram_bot.outgoing.parts import FilePart, Part, TextPart, build_parts, halve
from bots.telegram_bot.outgoing.requests import perform
from bots.telegram_bot.pacing import TelegramPacer
from core import metrics
from core.errors import PlatformBusy
from core.inbox import Inbox
from core.interfaces import DeliveryTarget
from core.models import DeliveryState, Reply

log = structlog.get_logger(__name__)

#: Ways to mend one call before it counts as failed.
MAX_TRIES = 6
#: Total deadline of one call.
CALL_S = 60.0
#: The same for a call that uploads.
UPLOAD_S = 300.0
#: How long a call under way may still take when the program stops.
LAST_S = 2.0


class TelegramDelivery:
    """Sends the parts of replies in order and notes each in the ledger."""

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
        # Parts noted as started that surely did not go out; forgotten at a crash, which only
        # makes the count of ambiguous sends higher than it is.
        self._unsent: set[tuple[str, int]] = set()
        #: Chats that refuse voice messages: they get the sound as music. Some are not noted yet.
        self._no_voice: set[str] = set()
        self._new_no_voice: set[str] = set()

    async def deliver(self, target: DeliveryTarget, reply: Reply) -> None:
        """Send what the ledger does not hold as sent, and edit what it holds as outdated.

        Raises PlatformError.
        """
        await self._live_messages.end(target)
        was_begun = await target.ledger.find(0) is not None
        parts: list[Part] = []
        if reply != Reply():  # else all is said elsewhere
            parts = build_parts(reply, target.message.chat.chat_id)
        await self._deliver_parts(target, parts, await self._build_keyboard(reply))
        if was_begun:
            await self._remove_rest(target, len(parts))

    async def _deliver_parts(
        self, target: DeliveryTarget, parts: list[Part], keyboard: InlineKeyboardMarkup | None
    ) -> None:
        placeholder = await find_placeholder(target)
        for number, part in enumerate(parts):
            out = self._address(target, part)
            if number == 0 and isinstance(part, TextPart):
                out = replace(out, edit_id=placeholder)
            if number == len(parts) - 1:
                out = replace(out, keyboard=keyboard)
            await self._deliver_part(target, number, out)
        if placeholder and not (parts and isinstance(parts[0], TextPart)):
            await self._remove(target.message.chat.chat_id, placeholder)

    async def _build_keyboard(self, reply: Reply) -> InlineKeyboardMarkup | None:
        has_private = any(button.is_private for button in reply.buttons)
        if has_private and not self._username:
            try:
                self._username = (await self._bot.get_me()).username or ""
            except TelegramError as error:
                raise read_error(error) from None
        return build_keyboard(reply.buttons, self._username)

    def _address(self, target: DeliveryTarget, part: Part) -> TelegramRequest:
        out = address(target.message, part)
        is_refused = target.has_no_voice or out.chat_id in self._no_voice
        if is_refused and isinstance(part, FilePart) and part.kind == "voice":
            out = mend(out, Refusal.SOUND_FORBIDDEN) or out
        return out

    async def _deliver_part(
        self, target: DeliveryTarget, number: int, out: TelegramRequest
    ) -> None:
        key = (target.job_id, number)
        known = await target.ledger.find(number)
        if known and known.state is DeliveryState.SENT:
            return
        is_pending = known is not None and known.state is DeliveryState.PENDING
        is_repeat = is_pending and key not in self._unsent
        # What an older form of the answer stands in; message ids begin anew where a chat moves,
        # and a question of before the move has lost its own.
        older_id = known.platform_id if known and target.message.message_id else ""
        if older_id and isinstance(out.part, TextPart):
            out = replace(out, edit_id=older_id)
        # The wait comes first: what is noted as started should really be on its way.
        await self._pacer.wait(out.chat_id)
        platform_id = await self._finish(self._send_noted(target, number, out, is_repeat))
        if older_id not in ("", platform_id):
            await self._remove(out.chat_id, older_id)
        await self._note_no_voice(target)

    async def _send_noted(
        self, target: DeliveryTarget, number: int, out: TelegramRequest, is_repeat: bool
    ) -> str:
        key = (target.job_id, number)
        await target.ledger.start(number)
        self._unsent.discard(key)
        platform_id = await self._try(out, key, is_repeat=is_repeat)
        await target.ledger.finish(number, platform_id)
        return platform_id

    async def _finish(self, sending: Coroutine[Any, Any, str]) -> str:
        """Return what `sending` does; once begun it may end although the program is stopping.

        What was sent and not noted would be sent again at the next start.
        """
        task = asyncio.create_task(sending)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task], timeout=LAST_S)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise

    async def _try(self, out: TelegramRequest, key: tuple[str, int], *, is_repeat: bool) -> str:
        try:
            return await self._send(out, is_repeat=is_repeat)
        except TelegramError as error:
            raise self._read(error, key) from None
        except PlatformBusy:
            self._unsent.add(key)
            raise

    async def _note_no_voice(self, target: DeliveryTarget) -> None:
        """Let what was found out hold beyond this process."""
        chat = target.message.chat
        if chat.chat_id in self._new_no_voice:
            await self._inbox.note_no_voice(chat)
            self._new_no_voice.discard(chat.chat_id)

    async def _remove_rest(self, target: DeliveryTarget, count: int) -> None:
        """Take back the parts that an older form of the answer had beyond `count`."""
        rest: list[str] = []
        while known := await target.ledger.find(count + len(rest)):
            rest.append(known.platform_id)
        # The last one first: the ledger never has a gap.
        for part, platform_id in reversed([*enumerate(rest, count)]):
            if platform_id and target.message.message_id:
                await self._remove(target.message.chat.chat_id, platform_id)
            await target.ledger.forget(part)

    def _read(self, error: TelegramError, key: tuple[str, int]) -> Exception:
        ours = read_error(error)
        metrics.SENDS.labels("telegram", type(ours).__name__).inc()
        if is_unsent(error):
            self._unsent.add(key)
        return ours

    async def _send(self, out: TelegramRequest, *, is_repeat: bool) -> str:
        """Make the call, mended as often as it takes, and return the message's id."""
        for _ in range(MAX_TRIES):
            if is_repeat and not out.edit_id:
                metrics.AMBIGUOUS_SENDS.labels("telegram").inc()
                is_repeat = False
            try:
                return await self._call(out)
            except RetryAfter as error:
                self._pacer.hold(out.chat_id, as_seconds(error.retry_after))
            except telegram.error.BadRequest as error:
                refusal = read_refusal(error)
                if refusal is Refusal.NOT_MODIFIED:
                    return out.edit_id
                if refusal is Refusal.TOO_LONG and (halves := halve(out.part)):
                    return await self._send_halves(out, halves)
                mended = self._mend(out, refusal)
                if mended is None:
                    raise
                log.info("telegram_mended", refusal=refusal)
                out = mended
            await self._pacer.wait(out.chat_id)
        raise PlatformBusy("Telegram keeps asking to wait")

    def _mend(self, out: TelegramRequest, refusal: Refusal | None) -> TelegramRequest | None:
        is_voice = isinstance(out.part, FilePart) and out.part.kind == "voice"
        if is_voice and refusal is Refusal.SOUND_FORBIDDEN:
            self._no_voice.add(out.chat_id)
            self._new_no_voice.add(out.chat_id)
        return mend(out, refusal)

    async def _send_halves(self, out: TelegramRequest, halves: list[Part]) -> str:
        """Send what Telegram finds too long in two: in our count it was not."""
        platform_id = ""
        for at, half in enumerate(halves):
            is_last = at == len(halves) - 1
            await self._pacer.wait(out.chat_id)
            platform_id = await self._send(
                replace(
                    out,
                    part=half,
                    edit_id="" if at else out.edit_id,
                    keyboard=out.keyboard if is_last else None,
                ),
                is_repeat=False,
            )
        return platform_id

    async def _call(self, out: TelegramRequest) -> str:
        async with deadline(UPLOAD_S if isinstance(out.part, FilePart) else CALL_S):
            platform_id = await perform(self._bot, out)
        self._pacer.note_success()
        metrics.SENDS.labels("telegram", "ok").inc()
        return platform_id

    async def _remove(self, chat_id: str, message_id: str) -> None:
        try:
            await self._pacer.wait(chat_id)
            await self._bot.delete_message(int(chat_id), int(message_id))
        except (TelegramError, PlatformBusy) as error:
            if isinstance(error, RetryAfter):
                self._pacer.hold(chat_id, as_seconds(error.retry_after))
            log.debug("telegram_message_stays", detail=describe(error))
