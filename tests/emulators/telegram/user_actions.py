"""User actions in the local Telegram; each creates the update that the bot would receive."""

from __future__ import annotations

import re
from typing import Any, Literal

from tests.emulators.common import locked
from tests.emulators.telegram.entities import Entity, utf16_length
from tests.emulators.telegram.people import People
from tests.emulators.telegram.records import CallbackQuery
from tests.emulators.telegram.updates import CALLBACK_S
from tests.emulators.telegram.world import ANONYMOUS_ADMIN

_COMMAND = re.compile(r"(?:^|(?<=\s))/[A-Za-z0-9_]{1,32}(?:@[A-Za-z0-9_]{3,})?")
_MENTION = re.compile(r"(?<![\w/])@[A-Za-z]\w{4,31}")
_MIMES = {"voice": "audio/ogg", "audio": "audio/mpeg", "video": "video/mp4"}
FileKind = Literal["voice", "audio", "video_note", "video", "document"]


class UserActions(People):
    """Send, edit and delete messages, and press buttons, as a user."""

    # --- sending

    @locked
    def send_text(self, chat: int, user: int, text: str, **where: Any) -> int:
        """Send a text message; return its id. where: as for `send_file`."""
        return self._send(chat, user, text, **where)

    @locked
    def send_command(self, chat: int, user: int, text: str, **where: Any) -> int:
        """Send a command such as "/say@hearsay_test_bot hello"; return the message id."""
        return self._send(chat, user, text if text.startswith("/") else f"/{text}", **where)

    @locked
    def send_file(
        self,
        kind: FileKind,
        chat: int,
        user: int,
        data: bytes,
        *,
        caption: str = "",
        duration: int = 0,
        claims: dict[str, Any] | None = None,
        **where: Any,
    ) -> int:
        """Send a file; return the message id.

        duration: in seconds, in the file's metadata.
        claims: further metadata: name, mime, duration_s, claimed_bytes (None = missing).
        where: reply_to and thread (ids), forwarded (the original sender: the id of a user, group
        or channel, True = a hidden user), entities, extra (fields added to the Message).
        """
        mime = _MIMES.get(kind, "application/octet-stream")
        known = {"mime": mime, "duration_s": duration, **(claims or {})}
        file = self.world.keep_file(kind, data, **known)
        return self._send(chat, user, caption, file=file, **where)

    @locked
    def send_voice(
        self, chat: int, user: int, data: bytes, *, duration: int = 3, **more: Any
    ) -> int:
        """Send a voice message; return its id. more: as for `send_file`."""
        return self.send_file("voice", chat, user, data, duration=duration, **more)

    @locked
    def send_audio(
        self, chat: int, user: int, data: bytes, *, duration: int = 3, **more: Any
    ) -> int:
        """Send an audio file; return the message id."""
        return self.send_file("audio", chat, user, data, duration=duration, **more)

    @locked
    def send_document(self, chat: int, user: int, data: bytes, **more: Any) -> int:
        """Send a document; return the message id."""
        return self.send_file("document", chat, user, data, **more)

    def _send(
        self,
        chat: int,
        user: int,
        text: str,
        *,
        reply_to: int | None = None,
        thread: int | None = None,
        forwarded: int | bool = False,
        entities: list[Entity] | None = None,
        extra: dict[str, Any] | None = None,
        **content: Any,
    ) -> int:
        place = self.world.chats[chat]
        extra = dict(extra or {})
        if forwarded:
            extra.setdefault("forward_origin", self._origin(forwarded))
        if user == ANONYMOUS_ADMIN:
            extra.setdefault("sender_chat", self.world.chat_json(place))
        found = _find_entities(text) if entities is None else entities
        content |= {"entities": found, "reply_to": reply_to, "thread_id": thread, "extra": extra}
        message = self.world.add_message(place, user, text, **content)
        self._push_update("message", message)
        return message.message_id

    def _origin(self, author: int | bool) -> dict[str, Any]:
        """Return the Bot API's MessageOrigin object."""
        date = int(self.world.clock.now()) - 60
        if author is True:
            return {"type": "hidden_user", "sender_user_name": "Hidden", "date": date}
        if author in self.world.users:
            user = self.world.users[author].to_json()
            return {"type": "user", "sender_user": user, "date": date}
        place = self.world.chats[author]
        chat = self.world.chat_json(place)
        if place.kind == "channel":
            message_id = place.last_message_id + 1
            return {"type": "channel", "chat": chat, "message_id": message_id, "date": date}
        return {"type": "chat", "sender_chat": chat, "date": date}

    @locked
    def open_link(self, user: int, url: str) -> int:
        """Open a deep link such as https://t.me/<bot>?start=<parameter>; return the message id.

        Like a client, send /start with the parameter to the private chat.
        """
        found = re.fullmatch(r"https://t\.me/(\w+)\?start=([A-Za-z0-9_-]{1,64})", url)
        if found is None or found[1] != self.world.bot.username:
            raise ValueError(url)
        return self._send(user, user, f"/start {found[2]}")

    # --- editing, deleting, pressing

    @locked
    def edit_message(self, chat: int, message_id: int, text: str) -> int:
        """Edit a user's message (text or caption); return the update id."""
        message = self.world.chats[chat].messages[message_id]
        message.text, message.entities = text, _find_entities(text)
        message.versions.append(text)
        message.edit_date = max(int(self.world.clock.now()), (message.edit_date or 0) + 1)
        return self._push_update("edited_message", message)

    @locked
    def delete_message(self, chat: int, message_id: int) -> None:
        """Delete a message of a user or the bot. There is no update for it."""
        self.world.chats[chat].messages[message_id].is_deleted = True

    @locked
    def press_button(self, chat: int, user: int, message_id: int, button: str) -> str:
        """Press the button with this text or callback data, even forged; return the query's id."""
        message = self.world.chats[chat].messages[message_id]
        keys = [one for row in message.buttons for one in row if "callback_data" in one]
        texts = {one["text"]: one["callback_data"] for one in reversed(keys)}
        query_id = str(4_000_000_000_000_000 + self.world.number())
        expires_at = self.world.clock.now() + CALLBACK_S
        query = CallbackQuery(query_id, user, chat, message_id, expires_at)
        self.world.callbacks[query_id] = query
        body = {
            "id": query_id, "from": self.world.users[user].to_json(), "chat_instance": str(chat),
            "message": self.world.message_json(message), "data": texts.get(button, button),
        }  # fmt: skip
        self.queue.push({"callback_query": body}, life_s=CALLBACK_S)
        return query_id

    @locked
    def callback_answer(self, query_id: str) -> str | None:
        """Return the text of the bot's answer to a callback query, None before any."""
        return self.world.callbacks[query_id].answer

    @locked
    def raw_update(self, body: dict[str, Any]) -> int:
        """Queue an update unchanged, including its `update_id`; return the id."""
        return self.queue.push(body)


def _find_entities(text: str) -> list[Entity]:
    """Return the commands and mentions in a text, as a client finds them."""
    patterns = {"bot_command": _COMMAND, "mention": _MENTION}
    return [
        {"type": kind, "offset": utf16_length(text[: one.start()]), "length": len(one.group())}
        for kind, pattern in patterns.items()
        for one in pattern.finditer(text)
    ]
