"""On whose behalf engines work: who pays, and whose stored results may be used again.

A stored result is cheaper and faster than a new one, and anybody who can tell the difference learns
that the same recording or question was there before. So results are shared within a scope only: a
group, one person's private chats, or an API key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Self

from core.config import Settings
from core.models import PAGE, Account, Budget, Chat, Message, parse_budget


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asked for the work under way. Empty fields: nobody in particular."""

    #: Results are shared among requests of the same scope.
    scope: str = ""
    chat: Chat | None = None
    #: The group that pays, None in a private chat with the person. For a private thread its channel
    #: pays, or else each new thread would have a budget of its own.
    group: Chat | None = None
    #: The id of the person on the platform of `chat`.
    person_id: str = ""
    #: The language of the person's app (BCP 47), empty if unknown.
    language: str = ""
    #: The name of the API key.
    api_key: str = ""
    #: The job, with which the results that it is given are deleted.
    job_id: str = ""
    #: Who takes turns with others: different for each person and API key, empty for neither.
    person: str = ""


#: Of the job or the API request under way; the command line has the default.
REQUESTER: ContextVar[Requester] = ContextVar("REQUESTER", default=Requester())  # noqa: B039


@contextmanager
def work_for(requester: Requester) -> Iterator[None]:
    """Do the work in the context on behalf of `requester`."""
    token = REQUESTER.set(requester)
    try:
        yield
    finally:
        REQUESTER.reset(token)


@contextmanager
def share_with(chat: Chat) -> Iterator[None]:
    """Share results with a group, for work about it that was asked for in another chat."""
    with work_for(replace(REQUESTER.get(), scope=_scope_of_group(chat))):
        yield


def requester_of(message: Message, job_id: str = "") -> Requester:
    """Return on whose behalf the message of a job is answered."""
    chat = message.chat
    own = f"person|{chat.platform}|{message.sender_id}"
    is_own = bool(message.is_private and message.sender_id)
    scope = own if is_own else _scope_of_group(chat)
    group = replace(chat, chat_id=message.parent_id) if message.parent_id else chat
    person = own if message.sender_id else scope
    who = message.sender_id, message.language
    return Requester(scope, chat, None if is_own else group, *who, job_id=job_id, person=person)


def requester_of_key(name: str) -> Requester:
    """Return on whose behalf a request with the API key `name` is served."""
    return Requester(f"key|{name}", api_key=name, person=f"key|{name}")


def _scope_of_group(chat: Chat) -> str:
    return f"chat|{chat.platform}|{chat.bot_id}|{chat.chat_id}"


@dataclass(frozen=True, slots=True)
class BudgetRules:
    """The limits of all who have not been given their own."""

    of_people: Budget = ()
    of_groups: Budget = ()
    of_keys: Budget = ()
    of_bot: Budget = ()
    #: "platform:id" of people who are not limited.
    operators: frozenset[str] = frozenset()
    #: The names of the API keys.
    key_names: tuple[str, ...] = ()

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """Return the rules of the settings."""
        people, groups = map(parse_budget, (settings.budget_person, settings.budget_chat))
        keys, bot = map(parse_budget, (settings.budget_key, settings.budget_bot))
        operators, names = frozenset(settings.admin_ids), settings.api_key_names
        return cls(people, groups, keys, bot, operators, names)

    def person(self, platform: str, person_id: str) -> Account:
        """Return the account of a person."""
        # The people of the page have the operator's password: only the bot's budget limits them.
        is_free = platform == PAGE or f"{platform}:{person_id}" in self.operators
        budget = () if is_free else self.of_people
        return Account("person", f"{platform}:{person_id}", budget)

    def group(self, chat: Chat) -> Account:
        """Return the account of a group."""
        return Account.of_group(chat, self.of_groups)

    def key(self, name: str) -> Account:
        """Return the account of an API key."""
        return Account("key", name, self.of_keys)

    @property
    def bot(self) -> Account:
        """The account of the whole bot."""
        return Account("bot", budget=self.of_bot)

    def list_accounts(self, requester: Requester) -> tuple[Account, ...]:
        """Return who pays for the work of a requester; the bot pays for all, and is the last."""
        chat, found = requester.chat, []
        if chat and requester.person_id:
            found.append(self.person(chat.platform, requester.person_id))
        if requester.group:
            found.append(self.group(requester.group))
        if requester.api_key:
            found.append(self.key(requester.api_key))
        return (*found, self.bot)


NO_RULES = BudgetRules()
