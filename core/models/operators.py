"""What operators decide about, and what they have done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

#: In ALLOWED_CHATS: whoever is not listed waits until an operator decides.
ASK = "ask"
#: Platforms on which people have ids.
PEOPLE_ON = ("telegram", "discord")
_PLATFORM = "|".join(PEOPLE_ON)


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
    #: "platform:id" of the operator who has decided, empty if nobody has.
    by: str = ""
    #: What a ban suspends, and who had decided that.
    earlier: str = ""
    earlier_by: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that an operator has done."""

    done_at: datetime
    #: "platform:id" of the operator.
    operator: str
    action: str
    #: Whom or what it was about: ids and counts, no content.
    subject: str


def check_person(text: str) -> str:
    """Return the account of a person in ADMIN_IDS. Raises ValueError if it is none."""
    if not re.fullmatch(rf"({_PLATFORM}):[0-9]{{1,20}}", text):
        raise ValueError("each must be like telegram:12345 or discord:12345")
    return text


def check_listed(text: str) -> str:
    """Return a chat, person or server in ALLOWED_CHATS or DENIED_CHATS, or "ask".

    Raises ValueError if it is none of these: it would do nothing, and nobody would notice.
    """
    if text != ASK and not re.fullmatch(rf"(({_PLATFORM}):)?-?[0-9]{{1,20}}", text):
        example = "12345, telegram:12345 or discord:12345"
        raise ValueError(f"each must be an id, such as {example}; names are not accepted")
    return text
