"""What every method of the Bot API needs: reading parameters, and who may write where."""

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
    """The state that methods work on."""

    world: World
    queue: UpdateQueue
    limits: Limits
    #: Command menus by scope (canonical JSON) and language.
    menus: dict[tuple[str, str], list[dict[str, str]]] = field(default_factory=dict)
    #: Paths that were handed out and still work.
    links: dict[str, str] = field(default_factory=dict)
    #: Where a local server puts its files.
    folder: Path = Path()


@dataclass(slots=True)
class ApiRequest:
    """One call being answered: its parameters, and its line in the ledger."""

    api: Api
    params: Params
    recorded: RecordedRequest

    @property
    def world(self) -> World:
        return self.api.world

    def text(self, name: str) -> str:
        """Return a parameter as text, empty when it is missing."""
        return self.params.values.get(name, "")

    def number(self, name: str, default: int = 0) -> int:
        """Return a parameter as a number; what is none counts as missing, as at Telegram."""
        try:
            return int(self.text(name))
        except ValueError:
            return default

    def json(self, name: str, default: Any = None) -> Any:
        """Return a parameter that holds JSON. Raises ApiError when it does not."""
        try:
            return json.loads(self.text(name)) if self.text(name) else default
        except ValueError:
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from None

    def upload(self, name: str) -> Upload | str:
        """Return an uploaded file, or the text that stands in its place (a file_id)."""
        text = self.text(name)
        name = text.removeprefix("attach://") if text.startswith("attach://") else name
        return self.params.files.get(name, text)

    def chat(self) -> Chat:
        """Return the chat of `chat_id`. Raises ApiError."""
        if not self.text("chat_id"):
            raise bad_request("chat_id is empty")
        return self.world.find_chat(self.number("chat_id"))

    def open_chat(self) -> Chat:
        """Return the chat if the bot may still do something in it. Raises ApiError."""
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
        """Return the topic that `message_thread_id` names, None for none. Raises ApiError."""
        thread = self.number("message_thread_id")
        can_have_topics = chat.is_forum or chat.is_private
        if not thread or not can_have_topics:
            return None
        # General, which people's links call 1, is no topic here: it is refused as well.
        if thread not in chat.topics:
            raise bad_request("message thread not found")
        return thread

    def count(self, chat: Chat) -> None:
        """Count a send or an edit against the flood limits. Raises ApiError with a 429."""
        wait_s = self.api.limits.check(chat.chat_id)
        if wait_s and self.api.limits.is_strict:
            raise too_many_requests(wait_s)
