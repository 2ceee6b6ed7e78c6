"""The Discord platform's parts put together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any

import discord
import structlog

from bots.discord_bot.access import DiscordAdmins
from bots.discord_bot.channels import ChannelRef, Channels
from bots.discord_bot.client.gateway import POISON, TROUBLE, DiscordClient
from bots.discord_bot.errors import describe
from bots.discord_bot.incoming.backfill import Backfill
from bots.discord_bot.incoming.files import DiscordFiles
from bots.discord_bot.incoming.receiving import GatewayIntake
from bots.discord_bot.incoming.watermarks import ChannelWatermarks
from bots.discord_bot.interactions.receiving import Interactions
from bots.discord_bot.outgoing.delivery import DiscordDelivery
from bots.discord_bot.outgoing.live_message import DiscordLiveMessages
from bots.discord_bot.voice.channels import DiscordVoiceChannels
from core import commands
from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import AssistantError, PlatformBusy
from core.inbox import Inbox
from core.interfaces import DeliveryTarget, VoiceChannels
from core.models import Chat, Job, Message, Reply

log = structlog.get_logger(__name__)

#: People whose language is remembered.
_MAX_LANGUAGES = 5000
#: How long what people have just asked for is waited for at the end.
_LAST_S = 5.0


class DiscordBot:
    """One Discord bot; a `core.interfaces.Platform`, and what its client tells of events."""

    name = "discord"

    def __init__(self, settings: Settings, inbox: Inbox, clock: Clock = CLOCK) -> None:
        """Take a door to hand messages to."""
        self._inbox = inbox
        self._allowed = frozenset(settings.allowed_chats)
        self.client = DiscordClient(settings, self, clock)
        self.channels = Channels(self.client)
        self._live_messages = DiscordLiveMessages(self.client)
        self._delivery = DiscordDelivery(self.client, self.channels, self._live_messages, inbox)
        self._delivery.long_answers = settings.discord_long_answers
        self._interactions = Interactions(self.client, inbox, self._accept_interaction)
        self.files = DiscordFiles(self.client)
        self._voice = DiscordVoiceChannels(self.client)
        self._admins = DiscordAdmins(self.client, self.channels)
        self._watermarks = ChannelWatermarks(self.name, inbox, clock)
        self._intake = GatewayIntake(
            self.client, self.channels, self._watermarks, inbox, self._accept
        )
        self._backfill = Backfill(self.client, self._watermarks, self._intake.commit)
        #: As their app last told with a command.
        self._languages: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        #: Of these, the ones that take in what somebody asked for.
        self._asking: set[asyncio.Task[None]] = set()

    @property
    def is_ready(self) -> bool:
        """Tell whether messages come in."""
        return self.client.is_live

    @property
    def voice(self) -> VoiceChannels:
        """Return the voice channels of servers."""
        return self._voice

    async def run(self) -> None:
        """Receive messages until cancelled.

        Raises PlatformLocked, ConfigError: what the operator must mend.
        """
        await self.client.open()
        await self._watermarks.load(self.client.bot_id)
        log.info("discord_started", bot_id=self.client.bot_id)
        self._start(self._interactions.start())
        beside = [
            asyncio.create_task(self._intake.run()),
            asyncio.create_task(self._watermarks.run()),
        ]
        try:
            await self.client.listen()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, self._backfill.close(), return_exceptions=True)
            await self._voice.close()
            await self.client.leave()
            await self._watermarks.flush()

    async def fetch(self, message: Message) -> bytes:
        """Return the sound of a message: see `core.interfaces.Platform`."""
        return await self.files.fetch(message)

    async def show(self, target: DeliveryTarget, text: str, *, is_lasting: bool = False) -> None:
        """Show the text so far, at the pace that Discord allows: see `core.interfaces.Platform`."""
        self._live_messages.show(target, text, is_lasting=is_lasting)

    def play(self, target: DeliveryTarget, pcm: bytes, rate_hz: int) -> None:
        """Let sound be heard in the voice channel that we are in: messages play whole ones only."""
        self._voice.play(target, pcm, rate_hz)

    async def deliver(self, target: DeliveryTarget, reply: Reply) -> None:
        """Send a reply: see `core.interfaces.Platform`."""
        self._voice.end(target.job_id)
        await self._delivery.deliver(target, reply)

    async def is_admin(self, message: Message) -> bool:
        """Tell whether the sender may change settings: see `core.interfaces.Platform`."""
        return await self._admins.is_admin(message)

    async def private_chat(self, person_id: str) -> Chat:
        """Return the channel that we share with a person: see `core.interfaces.Platform`."""
        if not self.client.bot_id:
            raise PlatformBusy("not logged in to Discord yet")
        return Chat(self.name, self.client.bot_id, await self.channels.open_private(person_id))

    async def close(self) -> None:
        """Let go of connections and of what still runs beside."""
        if self._asking:
            # Who was told that an answer comes is kept: it comes after the next start.
            await asyncio.wait(self._asking, timeout=_LAST_S)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._live_messages.close()
        await self.files.close()
        await self.client.close()

    def hear(self, kind: str, raw: dict[str, Any]) -> None:
        """Take a message event: see `bots.discord_bot.client.gateway_events.Listener`."""
        self._intake.hear(kind, raw)

    def start_session(self, shard_id: int) -> None:
        """Take note of a new session: see `bots.discord_bot.client.gateway_events.Listener`."""
        log.info("discord_session", shard=shard_id)
        self._backfill.start_session(shard_id)

    def complete_session(self, shard_id: int) -> None:
        """Ask for what was missed: see `bots.discord_bot.client.gateway_events.Listener`."""
        self._backfill.complete_session(shard_id)

    def add_guild(self, guild_id: int) -> None:
        """Ask for what was missed in a server."""
        self._backfill.add_guild(guild_id)

    def take_interaction(self, interaction: discord.Interaction) -> None:
        """Take an interaction: see `bots.discord_bot.client.gateway_events.Listener`."""
        task = self._start(self._interactions.take(interaction))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def note_move(self, member: discord.Member) -> None:
        """Look who is in voice channels: see `bots.discord_bot.client.gateway_events.Listener`."""
        self._voice.note_move(member)

    async def _accept(self, message: Message, place: ChannelRef, raw: Mapping[str, Any]) -> None:
        """Commit what a person wrote. Raises what the door raises."""
        if not self._is_allowed(message, place.guild_id):
            return
        self.files.note_links(raw)
        language = self._find_language(message.sender_id, place)
        job = await self._inbox.accept(replace(message, language=language))
        quoted = message.reply_to and message.reply_to.attachment
        is_loud = job is not None and not commands.load_command(job.command).is_silent
        if is_loud and (message.attachment or quoted):
            self._start(self._show_typing(place))

    async def _accept_interaction(self, message: Message, guild_id: str = "") -> Job | None:
        """Commit what an interaction asks for. Raises what the door raises."""
        self._languages[message.sender_id] = message.language
        if len(self._languages) > _MAX_LANGUAGES:
            del self._languages[next(iter(self._languages))]
        return await self._inbox.accept(message) if self._is_allowed(message, guild_id) else None

    def _is_allowed(self, message: Message, guild_id: str) -> bool:
        of_it = {message.chat.chat_id, message.sender_id, guild_id}
        if not self._allowed or self._allowed & of_it:
            return True
        log.debug("discord_chat_not_allowed", message_id=message.message_id)
        return False

    def _find_language(self, person_id: str, place: ChannelRef) -> str:
        """Return the language of a person's app, which plain messages do not tell."""
        if known := self._languages.get(person_id):
            return known
        guild = self.client.get_guild(int(place.guild_id)) if place.guild_id else None
        return guild.preferred_locale.value if guild else ""

    async def _show_typing(self, place: ChannelRef) -> None:
        """Show that the message was heard, where that is welcome."""
        pacer, channel_id = self.client.pacer, place.channel_id
        if pacer.is_held(channel_id):
            return
        try:
            await self.client.http.send_typing(int(channel_id))
        except discord.Forbidden:
            pacer.note_forbidden(channel_id)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the loop that may fail without harm."""
        task = asyncio.create_task(_try(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _try(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except (*TROUBLE, AssistantError) as error:
        log.warning("discord_nicety_failed", detail=describe(error))
    except POISON as error:
        log.exception("discord_task_failed", error=type(error).__name__)
