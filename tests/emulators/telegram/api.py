"""Bot API requests: their parameters, and whether the bot may write to a chat."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.emulators.telegram.errors import bad_request, forbidden, too_many_requests
from tests.emulators.telegram.records import Chat
from tests.emulators.telegram.traffic import Limits, RecordedRequest
from tests.emulators.telegram.updates import UpdateQueue
from tests.emulators.telegram.wire import Params, Upload
from tests.emulators.telegram.world import World


@dataclass(slots=True)
class Api:
    """State that the API methods share."""

    world: World
    queue: UpdateQueue
    limits: Limits
    #: Bot commands by scope (canonical JSON) and language.
    menus: dict[tuple[str, str], list[dict[str, str]]] = field(default_factory=dict)
    #: Valid file paths -> file ids.
    links: dict[str, str] = field(default_factory=dict)
    #: Folder of the files of a server in `--local` mode.
    folder: Path = Path()


@dataclass(slots=True)
class ApiRequest:
    """A request in progress: its parameters and its record."""

    api: Api
    params: Params
    recorded: RecordedRequest

    @property
    def world(self) -> World:
        return self.api.world

    def text(self, name: str) -> str:
        """Return a parameter as text, empty if it is missing."""
        return self.params.values.get(name, "")

    def number(self, name: str, default: int = 0) -> int:
        """Return a parameter as an integer; like Telegram, ignore one that is not a number."""
        try:
            return int(self.text(name))
        except ValueError:
            return default

    def json(self, name: str, default: Any = None) -> Any:
        """Return a parsed JSON parameter. Raises ApiError for invalid JSON."""
        try:
            return json.loads(self.text(name)) if self.text(name) else default
        except ValueError:
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from None

    def upload(self, name: str) -> Upload | str:
        """Return an uploaded file, or the parameter's text (a file_id or URL)."""
        text = self.text(name)
        name = text.removeprefix("attach://") if text.startswith("attach://") else name
        return self.params.files.get(name, text)

    def chat(self) -> Chat:
        """Return the chat with the given `chat_id`. Raises ApiError."""
        if not self.text("chat_id"):
            raise bad_request("chat_id is empty")
        return self.world.find_chat(self.number("chat_id"))

    def open_chat(self) -> Chat:
        """Return the chat if the bot is still a member and not blocked. Raises ApiError."""
        chat = self.chat()
        if chat.migrated_to is not None:
            words = "group chat was upgraded to a supergroup chat"
            raise bad_request(words, migrate_to_chat_id=chat.migrated_to)
        if chat.is_private:
            if chat.is_blocked:
                raise forbidden("bot was blocked by the user")
            return chat
        member = chat.members.get(self.world.bot.user_id)
        status = member.status if member else "left"
        if status == "kicked":
            raise forbidden(f"bot was kicked from the {chat.kind} chat")
        if status == "left":
            raise forbidden(f"bot is not a member of the {chat.kind} chat")
        return chat

    def topic(self, chat: Chat) -> int | None:
        """Return the topic given by `message_thread_id`, or None. Raises ApiError."""
        thread = self.number("message_thread_id")
        can_have_topics = chat.is_forum or chat.is_private
        if not thread or not can_have_topics:
            return None
        # The General topic, 1 in links, has no message_thread_id: Telegram rejects it, too.
        if thread not in chat.topics:
            raise bad_request("message thread not found")
        return thread

    def count(self, chat: Chat) -> None:
        """Count a sent or edited message against the flood limits. Raises ApiError 429."""
        wait_s = self.api.limits.check(chat.chat_id)
        if wait_s and self.api.limits.is_strict:
            raise too_many_requests(wait_s)
