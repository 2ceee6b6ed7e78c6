"""Shows the text so far: in the first answer to an interaction, else in a message of ours.

Best effort and always second to the reply: the latest text wins, older ones are left out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

import discord
import structlog

from bots.common.live_progress import UPDATE_S, LiveMessage, LiveMessages
from bots.common.text import is_blank
from bots.discord_bot.client.gateway import TROUBLE, DiscordClient
from bots.discord_bot.errors import INTERACTION_OVER, code_of, describe, read_error
from bots.discord_bot.interactions.token import InteractionToken, read_interaction_token
from bots.discord_bot.outgoing.parts import MessagePart, shorten
from bots.discord_bot.outgoing.requests import ORIGINAL, DiscordRequest, perform
from bots.discord_bot.outgoing.routes import build_nonce, find_question
from core.errors import PlatformBusy
from core.interfaces import DeliveryTarget
from core.models import PLACEHOLDER, DeliveryState

log = structlog.get_logger(__name__)


@dataclass
class _LiveMessage(LiveMessage):
    #: The text is the program's own.
    is_ours: bool = False


class DiscordLiveMessages(LiveMessages[_LiveMessage]):
    """Draws the latest text of each job, one of a channel at a time."""

    def __init__(self, client: DiscordClient) -> None:
        super().__init__("discord", _LiveMessage)
        self._client = client

    def show(self, target: DeliveryTarget, text: str, *, is_lasting: bool = False) -> None:
        """Make `text` what is drawn next. Returns at once and never raises.

        is_lasting: it is the program's own; else somebody's words, or a model's.
        """
        live = self._find(target)
        live.text, live.is_ours = text, is_lasting
        self._start(live)

    async def _update(self, live: _LiveMessage) -> None:
        message = live.target.message
        channel_id = message.thread_id or message.chat.chat_id
        while live.text != live.shown and not live.is_over:
            wait_s = self._client.pacer.take_turn(channel_id)
            while wait_s:
                await self._client.clock.sleep(wait_s)
                wait_s = self._client.pacer.take_turn(channel_id)
            is_held = not message.reply_token and self._client.pacer.is_held(channel_id)
            if live.is_over or is_held:
                return
            live.is_calling, live.shown = True, live.text
            try:
                async with asyncio.timeout(UPDATE_S):
                    await self._update_once(live)
            except (*TROUBLE, PlatformBusy) as error:
                self._note(live, error)
            finally:
                live.is_calling = False

    async def _update_once(self, live: _LiveMessage) -> None:
        target = live.target
        part = MessagePart(shorten(live.text, is_ours=live.is_ours))
        if await target.ledger.find(0):
            live.is_over = True  # the reply is on its way, or stands there and will be edited
            return
        if is_blank(part.text):
            return
        known = await target.ledger.find(PLACEHOLDER)
        placeholder_id = known.platform_id if known and known.state is DeliveryState.SENT else ""
        out = _address(target, part, placeholder_id, self._client.clock.now())
        if out is None:
            live.is_over = True
            return
        if not placeholder_id:
            await target.ledger.start(PLACEHOLDER)
        sent = await perform(self._client, out)
        if not placeholder_id:
            await target.ledger.finish(PLACEHOLDER, str(sent["id"]))

    def _note(self, live: _LiveMessage, error: BaseException) -> None:
        log.debug("discord_progress", detail=describe(error))
        if code_of(error) in INTERACTION_OVER:
            live.is_over = True
            return
        # What was refused once is refused again, except when it was only too early.
        is_busy = isinstance(error, PlatformBusy) or read_error(error).is_retryable
        live.is_over |= not is_busy
        message = live.target.message
        if isinstance(error, discord.Forbidden) and not message.reply_token:
            self._client.pacer.note_forbidden(message.thread_id or message.chat.chat_id)


def find_valid_token(text: str, now: datetime) -> InteractionToken | None:
    """Return the ticket of a message while Discord takes answers to it."""
    token = read_interaction_token(text)
    return token if token and token.is_good(now) else None


def _address(
    target: DeliveryTarget, part: MessagePart, placeholder_id: str, now: datetime
) -> DiscordRequest | None:
    """Return how to draw, None where nothing can be drawn on."""
    message = target.message
    if message.reply_token:
        token = find_valid_token(message.reply_token, now)
        if token is None or not token.has_original:
            return None
        return DiscordRequest(part, token=token, edit_id=ORIGINAL)
    channel_id = message.thread_id or message.chat.chat_id
    if placeholder_id:
        return DiscordRequest(part, channel_id, edit_id=placeholder_id)
    nonce = build_nonce(target.job_id, PLACEHOLDER)
    question = find_question(message)
    return DiscordRequest(part, channel_id, reply_to=question, nonce=nonce, is_silent=True)
