"""Checks that commands for voice channels share."""

from __future__ import annotations

from core.commands.context import Context
from core.errors import UserError
from core.interfaces import VoiceChannels
from core.permissions import Action, may


def require_channels(ctx: Context) -> VoiceChannels:
    """Return the voice channels of the chat's server. Raises UserError if there are none."""
    if ctx.platform.voice is None or ctx.message.is_private:
        raise UserError("There are no voice channels here.")
    return ctx.platform.voice


async def require_present(ctx: Context) -> VoiceChannels:
    """Return the voice channels if the sender is in the bot's channel, or an admin.

    Raises UserError.
    """
    channels = require_channels(ctx)
    name = channels.find(ctx.message)
    if not name:
        raise UserError("I am not in a voice channel here. Use /join first.")
    is_present = channels.is_present(ctx.message)
    if not await may(ctx.platform, ctx.message, Action.DIRECT_VOICE, is_own=is_present):
        raise UserError("Only members of {channel} and admins can do that.", channel=name)
    return channels
