"""A connection to one voice channel and its audio queue.

The queue is cleared when the bot leaves, and with each loss of the connection.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import discord
import structlog

from bots.discord_bot.errors import describe
from bots.discord_bot.voice.audio_source import QueuedAudioSource
from core.interfaces import DeliveryTarget
from core.models import Message

log = structlog.get_logger(__name__)

#: How long Discord may take to confirm a disconnect.
_DISCONNECT_S = 2.0


class VoiceConnection(discord.VoiceClient):
    """The bot's presence in one voice channel."""

    def __init__(self, client: discord.Client, channel: discord.abc.Connectable) -> None:
        super().__init__(client, channel)
        self._queue = QueuedAudioSource()
        self._is_playing = False
        #: True from the first connect until the bot leaves.
        self.is_started = False
        #: Messages sent before this are not played.
        self.since_at = datetime.max.replace(tzinfo=UTC)
        #: The chat that /join came from, and the (chat, thread) pairs that are read aloud.
        self.home_chat_id = ""
        self.read_aloud: set[tuple[str, str | None]] = set()

    def start(self, message: Message) -> None:
        """Note the message that called the bot."""
        self.is_started, self.since_at = True, message.sent_at
        self.home_chat_id = message.chat.chat_id

    def feed(self, target: DeliveryTarget, pcm: bytes, rate_hz: int) -> None:
        """Play a job's samples as they come: 16-bit mono. They are lost without a connection."""
        if not self.is_connected():
            self._queue.drop(target.job_id)
            return
        self._queue.feed(target, pcm, rate_hz)
        self._play()

    def end(self, job_id: str) -> None:
        """Note that a job's speech is complete."""
        self._queue.end(job_id)

    def silence(self, since_at: datetime) -> None:
        """Drop queued audio, and what still comes of messages sent before `since_at`."""
        self.since_at = max(since_at, self.since_at)
        self._queue.clear()

    def wait_until_connected(self, timeout: float | None = 30.0) -> bool:
        """Make the player end when the connection is lost: its audio would be late."""
        self._queue.clear()
        return False

    async def on_voice_server_update(self, data: Any) -> None:
        """Clear the queue when Discord moves the call to another server, a new session."""
        self._queue.clear()
        await super().on_voice_server_update(data)

    async def disconnect(self, *, force: bool = False) -> None:
        """Leave, without a long wait for a confirmation that a lost session never brings."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_DISCONNECT_S):
                await super().disconnect(force=force)
        self.cleanup()

    def cleanup(self) -> None:
        """Release the connection, however it ended."""
        self.is_started = False
        self._queue.clear()
        super().cleanup()

    def _play(self) -> None:
        """Play the queue, unless that is under way."""
        if self._is_playing or self._queue.is_empty or not self.is_connected():
            return
        try:
            self.play(self._queue, after=self._note_end)
        except discord.ClientException as error:
            log.warning("discord_playback_not_started", detail=describe(error))
        else:
            self._is_playing = True

    def _note_end(self, error: Exception | None) -> Any:
        """Note the end of playback; called on the player's thread."""
        if error:
            log.warning("discord_playback_failed", detail=describe(error))
            self._queue.clear()
        with suppress(RuntimeError):  # the program has ended as well
            self.loop.call_soon_threadsafe(self._play_next)

    def _play_next(self) -> None:
        self._is_playing = False
        if self.is_playing():
            self.stop()  # its thread has ended, as it does when the connection is lost
        self._play()
