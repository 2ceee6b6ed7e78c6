"""Takes interactions in: commands, menus of messages, buttons and what is being typed.

Discord shows an interaction once and waits three seconds: the first thing it hears is that it was
heard, only then is anything kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import discord
import structlog
from discord import InteractionType

from bots.discord_bot.client.gateway import POISON, TROUBLE, DiscordClient
from bots.discord_bot.errors import (
    ALREADY_ANSWERED,
    UNKNOWN_INTERACTION,
    code_of,
    describe,
    read_error,
)
from bots.discord_bot.interactions.autocomplete import pick_choices
from bots.discord_bot.interactions.menu import update_menu
from bots.discord_bot.interactions.modals import Modals
from bots.discord_bot.interactions.parser import (
    ParsedInteraction,
    build_message,
    find_focus,
    parse_interaction,
)
from bots.discord_bot.interactions.token import LIFE_S
from core import commands
from core.errors import AssistantError
from core.inbox import Inbox
from core.locale import mark, translate
from core.models import Job, Message

log = structlog.get_logger(__name__)

GONE = mark("I no longer know what this is about. Please begin again.")
NOT_ALLOWED = mark("I am not set up to answer here.")

#: How long Discord waits for the first answer, less the way there; and how long one try may take.
ANSWER_S, _TRY_S = 2.8, 1.2
_AGAIN_S = 0.1
#: What is offered later than this is of no use.
_SUGGEST_S = 2.0
#: Waits after each try to set the commands.
MENU_WAITS_S = (5.0, 30.0, 120.0, 600.0)
#: Waits between tries to keep what was asked for.
_FIRST_WAIT_S, _MAX_WAIT_S = 0.1, 10.0

#: Commits a message that came from a server ("" = none) if its chat may use the bot.
Accept = Callable[[Message, str], Awaitable[Job | None]]


class Interactions:
    """Answers within a second that it was heard, then hands in what was asked."""

    def __init__(self, client: DiscordClient, inbox: Inbox, accept: Accept) -> None:
        """Take where to hand messages in."""
        self._client = client
        self._clock = client.clock
        self._inbox = inbox
        self._accept = accept
        self._modals = Modals()

    async def start(self) -> None:
        """Bring the commands that Discord shows up to date; called once, after the login.

        Raises what the client's calls raise where no waiting would help.
        """
        for wait_s in MENU_WAITS_S:
            try:
                count = await update_menu(self._client)
            except TROUBLE as error:
                if not read_error(error).is_retryable:
                    raise
                log.warning("discord_menu_failed", detail=describe(error))
                await self._clock.sleep(wait_s)
            else:
                log.info("discord_menu", changed=count)
                return

    async def take(self, interaction: discord.Interaction) -> None:
        """Take one interaction in. Raises what the client's calls raise, AssistantError."""
        received_s = self._clock.now().timestamp()
        if interaction.type is InteractionType.ping or interaction.user.bot:
            return
        if interaction.type is InteractionType.autocomplete:
            await self._suggest(interaction)
            return
        asked = self._read(interaction)
        if asked is None:
            text = translate(GONE, interaction.locale.value)
            await interaction.response.send_message(text, ephemeral=True)
        elif asked.asks:
            await interaction.response.send_modal(self._modals.open(interaction, asked))
        else:
            is_ours = await self._defer(interaction, asked)
            message = build_message(interaction, asked, self._client.bot_id, received_s)
            job = await self._commit(message, str(interaction.guild_id or ""))
            if job is None and is_ours:
                text = translate(NOT_ALLOWED, message.language)
                await interaction.edit_original_response(content=text)

    def _read(self, interaction: discord.Interaction) -> ParsedInteraction | None:
        try:
            if interaction.type is InteractionType.modal_submit:
                return self._modals.read(interaction)
            return parse_interaction(interaction, self._client.bot_id)
        except POISON as error:
            log.error("discord_interaction_unread", error=type(error).__name__)
            return None

    async def _defer(self, interaction: discord.Interaction, asked: ParsedInteraction) -> bool:
        """Tell Discord that the answer will come; return whether the first answer is now ours.

        It never raises: what was not told in time is answered in the channel all the same.
        """
        end_s, is_again = self._clock.monotonic() + ANSWER_S, False
        while True:
            try:
                async with asyncio.timeout(_TRY_S):
                    await interaction.response.defer(ephemeral=asked.is_ephemeral, thinking=True)
            except TROUBLE as error:
                code = code_of(error)
                if code == ALREADY_ANSWERED:
                    # By the try before, whose answer was lost; or the event came twice.
                    return is_again
                log.warning("discord_defer_failed", detail=describe(error))
                if code == UNKNOWN_INTERACTION or self._clock.monotonic() + _AGAIN_S > end_s:
                    return False
            else:
                return True
            is_again = True
            await self._clock.sleep(_AGAIN_S)

    async def _commit(self, message: Message, guild_id: str) -> Job | None:
        """Hand in what was asked for, again until it is kept or can no longer be answered."""
        wait_s, end_s = _FIRST_WAIT_S, self._clock.monotonic() + LIFE_S
        while True:
            try:
                return await self._accept(message, guild_id)
            except AssistantError as error:
                if self._clock.monotonic() + wait_s > end_s:
                    raise
                log.error("discord_not_committed", error=type(error).__name__)
            await self._clock.sleep(wait_s)
            wait_s = min(_MAX_WAIT_S, wait_s * 2)

    async def _suggest(self, interaction: discord.Interaction) -> None:
        """Offer what may be put into the field that a person is filling in."""
        data = dict(interaction.data or {})
        name, (field, typed) = str(data.get("name")), find_focus(data)
        found = []
        if name in commands.COMMANDS:
            asked = ParsedInteraction(name, typed)
            received_s = self._clock.now().timestamp()
            message = build_message(interaction, asked, self._client.bot_id, received_s)
            try:
                async with asyncio.timeout(_SUGGEST_S):
                    found = await self._inbox.suggest(message, field)
            except (AssistantError, TimeoutError) as error:
                log.warning("discord_nothing_suggested", error=type(error).__name__)
        await interaction.response.autocomplete(pick_choices(found, typed))
