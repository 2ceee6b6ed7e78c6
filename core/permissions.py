"""Who may do what: one table of actions, and the one function that decides.

However something is asked for (a typed message, its edit, a button, a form, a slash command, a
menu entry or a job that was scheduled) it becomes a command of one message, and is decided here.
docs/permissions.md is made from this table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from core.errors import NotAllowed, NotMember
from core.interfaces import Platform
from core.models import Chat, Membership, Message


class Action(StrEnum):
    """What people can do. Reading, asking and hearing in a chat is one action: USE."""

    USE = "use"
    CHANGE_OWN_SETTINGS = "change_own_settings"
    FORGET_OWN_DATA = "forget_own_data"
    CORRECT = "correct"
    CORRECT_FOR_ALL = "correct_for_all"
    JOIN_VOICE = "join_voice"
    DIRECT_VOICE = "direct_voice"
    FORGET_MESSAGE = "forget_message"
    FORGET_CHAT = "forget_chat"
    CANCEL = "cancel"
    CHANGE_SETTINGS = "change_settings"
    CHANGE_HISTORY = "change_history"
    CHANGE_GLOSSARY = "change_glossary"
    CHANGE_VOICES = "change_voices"
    READ_ELSEWHERE = "read_elsewhere"
    PRESS_PRIVATE = "press_private"
    SUBMIT_FORM = "submit_form"
    OPERATE = "operate"
    SCHEDULED = "scheduled"


class Who(StrEnum):
    """Who may do something; each but the last includes those who administer the chat or not."""

    #: Everybody whose message the platform shows us.
    EVERYBODY = "everybody"
    #: Members of the chat whose messages or recordings are shown.
    MEMBER = "member"
    #: Whoever asked or spoke, or is in the bot's voice channel; and the chat's admins.
    SELF_OR_ADMIN = "self or admin"
    #: Whoever it was offered to, and nobody else.
    SELF = "self"
    #: Those who administer the chat; in a private chat the person whose chat it is.
    ADMIN = "admin"
    #: Those named in ADMIN_IDS, in their private chat.
    OPERATOR = "operator"
    #: The program itself.
    PROGRAM = "program"


PERMISSIONS: Mapping[Action, Who] = {
    Action.USE: Who.EVERYBODY,
    Action.CHANGE_OWN_SETTINGS: Who.EVERYBODY,
    Action.FORGET_OWN_DATA: Who.EVERYBODY,
    Action.JOIN_VOICE: Who.EVERYBODY,
    Action.DIRECT_VOICE: Who.SELF_OR_ADMIN,
    Action.CORRECT: Who.SELF_OR_ADMIN,
    Action.CORRECT_FOR_ALL: Who.ADMIN,
    Action.CHANGE_GLOSSARY: Who.SELF_OR_ADMIN,
    Action.FORGET_MESSAGE: Who.SELF_OR_ADMIN,
    Action.FORGET_CHAT: Who.ADMIN,
    Action.CANCEL: Who.SELF_OR_ADMIN,
    Action.CHANGE_SETTINGS: Who.ADMIN,
    Action.CHANGE_HISTORY: Who.ADMIN,
    Action.CHANGE_VOICES: Who.ADMIN,
    Action.READ_ELSEWHERE: Who.MEMBER,
    Action.PRESS_PRIVATE: Who.SELF,
    Action.SUBMIT_FORM: Who.SELF,
    Action.OPERATE: Who.OPERATOR,
    Action.SCHEDULED: Who.PROGRAM,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a person who asks for something."""

    #: In the chat that it is about. In a private chat everybody is the owner.
    membership: Membership = Membership.NONE
    #: What they asked for, said or were offered themselves.
    is_own: bool = False
    #: The platform has checked itself that the person may use this command here.
    is_granted: bool = False
    is_operator: bool = False
    #: Nobody asked: a digest that is due, an alert.
    is_program: bool = False

    @property
    def is_admin(self) -> bool:
        """Whether the person administers the chat."""
        return self.is_granted or self.membership in (Membership.OWNER, Membership.ADMIN)


RULES: Mapping[Who, Callable[[Standing], bool]] = {
    Who.EVERYBODY: lambda one: True,
    Who.MEMBER: lambda one: one.membership is not Membership.NONE,
    Who.SELF_OR_ADMIN: lambda one: one.is_own or one.is_admin,
    Who.SELF: lambda one: one.is_own,
    Who.ADMIN: lambda one: one.is_admin,
    Who.OPERATOR: lambda one: one.is_operator,
    Who.PROGRAM: lambda one: one.is_program,
}


def decide(action: Action, standing: Standing) -> bool:
    """Return whether somebody of this standing may do something."""
    return RULES[PERMISSIONS[action]](standing)


async def may(
    platform: Platform,
    message: Message,
    action: Action,
    *,
    is_own: bool = False,
    about: Chat | None = None,
) -> bool:
    """Return whether the sender of `message` may do `action`, asking the platform if it depends.

    is_own: see `Standing`. about: the chat whose data is asked for, if it is another one.
    Raises PlatformError if the platform cannot say.
    """
    if PERMISSIONS[action] is Who.EVERYBODY:
        return True
    is_here = (chat := about or message.chat) == message.chat
    standing = Standing(
        Membership.OWNER if message.is_private and is_here else Membership.NONE,
        is_own=is_own,
        is_granted=message.is_granted and is_here,
        is_operator=message.is_private and message.sender_id in platform.operators,
        is_program=not (message.sender_id or message.button),
    )
    at_best = replace(standing, membership=Membership.OWNER)
    if decide(action, standing) or not decide(action, at_best):
        return decide(action, standing)
    # What others have said is shown to those who are there now, not a minute ago.
    is_live = action is Action.READ_ELSEWHERE
    found = await platform.membership(chat, message.sender_id, is_live=is_live)
    return decide(action, replace(standing, membership=found))


async def require(
    platform: Platform,
    message: Message,
    action: Action,
    *,
    is_own: bool = False,
    about: Chat | None = None,
) -> None:
    """Raise NotAllowed or NotMember unless `may` returns True. Raises PlatformError."""
    if not await may(platform, message, action, is_own=is_own, about=about):
        raise NotMember if PERMISSIONS[action] is Who.MEMBER else NotAllowed
