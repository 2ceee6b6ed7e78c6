"""One stay in a voice channel: the SDK's connection, and what is to be heard through it.

What waits to be heard belongs to the stay: it ends with it, and with each loss of the connection.
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

#: How long Discord may take to confirm that we left.
_GOODBYE_S = 2.0


class VoiceConnection(discord.VoiceClient):
    """Our stay in one voice channel."""

    def __init__(self, client: discord.Client, channel: discord.abc.Connectable) -> None:
        super().__init__(client, channel)
        self._sounds = QueuedAudioSource()
        self._is_speaking = False
        #: True from the moment that we are connected for the first time.
        self.is_begun = False
        #: What was asked for before is not heard any more.
        self.since_at = datetime.max.replace(tzinfo=UTC)
        #: Where we were called from, and where everything is read aloud: chats and their threads.
        self.home = ""
        self.read_places: set[tuple[str, str | None]] = set()

    def begin(self, message: Message) -> None:
        """Take note of the message that called us."""
        self.is_begun, self.home, self.since_at = True, message.chat.chat_id, message.sent_at

    def say(self, target: DeliveryTarget, pcm: bytes, rate_hz: int) -> None:
        """Let sound be heard as it comes: 16-bit mono. What comes without a connection is lost."""
        if not self.is_connected():
            self._sounds.drop(target.job_id)
            return
        self._sounds.feed(target, pcm, rate_hz)
        self._speak()

    def end(self, job_id: str) -> None:
        """Note that a job brings no more sound."""
        self._sounds.end(job_id)

    def hush(self, since_at: datetime) -> None:
        """Drop what was not heard yet of all that was asked for before `since_at`."""
        self.since_at = max(since_at, self.since_at)
        self._sounds.clear()

    def wait_until_connected(self, timeout: float | None = 30.0) -> bool:
        """Let the player end where the connection is lost: what it holds is old afterwards."""
        self._sounds.clear()
        return False

    async def on_voice_server_update(self, data: Any) -> None:
        """Drop what waits where Discord gives us another of its servers: that is a new session."""
        self._sounds.clear()
        await super().on_voice_server_update(data)

    async def disconnect(self, *, force: bool = False) -> None:
        """Leave, without a long wait for an answer that a lost session never brings."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await super().disconnect(force=force)
        self.cleanup()

    def cleanup(self) -> None:
        """Forget the stay, however it ended."""
        self.is_begun = False
        self._sounds.clear()
        super().cleanup()

    def _speak(self) -> None:
        """Play what waits, unless that is under way."""
        if self._is_speaking or self._sounds.is_empty or not self.is_connected():
            return
        try:
            self.play(self._sounds, after=self._end_speech)
        except discord.ClientException as error:
            log.warning("discord_not_heard", detail=describe(error))
        else:
            self._is_speaking = True

    def _end_speech(self, error: Exception | None) -> Any:
        """Take note, in the player's thread, that it has ended."""
        if error:
            log.warning("discord_speech_failed", detail=describe(error))
            self._sounds.clear()
        with suppress(RuntimeError):  # the program has ended as well
            self.loop.call_soon_threadsafe(self._go_on)

    def _go_on(self) -> None:
        self._is_speaking = False
        if self.is_playing():
            self.stop()  # its thread has left it, as it does when the connection is lost
        self._speak()
