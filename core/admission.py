"""Whose messages are taken in: ALLOWED_CHATS, DENIED_CHATS, decisions of operators. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from enum import StrEnum

from core.config import ASK
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
    chat = message.chat.chat_id
    return (message.sender_id or chat) if message.is_private else (message.server_id or chat)


@dataclass(frozen=True, slots=True)
class Admission:
    """The rules of one platform."""

    platform: str
    allowed: Set[str]
    denied: Set[str]
    operators: Set[str]
    #: Those that are stored; they change while the program runs.
    decisions: Decisions

    def judge(self, message: Message) -> Verdict:
        """Return what happens to a message. A denial or a ban of anybody it names wins."""
        ids = {message.chat.chat_id, message.sender_id, message.server_id} - {""}
        found = {self.decisions.get((self.platform, one)) for one in ids}
        if self.denied & ids or Decision.BANNED in found:
            return Verdict.CLOSED
        is_operators = message.is_private and message.sender_id in self.operators
        if not self.allowed or self.allowed & ids or is_operators:
            return Verdict.OPEN
        if ASK not in self.allowed:
            return Verdict.CLOSED
        if Decision.APPROVED in found:
            return Verdict.OPEN
        subject = (self.platform, find_subject(message))
        is_denied = self.decisions.get(subject) is Decision.DENIED
        return Verdict.CLOSED if is_denied else Verdict.HELD


def pick_people(platform: str, listed: Iterable[str]) -> frozenset[str]:
    """Return the ids of those on this platform in a list of "platform:id"."""
    pairs = (one.partition(":") for one in listed)
    return frozenset(person_id for name, _, person_id in pairs if name == platform)
