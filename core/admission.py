"""Whose messages are taken in: ALLOWED_CHATS, DENIED_CHATS, decisions of operators. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from core.config import Settings
from core.models import ASK, Message


class Decision(StrEnum):
    """What became of a chat, person or server that wanted to use the bot."""

    ASKED = "asked"
    APPROVED = "approved"
    DENIED = "denied"
    BANNED = "banned"


class Verdict(StrEnum):
    """What happens to a message."""

    OPEN = "open"
    #: Kept until an operator decides.
    HELD = "held"
    #: Ignored.
    CLOSED = "closed"


#: By platform, and id of a chat, person or server.
Decisions = Mapping[tuple[str, str], Decision]
#: They hold for everything that the chat, person or server has to do with.
_REFUSALS = {Decision.DENIED, Decision.BANNED}


@dataclass(frozen=True, slots=True)
class DecisionChange:
    """What an operator has changed about a chat, person or server."""

    platform: str
    subject: str
    before: Decision | None
    after: Decision | None
    #: "platform:id" of the operator who had decided what was before, empty if that is not known.
    by: str = ""

    @property
    def who(self) -> str:
        """The chat, person or server as "platform:id"."""
        return f"{self.platform}:{self.subject}"


def find_subject(message: Message) -> str:
    """Return whom an operator decides about: a person, else a server or a group."""
    own = message.sender_id if message.is_private else message.server_id
    return own or message.subject or message.chat.chat_id


def name_sender(message: Message) -> str:
    """Return who has sent a message, as ADMIN_IDS names people: "platform:id"."""
    return f"{message.chat.platform}:{message.sender_id}"


@dataclass(frozen=True, slots=True)
class Admission:
    """The rules. By default everybody is let in about whom nothing else was decided."""

    #: Those that are stored; they change while the program runs.
    decisions: Decisions = field(default_factory=dict)
    #: Ids of every platform, or "platform:id" of one.
    allowed: Set[str] = frozenset()
    denied: Set[str] = frozenset()
    #: "platform:id" of each.
    operators: Set[str] = frozenset()

    @classmethod
    def read(cls, settings: Settings, decisions: Decisions) -> Self:
        """Return the rules in the settings."""
        lists = settings.allowed_chats, settings.denied_chats, settings.admin_ids
        return cls(decisions, *map(frozenset, lists))

    def judge(self, message: Message) -> Verdict:
        """Return what happens to a message. A denial or a ban of anybody it names wins.

        Only the settings keep operators from their private chat. An approval lets people in there,
        and everybody in the group or server that it names.
        """
        platform, chat_id = message.chat.platform, message.chat.chat_id
        ids = {chat_id, message.parent_id, message.sender_id, message.server_id, message.subject}
        ids -= {""}
        names = ids | {f"{platform}:{one}" for one in ids}
        if self.denied & names:
            return Verdict.CLOSED
        private = {chat_id, message.subject, message.sender_id if message.is_private else ""}
        if self.operators & {f"{platform}:{one}" for one in private}:
            return Verdict.OPEN
        if _REFUSALS & {self.decisions.get((platform, one)) for one in ids}:
            return Verdict.CLOSED
        if not self.allowed or self.allowed & names:
            return Verdict.OPEN
        if ASK not in self.allowed:
            return Verdict.CLOSED
        asked = {self.decisions.get((platform, one)) for one in (chat_id, find_subject(message))}
        return Verdict.OPEN if Decision.APPROVED in asked else Verdict.HELD

    def is_listed(self, who: str) -> bool:
        """Return whether ALLOWED_CHATS names somebody, "platform:id"."""
        return bool(self.allowed & {who, who.partition(":")[2]})

    def is_denied(self, who: str) -> bool:
        """Return whether DENIED_CHATS names somebody, "platform:id"."""
        return bool(self.denied & {who, who.partition(":")[2]})


def pick_people(platform: str, listed: Iterable[str]) -> frozenset[str]:
    """Return the ids of those on this platform in a list of "platform:id"."""
    pairs = (one.partition(":") for one in listed)
    return frozenset(person_id for name, _, person_id in pairs if name == platform)
