"""Live messages: partial text in an interaction's response, else in a message of our own.

Best effort and second to the reply: the latest text wins, older ones are skipped.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import discord
import structlog

from bots.common.chat import is_blank
from bots.common.live_messages import (
    UPDATE_S,
    LiveMessage,
    LiveMessages,
    StartTask,
    build_cancel_button,
)
from bots.discord_bot.client.gateway import REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import INTERACTION_OVER, describe, error_code_of, read_error
from bots.discord_bot.outgoing.parts import MessagePart, build_components, shorten
from bots.discord_bot.outgoing.requests import perform
from bots.discord_bot.outgoing.routes import (
    ORIGINAL,
    DiscordRequest,
    build_new,
    read_interaction_token,
)
from core.errors import PlatformBusy
from core.models import PLACEHOLDER, DeliveryState

log = structlog.get_logger(__name__)

#: How long the first text waits for the reply: what is complete by then needs no live message.
FIRST_S = 0.5


class DiscordLiveMessages(LiveMessages[LiveMessage]):
    """Shows the latest text of each job, one job per channel at a time."""

    def __init__(self, client: DiscordClient, start_task: StartTask) -> None:
        super().__init__(start_task, LiveMessage)
        self._client = client

    async def _update(self, live: LiveMessage) -> None:
        message = live.target.message
        channel_id = message.thread_id or message.chat.chat_id
        if live.shown is None:
            await self._client.clock.sleep(FIRST_S)
        while live.text != live.shown and not live.is_over:
            while wait_s := self._client.pacer.take_turn(channel_id):
                await self._client.clock.sleep(wait_s)
            is_held = not message.reply_token and self._client.pacer.is_held(channel_id)
            if live.is_over or is_held:
                return
            live.is_calling, live.shown = True, live.text
            try:
                async with asyncio.timeout(UPDATE_S):
                    await self._update_once(live)
            except (*REQUEST_ERRORS, PlatformBusy) as error:
                self._note_failure(live, error)
            finally:
                live.is_calling = False

    async def _update_once(self, live: LiveMessage) -> None:
        target, message = live.target, live.target.message
        part = MessagePart(shorten(live.text, is_ours=live.is_ours))
        if await target.ledger.has_reply():
            live.is_over = True  # it is being sent, or was sent and will be edited
            return
        if is_blank(part.text):
            return
        known = await target.ledger.find(PLACEHOLDER)
        shown_id = known.platform_id if known and known.state is DeliveryState.SENT else ""
        request = build_new(message, target.job_id, PLACEHOLDER, part)
        if message.reply_token:
            token = read_interaction_token(message.reply_token)
            if not (token and token.has_original and token.is_valid(self._client.clock.now())):
                live.is_over = True
                return
            await self._client.first_responses.wait(message.message_id)
            request = DiscordRequest(part, token=token, edit_id=ORIGINAL)
        elif shown_id:
            request = DiscordRequest(part, request.channel_id, edit_id=shown_id)
        components = tuple(build_components([build_cancel_button(target)]))
        request = replace(request, components=components)
        if not shown_id:
            await target.ledger.start(PLACEHOLDER)
        sent = await perform(self._client, request)
        if not shown_id:
            await target.ledger.finish(PLACEHOLDER, str(sent["id"]))

    def _note_failure(self, live: LiveMessage, error: BaseException) -> None:
        log.debug("discord_progress", detail=describe(error))
        if error_code_of(error) in INTERACTION_OVER:
            live.is_over = True
            return
        # A refusal is final unless it was a rate limit or an outage.
        is_busy = isinstance(error, PlatformBusy) or read_error(error).is_retryable
        live.is_over |= not is_busy
        message = live.target.message
        if isinstance(error, discord.Forbidden) and not message.reply_token:
            self._client.pacer.note_forbidden(message.thread_id or message.chat.chat_id)
