"""Voice channels as commands see them: whether there are any, and who decides in them."""

from __future__ import annotations

from core.errors import UserError
from core.interfaces import Platform, VoiceChannels
from core.models import Message


def need_channels(platform: Platform, message: Message) -> VoiceChannels:
    """Return the voice channels where the message was written. Raises UserError."""
    if platform.voice is None or message.is_private:
        raise UserError("There are no voice channels here.")
    return platform.voice


async def need_say(platform: Platform, message: Message) -> VoiceChannels:
    """Return the voice channels, for a person who has a say in what is heard there.

    Those are the people in the channel, and the admins. Raises UserError.
    """
    channels = need_channels(platform, message)
    name = channels.find(message)
    if not name:
        raise UserError("I am in no voice channel here. /join calls me.")
    if not (channels.is_present(message) or await platform.is_admin(message)):
        raise UserError("Only those who are in {channel} can do that, and admins.", channel=name)
    return channels
