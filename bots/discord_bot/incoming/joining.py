"""The bot being added to a server: an event that becomes the /start of its main channel."""

from __future__ import annotations

from datetime import datetime, timedelta

import discord

from bots.discord_bot.incoming.messages import PLATFORM
from core.models import Chat, Message

#: Starts the message id; the server and the moment follow, so that a repeated event is known.
PREFIX = "joined:"
_NEW_FOR = timedelta(hours=1)


def read_joining(guild: discord.Guild, bot_id: str, now: datetime) -> Message | None:
    """Return the message for a server that has just added the bot.

    None if it may not write there, or has been there for long: discord.py takes a server that it
    did not know for a new one.
    """
    channel, joined_at = _pick_channel(guild), guild.me.joined_at
    if channel is None or joined_at is None or now - joined_at > _NEW_FOR:
        return None
    return Message(
        chat=Chat(PLATFORM, bot_id, str(channel.id)),
        message_id=f"{PREFIX}{guild.id}:{int(joined_at.timestamp())}",
        sent_at=now,
        is_private=False,
        language=guild.preferred_locale.value,
        command="start",
        server_id=str(guild.id),
    )


def _pick_channel(guild: discord.Guild) -> discord.TextChannel | None:
    """Return where Discord greets people, else the first channel in which the bot may write."""
    channels = [guild.system_channel, *sorted(guild.text_channels, key=lambda one: one.position)]
    for channel in channels:
        if channel is not None:
            rights = channel.permissions_for(guild.me)
            if rights.view_channel and rights.send_messages:
                return channel
    return None
