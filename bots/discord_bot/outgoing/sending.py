"""Sends one message by the first open route."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import discord
import structlog
from discord.utils import snowflake_time

from bots.discord_bot.client.gateway import REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import (
    ARCHIVED,
    INTERACTION_OVER,
    NO_ACCESS,
    NO_PERMISSION,
    TOO_MANY_FOLLOW_UPS,
    UNKNOWN_CHANNEL,
    UNKNOWN_MESSAGE,
    VOICE_REFUSED,
    describe,
    error_code_of,
    read_error,
)
from bots.discord_bot.outgoing.files import FILE_TOO_BIG, MAX_FILE_BYTES
from bots.discord_bot.outgoing.markdown import escape
from bots.discord_bot.outgoing.requests import perform
from bots.discord_bot.outgoing.routes import DiscordRequest
from core import metrics
from core.errors import ChatGone, MessageGone, PlatformError
from core.locale import mark, translate

log = structlog.get_logger(__name__)

FILES_FORBIDDEN = mark(
    "I do not have the permission Attach Files, so I cannot send files in this channel."
)

#: Changes to one request before it counts as refused.
MAX_FALLBACKS = 3
#: The channel no longer admits the bot, or not for this.
_CHANNEL_CLOSED = frozenset({UNKNOWN_CHANNEL, NO_ACCESS, NO_PERMISSION})
#: The message to edit is not the bot's, in a closed thread, or a voice message.
_NOT_EDITABLE = frozenset({UNKNOWN_MESSAGE, 50005, ARCHIVED, 50162})
_NEXT_ROUTE = _CHANNEL_CLOSED | _NOT_EDITABLE | INTERACTION_OVER | {TOO_MANY_FOLLOW_UPS}
#: The message to reply to cannot be read or replied to.
_NO_HISTORY, _INVALID_FORM = 160002, 50035
_TOO_LARGE = 40005


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was sent."""

    message_id: str
    #: The request that succeeded.
    route: DiscordRequest
    #: True where the chat refused it as a voice message first.
    is_voice_refused: bool = False


class Sender:
    """Sends single messages."""

    def __init__(self, client: DiscordClient) -> None:
        self._client = client

    async def send(
        self, routes: Sequence[DiscordRequest], *, language: str = "", is_retry: bool = False
    ) -> Sent:
        """Send a message by the first of `routes` that is open.

        is_retry: a part of the reply, or a live message, may have been sent before.
        Raises ChatGone, MessageGone when no route is open, other PlatformErrors.
        """
        refused: PlatformError | None = None
        is_voice_refused = False
        for route in routes:
            if not route.token and self._client.pacer.is_held(route.channel_id):
                refused = ChatGone("the channel has refused too often")
                continue
            try:
                if route.person_id:
                    route = await self._open_private(route)
                sent = await self._send_with_fallbacks(route, language, is_retry=is_retry)
            except discord.HTTPException as error:
                refused = self._read_refusal(error, route)
                is_voice_refused |= route.part.is_voice
            except REQUEST_ERRORS as error:
                raise read_error(error) from None
            else:
                if not route.token:
                    self._client.pacer.note_reply(route.channel_id)
                metrics.SENDS.labels("discord", "ok").inc()
                return replace(sent, is_voice_refused=is_voice_refused)
        raise refused or MessageGone("there is no route for the reply")

    async def _open_private(self, route: DiscordRequest) -> DiscordRequest:
        await self._client.wait_open()
        raw = await self._client.http.start_private_message(int(route.person_id))
        return replace(route, person_id="", channel_id=str(raw["id"]))

    def _read_refusal(self, error: discord.HTTPException, route: DiscordRequest) -> PlatformError:
        """Return why a route is closed. Raises errors that no other route avoids."""
        code, ours = error_code_of(error), read_error(error)
        metrics.SENDS.labels("discord", type(ours).__name__).inc()
        is_voice = route.part.is_voice and (code in VOICE_REFUSED or code == _TOO_LARGE)
        if code not in _NEXT_ROUTE and not is_voice:
            raise ours from None
        log.info("discord_route_closed", code=code)
        return (
            ChatGone(describe(error)) if code in _CHANNEL_CLOSED else MessageGone(describe(error))
        )

    async def _send_with_fallbacks(
        self, request: DiscordRequest, language: str, *, is_retry: bool
    ) -> Sent:
        """Send a message; on a refusal that a change can avoid, send it changed."""
        pacer = self._client.pacer
        fallbacks_left = MAX_FALLBACKS
        while True:
            started_at = self._client.clock.now()
            try:
                raw = await perform(self._client, request)
                sent_at = snowflake_time(int(raw["id"]))
                if is_retry and request.nonce and sent_at < started_at:
                    raw = await self._update_found(request, raw)
                return Sent(str(raw["id"]), request)
            except discord.HTTPException as error:
                code = error_code_of(error)
                if code in (NO_ACCESS, NO_PERMISSION) and not request.token:
                    pacer.note_forbidden(request.channel_id)
                fallback = find_fallback(request, error, language)
                is_held = not request.token and pacer.is_held(request.channel_id)
                if fallback is None or is_held or not fallbacks_left:
                    raise
                log.info("discord_request_changed", code=code)
                request = fallback
                fallbacks_left -= 1

    async def _update_found(self, request: DiscordRequest, raw: dict[str, Any]) -> dict[str, Any]:
        """Bring a message up to date that was sent before and found by its nonce."""
        message_id = str(raw["id"])
        is_same = str(raw.get("content") or "").strip() == request.part.text.strip()
        is_same |= request.part.is_voice
        try:
            if is_same:
                await self._client.http.get_message(int(request.channel_id), int(message_id))
            else:
                edit = replace(request, edit_id=message_id, nonce="", reply_to="")
                await perform(self._client, edit)
        except discord.NotFound:
            # It was deleted since.
            return await perform(self._client, replace(request, nonce=request.nonce[::-1]))
        except discord.Forbidden:
            # Without Read Message History nothing says that it was deleted.
            if not is_same:
                raise
        return raw


def find_fallback(
    request: DiscordRequest, error: discord.HTTPException, language: str
) -> DiscordRequest | None:
    """Return what to send instead of a refused request, None if nothing can be changed."""
    code = error_code_of(error)
    is_bad_reference = code == _INVALID_FORM and "message_reference" in error.text
    if request.reply_to and (code == _NO_HISTORY or is_bad_reference):
        return replace(request, reply_to="")
    if not request.part.files or request.part.is_voice:
        return None
    if code == _TOO_LARGE or error.status == 413:
        notice = translate(FILE_TOO_BIG, language, limit=MAX_FILE_BYTES >> 20)
    elif code == NO_PERMISSION and not request.token:
        notice = translate(FILES_FORBIDDEN, language)
    else:
        return None
    text = "\n".join(filter(None, (request.part.text, escape(notice))))
    return replace(request, part=replace(request.part, text=text, files=()))
