"""What operators decide about, and what they have done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A chat, person or server that wants to use the bot."""

    platform: str
    #: Its id.
    subject: str
    #: Who wrote first.
    name: str
    asked_at: datetime
    #: It is a person, in their private chat.
    is_person: bool = True


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that an operator has done."""

    done_at: datetime
    #: "platform:id" of the operator.
    operator: str
    action: str
    #: Whom or what it was about: ids and counts, no content.
    subject: str
