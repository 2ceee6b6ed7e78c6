"""The people of the virtual Telegram: who they are, where they are, and what the bot sees."""

from __future__ import annotations

from typing import Any

from tests.emulators.common import Emulator, locked
from tests.emulators.telegram.records import Chat, ChatKind, Member, Message, Topic, User
from tests.emulators.telegram.updates import UpdateQueue
from tests.emulators.telegram.world import ANONYMOUS_ADMIN, World


class People(Emulator):
    """Users and their chats, members and topics, blocks, kicks and moves."""

    world: World
    queue: UpdateQueue

    # --- who and where

    @locked
    def add_user(self, name: str = "Ann", *, user_id: int | None = None, **fields: Any) -> int:
        """Make a user and their private chat with the bot; return the id of both."""
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
        """Make a group and return its id. members: user id -> status; fields: those of Chat."""
        number = 1_000_000 + self.world.number()
        chat_id = -number if kind == "group" else -1_000_000_000_000 - number
        statuses = {**(members or {}), self.world.bot.user_id: bot_status}
        everybody = {user: Member(status) for user, status in statuses.items()}
        self.world.chats[chat_id] = Chat(chat_id, kind, title, members=everybody, **fields)
        return chat_id

    @locked
    def set_member(self, chat: int, user: int, status: str) -> None:
        """Change what a user is in a chat."""
        self.world.chats[chat].members[user] = Member(status)

    @locked
    def add_topic(self, chat: int, name: str = "Topic", *, is_closed: bool = False) -> int:
        """Open a topic in a forum and return its thread id."""
        place = self.world.chats[chat]
        place.is_forum = not place.is_private
        # Message 1 is the group's own, which is why General has the id 1.
        place.last_message_id = max(place.last_message_id, 1)
        service = {"forum_topic_created": {"name": name, "icon_color": 7322096}}
        message = self.world.add_message(place, next(iter(place.members)), extra=service)
        message.thread_id = message.message_id
        place.topics[message.message_id] = Topic(name, is_closed)
        return message.message_id

    @locked
    def close_topic(self, chat: int, thread: int) -> None:
        """Close a topic: the bot may no longer write there."""
        self.world.chats[chat].topics[thread].is_closed = True

    @locked
    def delete_topic(self, chat: int, thread: int) -> None:
        """Delete a topic and what was said in it."""
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

    # --- coming and going

    @locked
    def block(self, user: int) -> None:
        """A person blocks the bot."""
        self.world.chats[user].is_blocked = True
        self._push_chat_member_update(user, user, "member", "kicked")

    @locked
    def unblock(self, user: int) -> None:
        """A person takes the bot back."""
        self.world.chats[user].is_blocked = False
        self._push_chat_member_update(user, user, "kicked", "member")

    @locked
    def kick(self, chat: int, by: int | None = None) -> None:
        """The bot is thrown out of a group."""
        me = self.world.bot.user_id
        old = self.world.chats[chat].members[me].status
        self.set_member(chat, me, "kicked")
        self._push_chat_member_update(chat, by or ANONYMOUS_ADMIN, old, "kicked")

    def _push_chat_member_update(self, chat: int, user: int, old: str, new: str) -> None:
        place, me = self.world.chats[chat], self.world.bot.user_id
        body = {
            "chat": self.world.chat_json(place),
            "from": self.world.users[user].to_json(),
            "date": int(self.world.clock.now()),
            "old_chat_member": self.world.member_json(place, me, old),
            "new_chat_member": self.world.member_json(place, me, new),
        }
        self.queue.push({"my_chat_member": body})

    @locked
    def migrate(self, chat: int, *, is_announced: bool = True) -> int:
        """Upgrade a group to a supergroup and return the new id; message ids start again.

        is_announced: False keeps the two service messages back.
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

    # --- telling the bot

    def _push_update(self, kind: str, message: Message) -> int:
        chat = self.world.chats[message.chat_id]
        me = chat.members.get(self.world.bot.user_id)
        is_out = me is not None and me.status in ("left", "kicked")
        return 0 if is_out else self.queue.push({kind: self.world.message_json(message)})
