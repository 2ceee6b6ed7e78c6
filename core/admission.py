"""Whose messages are taken in: ALLOWED_CHATS, DENIED_CHATS, decisions of operators. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from core.config import ASK, Settings
from core.models import Message


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


def find_subject(message: Message) -> str:
    """Return whom an operator decides about: a person, else a server or a group."""
    own = message.sender_id if message.is_private else message.server_id
    return own or message.subject or message.chat.chat_id


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
        """Return what happens to a message. A denial or a ban of anybody it names wins."""
        platform, chat_id = message.chat.platform, message.chat.chat_id
        ids = {chat_id, message.sender_id, message.server_id, message.subject} - {""}
        names = ids | {f"{platform}:{one}" for one in ids}
        found = {self.decisions.get((platform, one)) for one in ids}
        if self.denied & names or Decision.BANNED in found:
            return Verdict.CLOSED
        private = {chat_id, message.subject, message.sender_id if message.is_private else ""}
        is_operators = self.operators & {f"{platform}:{one}" for one in private}
        if not self.allowed or self.allowed & names or is_operators:
            return Verdict.OPEN
        if ASK not in self.allowed:
            return Verdict.CLOSED
        if Decision.APPROVED in found:
            return Verdict.OPEN
        is_denied = self.decisions.get((platform, find_subject(message))) is Decision.DENIED
        return Verdict.CLOSED if is_denied else Verdict.HELD


def pick_people(platform: str, listed: Iterable[str]) -> frozenset[str]:
    """Return the ids of those on this platform in a list of "platform:id"."""
    pairs = (one.partition(":") for one in listed)
    return frozenset(person_id for name, _, person_id in pairs if name == platform)
