"""Sends replies: each part at most once where Telegram lets us know, never less than once.

Telegram's sendMessage has no key that makes a repeat safe; an edit is one by nature. So where a
placeholder stands already, the first part is its edit.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog
import telegram
from telegram import InputFile, LinkPreviewOptions
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
from bots.telegram_bot.outgoing import (
    Outgoing,
    address,
    as_thread,
    build_keyboard,
    build_reply_parameters,
    mend,
)
from bots.telegram_bot.pacing import Pacer
from bots.telegram_bot.parts import FilePart, Part, TextPart, build_parts, clean, halve
from bots.telegram_bot.progress import Progress, find_placeholder
from core import metrics
from core.errors import ChatMoved, PlatformBusy
from core.interfaces import Envelope
from core.models import DeliveryState, Message, Reply

log = structlog.get_logger(__name__)

#: Ways to mend one call before it counts as failed.
MAX_TRIES = 6
#: Total deadline of one call.
CALL_S = 60.0
#: The same for a call that uploads.
UPLOAD_S = 300.0
#: Who speaks, as the music player shows it.
PERFORMER = "Hearsay (AI)"


class Delivery:
    """Sends the parts of replies in order and notes each in the ledger."""

    def __init__(self, bot: telegram.Bot, pacer: Pacer, progress: Progress) -> None:
        self._bot = bot
        self._pacer = pacer
        self._progress = progress
        # Parts noted as started that surely did not go out; forgotten at a crash, which only
        # makes the count of ambiguous sends higher than it is.
        self._unsent: set[tuple[str, int]] = set()
        self._moved_at: dict[str, datetime] = {}
        #: Chats that refuse voice messages: they get the sound as music.
        self._no_voice: set[str] = set()

    def note_move(self, new_chat_id: str) -> None:
        """Remember that older message ids mean nothing in this chat."""
        self._moved_at[new_chat_id] = datetime.now(UTC)

    async def deliver(self, envelope: Envelope, reply: Reply) -> None:
        """Send what the ledger does not hold as sent. Raises PlatformError."""
        await self._progress.end(envelope)
        if reply == Reply():
            return  # all is said elsewhere
        placeholder = await find_placeholder(envelope)
        parts = build_parts(reply)
        for number, part in enumerate(parts):
            out = self._address(envelope.message, part)
            if number == 0 and isinstance(part, TextPart):
                out = replace(out, edit_id=placeholder)
            if number == len(parts) - 1:
                out = replace(out, keyboard=build_keyboard(reply.buttons))
            await self._deliver_part(envelope, number, out)
        if placeholder and isinstance(parts[0], FilePart):
            await self._remove(envelope.message.chat.chat_id, placeholder)

    def _address(self, message: Message, part: Part) -> Outgoing:
        is_voice = isinstance(part, FilePart) and part.kind == "voice"
        out = address(message, part)
        if is_voice and out.chat_id in self._no_voice:
            out = mend(out, Refusal.SOUND_FORBIDDEN) or out
        moved_at = self._moved_at.get(message.chat.chat_id)
        is_older = moved_at is not None and message.sent_at < moved_at
        return replace(out, reply_to="") if is_older else out

    async def _deliver_part(self, envelope: Envelope, number: int, out: Outgoing) -> None:
        key = (envelope.job_id, number)
        known = await envelope.ledger.find(number)
        if known and known.state is DeliveryState.SENT:
            return
        is_repeat = known is not None and key not in self._unsent
        # The wait comes first: what is noted as started should really be on its way.
        await self._pacer.wait(out.chat_id)
        await envelope.ledger.start(number)
        self._unsent.discard(key)
        try:
            platform_id = await self._send(out, is_repeat=is_repeat)
        except TelegramError as error:
            raise self._read(error, key) from None
        except PlatformBusy:
            self._unsent.add(key)
            raise
        await envelope.ledger.finish(number, platform_id)

    def _read(self, error: TelegramError, key: tuple[str, int]) -> Exception:
        ours = read_error(error)
        metrics.SENDS.labels("telegram", type(ours).__name__).inc()
        if is_unsent(error):
            self._unsent.add(key)
        if isinstance(ours, ChatMoved):
            self.note_move(ours.new_chat_id)
        return ours

    async def _send(self, out: Outgoing, *, is_repeat: bool) -> str:
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

    def _mend(self, out: Outgoing, refusal: Refusal | None) -> Outgoing | None:
        is_voice = isinstance(out.part, FilePart) and out.part.kind == "voice"
        if is_voice and refusal is Refusal.SOUND_FORBIDDEN:
            self._no_voice.add(out.chat_id)
        return mend(out, refusal)

    async def _send_halves(self, out: Outgoing, halves: list[Part]) -> str:
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

    async def _call(self, out: Outgoing) -> str:
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
            log.debug("telegram_placeholder_stays", detail=describe(error))


async def perform(bot: telegram.Bot, out: Outgoing) -> str:
    """Make one call and return the id of the message it made or changed.

    Raises TelegramError.
    """
    chat_id, preview = int(out.chat_id), LinkPreviewOptions(is_disabled=True)
    place: dict[str, Any] = {
        "message_thread_id": as_thread(out.thread_id),
        "reply_parameters": build_reply_parameters(out),
        "reply_markup": out.keyboard,
    }
    if isinstance(out.part, FilePart):
        sent = await _send_file(bot, chat_id, out.part, place)
        return str(sent.message_id)
    text, entities = out.part.text, out.part.entities
    if out.edit_id:
        await bot.edit_message_text(
            text, chat_id, int(out.edit_id), entities=entities, reply_markup=out.keyboard,
            link_preview_options=preview,
        )  # fmt: skip
        return out.edit_id
    sent = await bot.send_message(
        chat_id, text, entities=entities, link_preview_options=preview, **place
    )
    return str(sent.message_id)


async def _send_file(
    bot: telegram.Bot, chat_id: int, part: FilePart, place: dict[str, Any]
) -> telegram.Message:
    file, caption = part.file, part.caption or None
    upload = InputFile(file.data, file.name.split("/")[-1])
    if part.kind == "document":
        return await bot.send_document(chat_id, upload, caption=caption, **place)
    # Telegram counts whole seconds, and shows nothing for none.
    duration_s = None if file.duration_s is None else max(1, round(file.duration_s))
    if part.kind == "voice":
        return await bot.send_voice(chat_id, upload, duration_s, caption=caption, **place)
    return await bot.send_audio(
        chat_id, upload, duration_s, PERFORMER, clean(file.title) or None, caption=caption, **place
    )
