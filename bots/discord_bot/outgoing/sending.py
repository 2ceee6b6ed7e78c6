"""Sends one message by the first way that is open, and mends what a way refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import discord
import structlog

from bots.discord_bot.client.gateway import TROUBLE, DiscordClient
from bots.discord_bot.errors import (
    INTERACTION_OVER,
    NO_ACCESS,
    NO_PERMISSION,
    TOO_MANY_FOLLOW_UPS,
    UNKNOWN_CHANNEL,
    UNKNOWN_MESSAGE,
    VOICE_REFUSED,
    code_of,
    describe,
    read_error,
)
from bots.discord_bot.outgoing.markdown import escape
from bots.discord_bot.outgoing.parts import FILE_TOO_BIG, MAX_FILE_BYTES
from bots.discord_bot.outgoing.requests import DiscordRequest, perform
from core import metrics
from core.errors import ChatGone, MessageGone, PlatformError
from core.locale import mark, translate

log = structlog.get_logger(__name__)

FILES_FORBIDDEN = mark("I may not send files in this channel.")

#: Ways to mend one call before it counts as refused.
MAX_MENDS = 3
#: The channel lets us in no more, or not for this.
_SHUT = frozenset({UNKNOWN_CHANNEL, NO_ACCESS, NO_PERMISSION})
#: What was to be edited is another's, in a thread that was put away, or a voice message.
_NO_EDIT = frozenset({UNKNOWN_MESSAGE, 50005, 50083, 50162})
_NEXT_WAY = _SHUT | _NO_EDIT | INTERACTION_OVER | {TOO_MANY_FOLLOW_UPS}
#: Refusals of the reference to the question: it may not be read again, or cannot be answered.
_NO_HISTORY, _BAD_FORM = 160002, 50035
_TOO_LARGE = 40005


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that stands there."""

    message_id: str
    #: How it went out in the end.
    route: DiscordRequest
    #: True where the chat refused it as a voice message first.
    is_voice_refused: bool = False


class Sender:
    """Sends single messages."""

    def __init__(self, client: DiscordClient) -> None:
        self._client = client

    async def send(
        self, routes: Sequence[DiscordRequest], *, language: str = "", is_again: bool = False
    ) -> Sent:
        """Send a message by the first of `routes` that is open.

        is_again: something of the reply, or the text so far, may have been sent before.
        Raises ChatGone, MessageGone when no way is open, other PlatformErrors.
        """
        refused: PlatformError = MessageGone("there is no way to answer")
        is_voice_refused = False
        for route in routes:
            if self._is_held(route):
                refused = ChatGone("the channel has refused too often")
                continue
            try:
                route = await self._find_person(route)
                sent = await self._try(route, language, is_again=is_again)
            except discord.HTTPException as error:
                refused = self._read(error, route)
                is_voice_refused |= route.part.is_voice
            except TROUBLE as error:
                raise read_error(error) from None
            else:
                metrics.SENDS.labels("discord", "ok").inc()
                return replace(sent, is_voice_refused=is_voice_refused)
        raise refused

    def _is_held(self, route: DiscordRequest) -> bool:
        return not route.token and self._client.pacer.is_held(route.channel_id)

    async def _find_person(self, route: DiscordRequest) -> DiscordRequest:
        if not route.person_id:
            return route
        await self._client.wait_open()
        raw = await self._client.http.start_private_message(int(route.person_id))
        return replace(route, person_id="", channel_id=str(raw["id"]))

    def _read(self, error: discord.HTTPException, route: DiscordRequest) -> PlatformError:
        """Return why a way is closed. Raises what no other way helps against."""
        code, ours = code_of(error), read_error(error)
        metrics.SENDS.labels("discord", type(ours).__name__).inc()
        is_voice = route.part.is_voice and (code in VOICE_REFUSED or code == _TOO_LARGE)
        if code not in _NEXT_WAY and not is_voice:
            raise ours from None
        log.info("discord_way_closed", code=code)
        return ChatGone(describe(error)) if code in _SHUT else MessageGone(describe(error))

    async def _try(self, out: DiscordRequest, language: str, *, is_again: bool) -> Sent:
        """Make the call, mended as often as it takes."""
        for _ in range(MAX_MENDS):
            try:
                return await self._perform(out, is_again=is_again)
            except discord.HTTPException as error:
                code = code_of(error)
                if code in (NO_ACCESS, NO_PERMISSION) and not out.token:
                    self._client.pacer.note_forbidden(out.channel_id)
                mended = mend(out, error, language)
                if mended is None or self._is_held(out):
                    raise
                log.info("discord_mended", code=code)
                out = mended
        return await self._perform(out, is_again=is_again)

    async def _perform(self, out: DiscordRequest, *, is_again: bool) -> Sent:
        begun_at = self._client.clock.now()
        raw = await perform(self._client, out)
        if not (is_again and out.nonce and _made_at(raw) < begun_at):
            return Sent(str(raw["id"]), out)
        # The nonce gave back a message that was there before.
        message_id = str(raw["id"])
        try:
            if _is_other(raw, out):
                edit = replace(out, edit_id=message_id, nonce="", reply_to="")
                await perform(self._client, edit)
            else:
                await self._client.http.get_message(int(out.channel_id), int(message_id))
        except discord.NotFound:
            # It was deleted since.
            raw = await perform(self._client, replace(out, nonce=out.nonce[::-1]))
        return Sent(str(raw["id"]), out)


def mend(out: DiscordRequest, error: discord.HTTPException, language: str) -> DiscordRequest | None:
    """Return what to try instead of a refused call, None if nothing can be changed."""
    code = code_of(error)
    if out.reply_to and (code == _NO_HISTORY or _is_about_reply(error)):
        return replace(out, reply_to="")
    if not out.part.files or out.part.is_voice:
        return None
    if code == _TOO_LARGE or error.status == 413:
        return _leave_files(out, translate(FILE_TOO_BIG, language, limit=MAX_FILE_BYTES >> 20))
    if code == NO_PERMISSION and not out.token:
        return _leave_files(out, translate(FILES_FORBIDDEN, language))
    return None


def _leave_files(out: DiscordRequest, notice: str) -> DiscordRequest:
    text = "\n".join(filter(None, (out.part.text, escape(notice))))
    return replace(out, part=replace(out.part, text=text, files=()))


def _is_about_reply(error: discord.HTTPException) -> bool:
    return error.code == _BAD_FORM and "message_reference" in error.text


def _is_other(raw: dict[str, Any], out: DiscordRequest) -> bool:
    is_same = str(raw.get("content") or "").strip() == out.part.text.strip()
    return not (is_same or out.part.is_voice)


def _made_at(raw: dict[str, Any]) -> datetime:
    return discord.utils.snowflake_time(int(raw["id"]))
