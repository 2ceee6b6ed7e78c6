"""Receives interactions: commands, message actions, buttons, modals, autocomplete.

Discord delivers an interaction once and waits three seconds for a response. It is committed first
and deferred after that: whoever sees "thinking…" gets a reply, whenever the process ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from itertools import chain, repeat

import discord
import structlog
from discord import InteractionType
from discord.app_commands import Choice
from discord.webhook.async_ import AsyncWebhookAdapter, async_context

from bots.common.chat import clean_line
from bots.discord_bot.client.gateway import POISON, REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import (
    ALREADY_ANSWERED,
    UNKNOWN_INTERACTION,
    describe,
    error_code_of,
    read_error,
)
from bots.discord_bot.incoming.forwards import ForwardOrigins
from bots.discord_bot.interactions.http_response import TooLate
from bots.discord_bot.interactions.menu import update_menu
from bots.discord_bot.interactions.modals import build_modal, read_modal
from bots.discord_bot.interactions.parser import (
    ParsedInteraction,
    build_message,
    parse_interaction,
    read_focused,
)
from bots.discord_bot.outgoing.parts import MessagePart
from bots.discord_bot.outgoing.requests import perform
from bots.discord_bot.outgoing.routes import (
    LIFE_S,
    ORIGINAL,
    DiscordRequest,
    read_interaction_token,
)
from core import commands
from core.errors import AssistantError, PlatformBusy, StorageFull, describe_error
from core.inbox import Inbox
from core.locale import mark, translate
from core.models import Job, Message, Suggestion

log = structlog.get_logger(__name__)

GONE = mark("This has expired. Please start again.")
NOT_ALLOWED = mark("This bot is not enabled for this server or channel.")

#: Deadline of the first response, less the time in transit; and of one try.
RESPONSE_S, _TRY_S = 2.8, 1.2
_RETRY_S = 0.1
#: Deadline of autocomplete.
_SUGGEST_S = 2.0
#: Waits after failed tries to register the commands; the last one repeats.
MENU_WAITS_S = (5.0, 30.0, 120.0, 600.0)
#: First and longest wait between tries to commit.
_FIRST_WAIT_S, _MAX_WAIT_S = 0.1, 10.0
#: Most autocomplete choices, and their longest name or value.
MAX_CHOICES, MAX_CHOICE_CHARS = 25, 100

#: Commits a message from a server ("" = none) if its chat may use the bot.
Accept = Callable[[Message, str], Awaitable[Job | None]]
#: Returns whether it may.
IsAllowed = Callable[[Message], bool]


class Interactions:
    """Commits what interactions ask for and responds to them."""

    def __init__(
        self,
        client: DiscordClient,
        inbox: Inbox,
        accept: Accept,
        is_allowed: IsAllowed,
        origins: ForwardOrigins,
    ) -> None:
        self._client = client
        self._clock = client.clock
        self._inbox = inbox
        self._accept = accept
        self._is_allowed = is_allowed
        self._origins = origins

    async def update_menu(self) -> None:
        """Register the commands, once after the login. Raises what a retry cannot fix."""
        for wait_s in chain(MENU_WAITS_S, repeat(MENU_WAITS_S[-1])):
            try:
                await self._client.wait_open()
                count = await update_menu(self._client)
            except (*REQUEST_ERRORS, PlatformBusy) as error:
                # RuntimeError: the connection was closed meanwhile, for another login.
                is_lost = isinstance(error, PlatformBusy | RuntimeError)
                if not (is_lost or read_error(error).is_retryable):
                    raise
                log.warning("discord_menu_failed", detail=describe(error))
                await self._clock.sleep(wait_s)
            else:
                log.info("discord_menu", changed=count)
                return

    async def take(
        self, interaction: discord.Interaction, responder: AsyncWebhookAdapter | None = None
    ) -> None:
        """Commit one interaction and respond to it. Raises REQUEST_ERRORS, AssistantError.

        responder: sends the first response; without one it is sent over REST. Discord does not
        send an interaction again: while the disk is full, the person is told to.
        """
        if responder:
            # Where discord.py looks it up, in this task alone.
            async_context.set(responder)
        try:
            await self._take(interaction)
        except StorageFull as error:
            text = translate(error.user_text, interaction.locale.value)
            await interaction.response.send_message(text, ephemeral=True)

    async def _take(self, interaction: discord.Interaction) -> None:
        received_s = self._clock.now().timestamp()
        end_s = self._clock.monotonic() + RESPONSE_S
        if interaction.type is InteractionType.ping or interaction.user.bot:
            return
        if interaction.type is InteractionType.autocomplete:
            await self._suggest(interaction)
            return
        parsed = self._parse(interaction)
        if parsed is None:
            text = translate(GONE, interaction.locale.value)
            await interaction.response.send_message(text, ephemeral=True)
            return
        message = build_message(interaction, parsed, self._client.bot_id, received_s)
        message = await self._origins.resolve(message)
        if parsed.missing_argument:
            await self._open_form(interaction, parsed, message)
        else:
            with self._client.first_responses.pending(message.message_id) as is_first:
                job = await self._commit(message, str(interaction.guild_id or ""))
                if job is None and message.button:
                    await self._ignore(interaction, is_first=is_first)
                    return
                if job and await self._is_refused(interaction, parsed, message):
                    parsed = replace(parsed, is_ephemeral=True)
                is_deferred = await self._defer(interaction, parsed, end_s)
            if job is None and is_deferred and not await self._is_repeated(message):
                await self._edit_response(message, translate(NOT_ALLOWED, message.language))

    async def _is_refused(
        self, interaction: discord.Interaction, parsed: ParsedInteraction, message: Message
    ) -> bool:
        """Return whether only the person who asked is to see the response, after a moment."""
        # Other processes do not tell whether they refuse: then what all have seen is deleted.
        if self._inbox.ownership.is_shared or parsed.is_ephemeral or not interaction.guild_id:
            return False
        return await self._client.first_responses.find_refusal(message.message_id)

    async def _is_repeated(self, message: Message) -> bool:
        """Return whether it had been committed before: over HTTP it may come after a restart."""
        return await self._inbox.job_of(message.chat, message.message_id) is not None

    async def _edit_response(self, message: Message, text: str) -> None:
        token = read_interaction_token(message.reply_token)
        request = DiscordRequest(MessagePart(text), token=token, edit_id=ORIGINAL)
        await perform(self._client, request)

    async def _open_form(
        self, interaction: discord.Interaction, parsed: ParsedInteraction, message: Message
    ) -> None:
        """Commit the message that opens a form, and show the form."""
        if self._is_allowed(message):
            await self._inbox.open_form(message)
            await interaction.response.send_modal(build_modal(interaction, parsed))
        else:
            text = translate(NOT_ALLOWED, message.language)
            await interaction.response.send_message(text, ephemeral=True)

    async def _ignore(self, interaction: discord.Interaction, *, is_first: bool) -> None:
        """Respond without a trace to a button that was pressed again: its answer is under way.

        is_first: False for a repeated event, whose interaction is being responded to.
        """
        if is_first:
            await interaction.response.defer()

    def _parse(self, interaction: discord.Interaction) -> ParsedInteraction | None:
        try:
            if interaction.type is InteractionType.modal_submit:
                return read_modal(dict(interaction.data or {}))
            return parse_interaction(interaction, self._client.bot_id)
        except POISON as error:
            log.error("discord_interaction_unread", error=type(error).__name__)
            return None

    async def _defer(
        self, interaction: discord.Interaction, parsed: ParsedInteraction, end_s: float
    ) -> bool:
        """Defer the reply until `end_s`; return whether that was the first response.

        Never raises: what could not be deferred in time gets its reply in the channel.
        """
        is_retry = False
        while True:
            try:
                async with asyncio.timeout(_TRY_S):
                    await interaction.response.defer(ephemeral=parsed.is_ephemeral, thinking=True)
            except REQUEST_ERRORS as error:
                code = error_code_of(error)
                if code == ALREADY_ANSWERED:
                    # By the try before, whose result was lost; or the event came twice.
                    return is_retry
                log.warning("discord_defer_failed", detail=describe(error))
                is_over = code == UNKNOWN_INTERACTION or isinstance(error, TooLate)
                if is_over or self._clock.monotonic() + _RETRY_S > end_s:
                    return False
            else:
                return True
            is_retry = True
            await self._clock.sleep(_RETRY_S)

    async def _commit(self, message: Message, guild_id: str) -> Job | None:
        """Commit the message and retry until the interaction token expires."""
        wait_s, end_s = _FIRST_WAIT_S, self._clock.monotonic() + LIFE_S
        while True:
            try:
                return await self._accept(message, guild_id)
            except AssistantError as error:
                is_full = isinstance(error, StorageFull)
                log.error("discord_not_committed", error=describe_error(error))
                if is_full or self._clock.monotonic() + wait_s > end_s:
                    raise
            await self._clock.sleep(wait_s)
            wait_s = min(_MAX_WAIT_S, wait_s * 2)

    async def _suggest(self, interaction: discord.Interaction) -> None:
        """Answer an autocomplete request."""
        data = dict(interaction.data or {})
        name, (argument, typed) = str(data.get("name")), read_focused(data)
        suggestions: list[Suggestion] = []
        if name in commands.COMMANDS:
            parsed = ParsedInteraction(name, typed)
            received_s = self._clock.now().timestamp()
            message = build_message(interaction, parsed, self._client.bot_id, received_s)
            try:
                async with asyncio.timeout(_SUGGEST_S):
                    if self._is_allowed(message):
                        suggestions = await self._inbox.suggest(message, argument)
            except (AssistantError, TimeoutError) as error:
                log.warning("discord_autocomplete_failed", error=type(error).__name__)
        await interaction.response.autocomplete(pick_choices(suggestions, typed))


def pick_choices(suggestions: Iterable[Suggestion], typed: str) -> list[Choice[str]]:
    """Return the choices that match what was typed: those that begin with it come first."""
    wanted = typed.strip().casefold()

    def rank(one: Suggestion) -> int:
        words = [one.label.casefold(), one.value.casefold()]
        if any(word.startswith(wanted) for word in words):
            return 0
        return 1 if any(wanted in word for word in words) else 2

    # A value must not be shortened: it would become another one.
    possible = [one for one in suggestions if 1 <= len(one.value) <= MAX_CHOICE_CHARS]
    matching = sorted((one for one in possible if rank(one) < 2), key=rank)
    return [
        Choice(name=(clean_line(one.label) or one.value)[:MAX_CHOICE_CHARS], value=one.value)
        for one in matching[:MAX_CHOICES]
    ]
