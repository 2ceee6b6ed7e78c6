"""Users, chats, members and topics of the local Telegram."""

from __future__ import annotations

from typing import Any

from tests.emulators.common import Emulator, locked
from tests.emulators.telegram.records import Chat, ChatKind, Member, Message, Topic, User
from tests.emulators.telegram.updates import UpdateQueue
from tests.emulators.telegram.world import ANONYMOUS_ADMIN, World


class People(Emulator):
    """Create and change users, chats, members and topics; block, kick and migrate."""

    world: World
    queue: UpdateQueue

    # --- users and chats

    @locked
    def add_user(self, name: str = "Ann", *, user_id: int | None = None, **fields: Any) -> int:
        """Create a user and their private chat with the bot; return the id that both share."""
        user_id = user_id or 5_000_000 + self.world.number()
        self.world.users[user_id] = User(user_id, name, **fields)
        self.world.chats[user_id] = Chat(user_id, "private", members={user_id: Member()})
        return user_id

    @locked
    def add_chat(
        self,
        kind: ChatKind = "supergroup",
        *,
        title: str = "Group",
        members: dict[int, str] | None = None,
        bot_status: str = "member",
        **fields: Any,
    ) -> int:
        """Create a group; return its id. members: user id -> status; fields: those of Chat."""
        number = 1_000_000 + self.world.number()
        chat_id = -number if kind == "group" else -1_000_000_000_000 - number
        statuses = {**(members or {}), self.world.bot.user_id: bot_status}
        all_members = {user: Member(status) for user, status in statuses.items()}
        self.world.chats[chat_id] = Chat(chat_id, kind, title, members=all_members, **fields)
        return chat_id

    @locked
    def set_member(self, chat: int, user: int, status: str) -> None:
        """Set a user's member status in a chat."""
        self.world.chats[chat].members[user] = Member(status)

    @locked
    def add_topic(self, chat: int, name: str = "Topic", *, is_closed: bool = False) -> int:
        """Create a forum topic; return its message_thread_id."""
        place = self.world.chats[chat]
        place.is_forum = not place.is_private
        # Message 1 is the creation of the group, which is why the General topic has the id 1.
        place.last_message_id = max(place.last_message_id, 1)
        service = {"forum_topic_created": {"name": name, "icon_color": 7322096}}
        message = self.world.add_message(place, next(iter(place.members)), extra=service)
        message.thread_id = message.message_id
        place.topics[message.message_id] = Topic(name, is_closed)
        return message.message_id

    @locked
    def close_topic(self, chat: int, thread: int) -> None:
        """Close a topic, so that the bot may no longer write to it."""
        self.world.chats[chat].topics[thread].is_closed = True

    @locked
    def delete_topic(self, chat: int, thread: int) -> None:
        """Delete a topic and its messages."""
        del self.world.chats[chat].topics[thread]
        for message in self.world.chats[chat].messages.values():
            message.is_deleted |= message.thread_id == thread

    @locked
    def change(self, target: int, **fields: Any) -> None:
        """Set fields of a chat (`is_write_forbidden`…) or a user (`is_voice_forbidden`…)."""
        owners = (self.world.chats.get(target), self.world.users.get(target))
        for name, value in fields.items():
            owner = next((one for one in owners if one is not None and hasattr(one, name)), None)
            if owner is None:
                raise KeyError(name)
            setattr(owner, name, value)

    # --- membership of the bot

    @locked
    def block(self, user: int) -> None:
        """Block the bot as a user."""
        self.world.chats[user].is_blocked = True
        self._push_chat_member_update(user, user, "member", "kicked")

    @locked
    def unblock(self, user: int) -> None:
        """Unblock the bot as a user."""
        self.world.chats[user].is_blocked = False
        self._push_chat_member_update(user, user, "kicked", "member")

    @locked
    def kick(self, chat: int, by: int | None = None) -> None:
        """Remove the bot from a group."""
        me = self.world.bot.user_id
        old = self.world.chats[chat].members[me].status
        self.set_member(chat, me, "kicked")
        self._push_chat_member_update(chat, by or ANONYMOUS_ADMIN, old, "kicked")

    @locked
    def join(self, chat: int, by: int, status: str = "member") -> int:
        """Add the bot to a group; return the update id."""
        self.set_member(chat, self.world.bot.user_id, status)
        return self._push_chat_member_update(chat, by, "left", status)

    @locked
    def enter(self, chat: int, *users: int) -> None:
        """Add people to a group at once, with the message that says so."""
        for user in users:
            self.set_member(chat, user, "member")
        new = [self.world.users[user].to_json() for user in users]
        self._push_service_message(self.world.chats[chat], {"new_chat_members": new})

    def _push_chat_member_update(self, chat: int, user: int, old: str, new: str) -> int:
        place, me = self.world.chats[chat], self.world.bot.user_id
        body = {
            "chat": self.world.chat_json(place),
            "from": self.world.users[user].to_json(),
            "date": int(self.world.clock.now()),
            "old_chat_member": self.world.member_json(place, me, old),
            "new_chat_member": self.world.member_json(place, me, new),
        }
        return self.queue.push({"my_chat_member": body})

    @locked
    def migrate(self, chat: int, *, is_announced: bool = True) -> int:
        """Upgrade a group to a supergroup; return the new id. Message ids start again at 1.

        is_announced: whether the two service messages are sent.
        """
        old = self.world.chats[chat]
        new_id = self.add_chat("supergroup", title=old.title)
        self.world.chats[new_id].members = dict(old.members)
        old.migrated_to = new_id
        if is_announced:
            self._push_service_message(old, {"migrate_to_chat_id": new_id})
            self._push_service_message(self.world.chats[new_id], {"migrate_from_chat_id": chat})
        return new_id

    def _push_service_message(self, chat: Chat, service: dict[str, Any]) -> None:
        sender = next((user for user in chat.members if user != self.world.bot.user_id), 0)
        self._push_update("message", self.world.add_message(chat, sender, extra=service))

    # --- updates

    def _push_update(self, kind: str, message: Message) -> int:
        chat = self.world.chats[message.chat_id]
        me = chat.members.get(self.world.bot.user_id)
        is_out = me is not None and me.status in ("left", "kicked")
        return (
            0
            if is_out or self._is_hidden(chat, message)
            else self.queue.push({kind: self.world.message_json(message)})
        )

    def _is_hidden(self, chat: Chat, message: Message) -> bool:
        """Return whether privacy mode keeps a message of a group from the bot.

        It sees commands, mentions of itself, replies to itself and what Telegram itself reports.
        """
        me = self.world.bot
        if chat.is_private or not self.world.is_privacy_on:
            return False
        member = chat.members.get(me.user_id)
        raw = self.world.message_json(message)
        quoted = raw.get("reply_to_message") or {}
        return not (
            (member and member.status in ("administrator", "creator"))
            or any(one["type"] == "bot_command" for one in raw.get("entities") or ())
            or f"@{me.username}" in (raw.get("text") or raw.get("caption") or "")
            or (quoted.get("from") or {}).get("id") == me.user_id
            or not {"text", "voice", "audio", "video", "video_note", "document"} & raw.keys()
        )
