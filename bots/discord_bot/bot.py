"""The Discord bot: builds its parts and connects them to the gateway's events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import discord
import structlog

from bots.common.chat import ChatBot
from bots.discord_bot.access import DiscordMembers
from bots.discord_bot.client.gateway import REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import describe
from bots.discord_bot.incoming.backfill import Backfill
from bots.discord_bot.incoming.files import DiscordFiles
from bots.discord_bot.incoming.forwards import ForwardOrigins
from bots.discord_bot.incoming.intake import Channels, ChannelWatermarks, GatewayIntake
from bots.discord_bot.incoming.joining import read_joining
from bots.discord_bot.interactions.http_response import HttpResponse
from bots.discord_bot.interactions.receiving import Interactions
from bots.discord_bot.listening import GatewayListening
from bots.discord_bot.outgoing.delivery import DiscordDelivery
from bots.discord_bot.outgoing.files import MAX_FILE_BYTES
from bots.discord_bot.outgoing.live_message import DiscordLiveMessages
from bots.discord_bot.outgoing.routes import read_interaction_token
from bots.discord_bot.voice.channels import DiscordVoiceChannels
from bots.discord_bot.wording import WORDING, WORDING_WITHOUT_GATEWAY
from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import ConfigError, PlatformBusy
from core.inbox import Inbox
from core.models import Chat, Job, Message

log = structlog.get_logger(__name__)

#: Events of discord.py that the bot listens to, each with a method of that name.
EVENTS = (
    "on_shard_ready",
    "on_guild_available",
    "on_guild_join",
    "on_interaction",
    "on_voice_state_update",
    "on_guild_role_update",
    "on_guild_role_delete",
    "on_guild_channel_update",
    "on_member_ban",
)
WRONG_KEY = (
    "DISCORD_PUBLIC_KEY is not the key of this bot's application: copy it from"
    " discord.com/developers/applications, under General Information"
)
#: People whose language is remembered.
_MAX_LANGUAGES = 5000
#: How long `close` waits for interactions that are not committed and responded to.
_COMMIT_S = 5.0


class DiscordBot(ChatBot):
    """One Discord bot; a `core.interfaces.Platform`."""

    name = "discord"
    #: That of the application as the settings have it, empty where nothing is posted to the bot.
    _public_key = ""
    wording = WORDING
    #: A direct message may begin with anything.
    needs_introduction = True
    max_upload_bytes = MAX_FILE_BYTES
    sdk_errors = REQUEST_ERRORS
    describe = staticmethod(describe)

    def __init__(self, settings: Settings, inbox: Inbox, clock: Clock = CLOCK) -> None:
        """Build the parts; nothing connects before `run`."""
        super().__init__(settings, inbox, clock)
        self.client = client = DiscordClient(settings, clock)
        self.channels = Channels(client)
        self.files = DiscordFiles(client, inbox, settings.max_file_bytes)
        self._origins = ForwardOrigins(client)
        self._members = DiscordMembers(client, self.channels)
        self._voice = DiscordVoiceChannels(client)
        self._live_messages = live = DiscordLiveMessages(client, self.start_task)
        self._delivery = DiscordDelivery(client, self.channels, live, inbox, self._voice.end)
        self._delivery.long_answers = settings.discord_long_answers
        take, accept = self._accept_interaction, self._accept_message
        self._interactions = Interactions(client, inbox, take, self.is_allowed, self._origins)
        watermarks = ChannelWatermarks(inbox, clock)
        intake = GatewayIntake(client, self.channels, watermarks, inbox, accept)
        self._backfill = Backfill(client, watermarks, intake.commit)
        self._listening = GatewayListening(intake, self._backfill, self._voice, inbox.ownership)
        #: Person -> language of their app, which only interactions tell.
        self._languages: dict[str, str] = {}
        self._interaction_tasks: set[asyncio.Task[None]] = set()
        self._parts = (self.files, client)
        # The rest of the contract, each by the part that does it.
        self.show, self.offer_cancel = live.show, live.offer_cancel
        self.fetch, self.deliver = self.files.fetch, self._delivery.deliver
        self.voice, self.play = self._voice, self._voice.play
        self.membership = self._members.membership
        self.explain_blindness = self._members.explain_blindness  # type: ignore[method-assign]
        if settings.discord_public_key:
            self._open_endpoint(settings)

    def _open_endpoint(self, settings: Settings) -> None:
        """Let interactions come over HTTP, too, or alone."""
        # Loaded only where it is on.
        from bots.discord_bot.interactions.endpoint import PATH, InteractionsEndpoint

        self._public_key = settings.discord_public_key or ""
        self.endpoints = {PATH: InteractionsEndpoint(self.client, self.take_posted, settings)}
        if not self.client.has_gateway:
            self.voice, self.wording = None, WORDING_WITHOUT_GATEWAY

    @property
    def is_ready(self) -> bool:
        """True while every shard of this process is connected, or others have all of them.

        Without a gateway, once logged in.
        """
        return self.client.is_live or self._listening.name in self._inbox.ownership.waiting

    async def run(self) -> None:
        """Receive messages until cancelled.

        Raises PlatformLocked, ConfigError: what the operator must fix.
        """
        await self.log_in()
        self.start_task(self._interactions.update_menu())
        if self.client.has_gateway:
            for name in EVENTS:
                self.client.event(getattr(self, name))
            log.info("discord_started", bot=str(self.client.user), bot_id=self.client.bot_id)
            await self._listening.run()
            return
        log.info("discord_started", bot=str(self.client.user), gateway="off")
        await asyncio.Event().wait()

    async def connect(self) -> None:
        """Do what replies need: they show commands as links, by the numbers that Discord gave them.

        Raises PlatformLocked, ConfigError: what the operator must fix.
        """
        self.start_task(self._interactions.update_menu())
        await super().connect()

    async def log_in(self) -> None:
        """Log in for requests. Raises PlatformLocked, ConfigError: what the operator must fix."""
        await self.client.open()
        application = self.client.application
        if self._public_key and application and application.verify_key != self._public_key:
            raise ConfigError(WRONG_KEY)

    async def private_chat(self, person_id: str) -> Chat:
        """Return the direct message channel with a person. Raises PlatformError."""
        if not self.client.bot_id:
            raise PlatformBusy("not logged in to Discord yet")
        return Chat(self.name, self.client.bot_id, await self.channels.open_private(person_id))

    def is_ephemeral(self, message: Message) -> bool:
        """Return whether the interaction was, or is to be, answered ephemerally."""
        token = read_interaction_token(message.reply_token)
        return token is not None and token.is_ephemeral

    async def acknowledge(self, message: Message) -> None:
        """Show "typing", once per channel, unless the channel keeps refusing the bot."""
        pacer, channel_id = self.client.pacer, message.thread_id or message.chat.chat_id
        if not pacer.take_typing(channel_id):
            return
        try:
            await self.client.http.send_typing(int(channel_id))
        except discord.Forbidden:
            pacer.note_forbidden(channel_id)

    async def close(self) -> None:
        """Wait for interactions that are being committed, then close all connections."""
        if self._interaction_tasks:
            await asyncio.wait(self._interaction_tasks, timeout=_COMMIT_S)
        await super().close()

    async def on_shard_ready(self, shard_id: int) -> None:
        """Fetch what a shard missed, now that its servers are known."""
        self.client.note_complete(shard_id)
        self._backfill.complete_session(shard_id)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Fetch what a server missed that became available later."""
        self._backfill.add_guild(guild.id)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Say hello in a server that the bot was added to: who it is, and that it is an AI."""
        message = read_joining(guild, self.client.bot_id, self._clock.now())
        if message and self.is_allowed(message):
            await self.accept(message)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Take a command, a pressed button, a modal or an autocomplete request."""
        self._take(interaction)

    def take_posted(self, payload: dict[str, Any], response: HttpResponse) -> asyncio.Task[None]:
        """Take an interaction that came over HTTP. Raises POISON if it cannot be read."""
        data: Any = payload
        interaction = discord.Interaction(data=data, state=self.client._connection)
        return self._take(interaction, response)

    def _take(
        self, interaction: discord.Interaction, response: HttpResponse | None = None
    ) -> asyncio.Task[None]:
        self._members.note_interaction(interaction)
        task = self.start_task(self._interactions.take(interaction, response))
        self._interaction_tasks.add(task)
        task.add_done_callback(self._interaction_tasks.discard)
        return task

    async def on_voice_state_update(self, member: discord.Member, *_: discord.VoiceState) -> None:
        """Leave a voice channel that the last person has left."""
        self._voice.note_move(member)

    async def on_guild_role_update(self, before: discord.Role, _: discord.Role) -> None:
        """Ask anew what people are in a server."""
        self._members.note_change(before.guild)

    async def on_guild_role_delete(self, role: discord.Role) -> None:
        """Ask anew what people are in a server."""
        self._members.note_change(role.guild)

    async def on_guild_channel_update(self, channel: discord.abc.GuildChannel, _: object) -> None:
        """Ask anew who sees the channels of a server."""
        self._members.note_change(channel.guild)

    async def on_member_ban(self, guild: discord.Guild, _: object) -> None:
        """Ask anew what people are in a server."""
        self._members.note_change(guild)

    async def _accept_message(
        self, message: Message, guild_id: str, raw: Mapping[str, Any]
    ) -> None:
        """Commit a person's message. Raises what `Inbox.accept` raises."""
        if not self.is_allowed(message):
            return
        self.client.seen.add(message.message_id)
        self.files.note_links(raw)
        language = self._languages.get(message.sender_id, "")
        if not language and guild_id:
            guild = self.client.get_guild(int(guild_id))
            language = guild.preferred_locale.value if guild else ""
        if message.origin_id or message.reply_to:
            message = await self._origins.resolve(message)
        # Only the gateway tells when somebody joined.
        joined_at = (raw.get("member") or {}).get("joined_at")
        joined_at = datetime.fromisoformat(joined_at) if joined_at else None
        await self.accept(replace(message, language=language, sender_joined_at=joined_at))

    async def _accept_interaction(self, message: Message, guild_id: str = "") -> Job | None:
        """Commit what an interaction asks for. Raises what `Inbox.accept` raises."""
        self._languages[message.sender_id] = message.language
        if len(self._languages) > _MAX_LANGUAGES:
            del self._languages[next(iter(self._languages))]
        if not self.is_allowed(message):
            return None
        self.client.seen.add(message.message_id)
        return await self.accept(message)
