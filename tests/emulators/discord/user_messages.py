"""What people write: text, voice messages, files, forwards, edits."""

from __future__ import annotations

import base64
import copy
from typing import Any

from tests.emulators.common import locked
from tests.emulators.discord.events import emit_deletion, emit_message
from tests.emulators.discord.mentions import set_mentions
from tests.emulators.discord.people import People
from tests.emulators.discord.records import HAS_SNAPSHOT, VOICE, Message

WAVEFORM = bytes(range(0, 256, 4))


class UserMessages(People):
    """Messages of people. A channel may be a thread or a private chat (`dm`)."""

    @locked
    def send_text(
        self, channel: str, user: str, text: str, *, reply_to: str | None = None, **fields: Any
    ) -> str:
        """Write a message and return its id; fields are those of Message."""
        return self._send(channel, user, text, reply_to=reply_to, **fields)

    @locked
    def send_voice(
        self,
        channel: str,
        user: str,
        data: bytes,
        *,
        duration: float = 3.0,
        waveform: bytes = WAVEFORM,
        reply_to: str | None = None,
        claims: dict[str, Any] | None = None,
    ) -> str:
        """Send a voice message and return its id; claims are fields of File."""
        claimed = {
            "mime": "audio/ogg",
            "duration_s": duration,
            "waveform": base64.b64encode(waveform).decode(),
            **(claims or {}),
        }
        file = self.world.add_file(channel, "voice-message.ogg", data, **claimed)
        return self._send(channel, user, "", reply_to=reply_to, files=[file], flags=VOICE)

    @locked
    def forward(self, channel: str, user: str, message: str) -> str:
        """Forward a message from anywhere and return the new one's id."""
        snapshot = copy.deepcopy(self.world.any_message(message))
        return self._send(channel, user, "", snapshots=[snapshot], flags=HAS_SNAPSHOT)

    @locked
    def send_webhook(self, channel: str, text: str) -> str:
        """Let a webhook write something."""
        user = self.add_user("Captain Hook", is_bot=True)
        return self._send(channel, user, text, webhook_id=user)

    @locked
    def post(self, forum: str, user: str, title: str, text: str) -> tuple[str, str]:
        """Open a post in a forum; return its thread and its first message."""
        thread = self.add_thread(forum, user, title)
        return thread, self._send(thread, user, text)

    def _send(self, channel: str, user: str, text: str, **fields: Any) -> str:
        place = self.world.channels[channel]
        is_member = self.world.permissions_of(user, place) or fields.get("webhook_id")
        if not is_member and not self.world.users[user].is_bot:
            raise PermissionError(f"{user} is not in {channel}")
        message = self.world.add_message(place, user, text, **fields)
        if message.reply_to:
            message.kind = 19
        set_mentions(self.world, message)
        self._mention_quoted_author(message)
        emit_message(self.world, message)
        return message.message_id

    def _mention_quoted_author(self, message: Message) -> None:
        """A reply names the author of what it answers, as people's replies do by default."""
        quoted = self.world.channels[message.channel_id].messages.get(message.reply_to or "")
        if quoted is not None and quoted.author_id not in message.mentions:
            message.mentions.append(quoted.author_id)

    @locked
    def edit(self, message: str, text: str) -> None:
        """Change the words of a message."""
        found = self.world.any_message(message)
        found.content = text
        found.versions.append(text)
        found.edited_at = self.world.clock.now()
        set_mentions(self.world, found)
        emit_message(self.world, found, "MESSAGE_UPDATE")

    @locked
    def delete(self, message: str) -> None:
        """Take a message away."""
        found = self.world.any_message(message)
        found.is_deleted = True
        emit_deletion(self.world, found)
