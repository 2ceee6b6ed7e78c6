"""What a test can look up afterwards: the bot's messages and requests, links, pending updates."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Collection

from tests.emulators.common import locked
from tests.emulators.telegram.api import Api
from tests.emulators.telegram.entities import Entity
from tests.emulators.telegram.links import find_links
from tests.emulators.telegram.records import Message
from tests.emulators.telegram.traffic import Fault, RecordedRequest
from tests.emulators.telegram.user_actions import UserActions

_ADDRESS = re.compile(r"https://t\.me/c/(\d+)/(?:(\d+)/)?(\d+)")
_QUOTES = frozenset({"blockquote", "expandable_blockquote"})
#: Entities that link nowhere.
_HARMLESS = _QUOTES | {"bold", "italic", "underline", "strikethrough", "spoiler", "code", "pre"}


class Inspection(UserActions):
    """The state of the local Telegram, and the order and ids of its updates."""

    api: Api
    rule = Fault

    # --- look-ups

    @locked
    def replies(self, chat: int, *, has_deleted: bool = False) -> list[Message]:
        """Return the bot's messages in a chat in their current state, oldest first."""
        me = self.world.bot.user_id
        return [
            copy.deepcopy(message)
            for message in self.world.chats[chat].messages.values()
            if message.sender_id == me and (has_deleted or not message.is_deleted)
        ]

    def replies_to(self, chat: int, message_id: int) -> list[Message]:
        """Return the bot's messages that reply to this one, without deleted ones."""
        return [reply for reply in self.replies(chat) if reply.reply_to == message_id]

    @locked
    def message(self, chat: int, message_id: int) -> Message:
        """Return a message in its current state."""
        return copy.deepcopy(self.world.chats[chat].messages[message_id])

    @locked
    def requests_to(self, method: str, *, chat: int | None = None) -> list[RecordedRequest]:
        """Return the requests to one method, for one chat or for all."""
        name = method.lower()
        return [
            recorded
            for recorded in self.requests
            if recorded.method.lower() == name and (chat is None or recorded.chat_id == chat)
        ]

    @locked
    def request_counts(self) -> dict[str, int]:
        """Return the number of requests to each method; "download" for files."""
        return Counter(recorded.method for recorded in self.requests)

    @locked
    def pending(self) -> list[int]:
        """Return the ids of the unconfirmed updates."""
        return [update.update_id for update in self.queue.waiting()]

    @locked
    def reactions(self, chat: int, message_id: int) -> list[str]:
        """Return the bot's reactions to a message."""
        message = self.world.chats[chat].messages[message_id]
        return list(message.reactions.get(self.world.bot.user_id, []))

    @locked
    def drafts(self, chat: int) -> dict[int, list[str]]:
        """Return the texts of each message draft in a private chat, by draft id."""
        return copy.deepcopy(self.world.chats[chat].drafts)

    @locked
    def actions(self, chat: int) -> list[str]:
        """Return the chat actions ("typing"…), oldest first."""
        return list(self.world.chats[chat].actions)

    @locked
    def menus(self) -> dict[str, list[dict[str, str]]]:
        """Return the bot's commands by 'scope JSON|language'."""
        return {"|".join(key): menu for key, menu in self.api.menus.items()}

    @locked
    def follow_link(self, url: str) -> Message | None:
        """Return the message that a t.me/c/ link leads to, or None."""
        found = _ADDRESS.fullmatch(url)
        chat = self.world.chats.get(-1_000_000_000_000 - int(found[1])) if found else None
        if found is None or chat is None or chat.kind not in ("supergroup", "channel"):
            return None
        message = chat.messages.get(int(found[3]))
        is_there = message is not None and not message.is_deleted
        # A link without a topic works, too; one with another topic does not.
        is_topic = not found[2] or (message and message.thread_id == int(found[2]))
        return copy.deepcopy(message) if is_there and is_topic else None

    @locked
    def foreign_links(self, message: Message, allowed: Collection[str] = ()) -> list[str]:
        """Return every link, mention and command in a message as 'entity type: text'.

        Left out are links to existing messages of the same chat or, in a private chat, of a group
        that the user is a member of, and texts in `allowed`.
        """
        covered = [one for one in message.entities if one["type"] in ("code", "pre")]
        found = find_links(_blank_out(message.text, covered))
        for entity in message.entities:
            url = entity.get("url", "")
            if entity["type"] not in _HARMLESS and not self._is_near(message, url):
                found.append((entity["type"], url))
        urls = (button.get("url") for row in message.buttons for button in row)
        start = f"https://t.me/{self.world.bot.username}?start="
        found += [("button", url) for url in urls if url and not url.startswith(start)]
        return [f"{kind}: {words}" for kind, words in found if words not in allowed]

    def _is_near(self, message: Message, url: str) -> bool:
        target = self.follow_link(url)
        if target is None or target.chat_id == message.chat_id:
            return target is not None
        member = self.world.chats[target.chat_id].members.get(message.chat_id)
        return member is not None and member.status not in ("left", "kicked")

    # --- updates

    @locked
    def redeliver(self, update_id: int, count: int = 1) -> None:
        """Return an update from the next polls again, confirmed or not."""
        for _ in range(count):
            self.queue.redeliver(update_id)

    @locked
    def shuffle(self, is_shuffled: bool = True) -> None:
        """Return the updates of each poll in random order."""
        self.queue.is_shuffled = is_shuffled

    @locked
    def set_update_id(self, base: int | None = None) -> None:
        """Continue update ids from `base`, by default from a random number."""
        self.queue.set_id_base(base)

    @locked
    def set_privacy(self, *, is_on: bool) -> None:
        """Turn the bot's privacy mode in groups on or off (initially off)."""
        self.world.is_privacy_on = is_on


def _blank_out(text: str, covered: list[Entity]) -> str:
    """Return `text` with the ranges of entities, in which Telegram detects no links, blanked."""
    units = text.encode("utf-16-le", "surrogatepass")
    for one in covered:
        start, end = one["offset"] * 2, (one["offset"] + one["length"]) * 2
        units = units[:start] + "\n".encode("utf-16-le") * one["length"] + units[end:]
    return units.decode("utf-16-le", "replace")
