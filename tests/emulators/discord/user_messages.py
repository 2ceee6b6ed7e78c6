"""Messages of users: text, voice messages, forwards, forum posts, edits and deletions."""

from __future__ import annotations

import base64
import copy
from typing import Any

from tests.emulators.common import locked
from tests.emulators.discord.events import emit_deletion, emit_message
from tests.emulators.discord.mentions import set_mentions
from tests.emulators.discord.people import People
from tests.emulators.discord.records import HAS_SNAPSHOT, PRIVATE_THREAD, VOICE, Message

WAVEFORM = bytes(range(0, 256, 4))


class UserMessages(People):
    """Send, edit and delete messages as a user. A channel may be a thread or a DM channel."""

    @locked
    def send_text(
        self, channel: str, user: str, text: str, *, reply_to: str | None = None, **fields: Any
    ) -> str:
        """Send a text message; return its id. fields: those of Message."""
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
        """Send a voice message; return its id. claims: fields of File."""
        claimed = {
            "mime": "audio/ogg",
            "duration_s": duration,
            "waveform": base64.b64encode(waveform).decode(),
            **(claims or {}),
        }
        file = self.world.add_file(channel, "voice-message.ogg", data, **claimed)
        return self._send(channel, user, "", reply_to=reply_to, files=[file], flags=VOICE)

    @locked
    def send_file(self, channel: str, user: str, name: str, data: bytes, **claims: Any) -> str:
        """Upload a file; return the id of its message. claims: fields of File."""
        file = self.world.add_file(channel, name, data, **claims)
        return self._send(channel, user, "", files=[file])

    @locked
    def forward(self, channel: str, user: str, message: str) -> str:
        """Forward a message from any channel; return the new message's id."""
        original = self.world.any_message(message)
        # What forwards a forward shows what that one shows.
        snapshot = copy.deepcopy(original.snapshots[0] if original.snapshots else original)
        snapshot.message_id, snapshot.channel_id = original.message_id, original.channel_id
        return self._send(channel, user, "", snapshots=[snapshot], flags=HAS_SNAPSHOT)

    @locked
    def send_webhook(self, channel: str, text: str) -> str:
        """Send a message as a webhook; return its id."""
        user = self.add_user("Captain Hook", is_bot=True)
        return self._send(channel, user, text, webhook_id=user)

    @locked
    def post(self, forum: str, user: str, title: str, text: str) -> tuple[str, str]:
        """Create a forum post; return its thread and first message."""
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
        if place.kind == PRIVATE_THREAD and (added := {*message.mentions} - place.thread_members):
            # A mention in a private thread adds to it.
            self.add_to_thread(channel, *added)
        emit_message(self.world, message)
        return message.message_id

    def _mention_quoted_author(self, message: Message) -> None:
        """Mention the author of the quoted message, as replies do by default."""
        quoted = self.world.channels[message.channel_id].messages.get(message.reply_to or "")
        if quoted is not None and quoted.author_id not in message.mentions:
            message.mentions.append(quoted.author_id)

    @locked
    def edit(self, message: str, text: str) -> None:
        """Edit the content of a message."""
        found = self.world.any_message(message)
        found.content = text
        found.versions.append(text)
        found.edited_at = self.world.clock.now()
        set_mentions(self.world, found)
        emit_message(self.world, found, "MESSAGE_UPDATE")

    @locked
    def delete(self, message: str) -> None:
        """Delete a message."""
        found = self.world.any_message(message)
        found.is_deleted = True
        emit_deletion(self.world, found)
