"""Budgets: what a call may cost is held before it is made, and what it did cost is booked after.

Both happen for all who pay for it at once, in one transaction: the person who asked, their group or
the API key, and always the bot. Unless each has room for it, nothing is held and no call is made.
A call that was sent is paid for even if it fails or is cancelled: the service has what was sent.
What was held and not used is free again when the work ends, however it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date
from operator import add, sub
from typing import Any, Protocol, Self

from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import EngineError
from core.interfaces import BudgetLedger
from core.limits.budget_texts import Share
from core.limits.budget_watch import BudgetNews, BudgetWatch
from core.models import (
    NOTHING,
    PAGE,
    Account,
    Amount,
    Budget,
    BudgetPeriod,
    Chat,
    Limit,
    Settlement,
    Standing,
    Unit,
    end_of,
    parse_budget,
)
from core.requester import REQUESTER, Requester

#: From here on it is looked at whether somebody has to be warned.
_NEAR = 0.75
#: Work that takes more of what is left is begun once the person has confirmed it.
GO_OVER = 0.2
#: People, and groups, that an operator sees with their budgets.
_TOP = 5


@dataclass(frozen=True, slots=True)
class BudgetRules:
    """The limits of all who have not been given their own."""

    of_people: Budget = ()
    of_groups: Budget = ()
    of_keys: Budget = ()
    of_bot: Budget = ()
    #: "platform:id" of people who are not limited.
    operators: frozenset[str] = frozenset()

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """Return the rules of the settings."""
        minutes = settings.api_audio_minutes_per_day
        per_day = Limit(BudgetPeriod.DAY, Unit.MINUTES, (minutes or 0) * 60_000)
        texts = settings.budget_person, settings.budget_chat, settings.budget_bot
        people, groups, bot = map(parse_budget, texts)
        of_keys = (per_day,) if minutes else ()
        return cls(people, groups, of_keys, bot, frozenset(settings.admin_ids))

    def person(self, platform: str, person_id: str) -> Account:
        """Return the account of a person."""
        name = f"{platform}:{person_id}"
        # The people of the page have the operator's password: only the bot's budget limits them.
        is_free = platform == PAGE or name in self.operators
        return Account("person", name, () if is_free else self.of_people)

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
        if chat and requester.is_group:
            found.append(self.group(chat))
        if requester.api_key:
            found.append(self.key(requester.api_key))
        return (*found, self.bot)


NO_RULES = BudgetRules()


class Save(Protocol):
    """Saves what was paid for, and settles in the same transaction."""

    def __call__(self, *, settlement: Settlement) -> Coroutine[Any, Any, None]:
        """Raises StoreError: nothing was written."""


@dataclass(slots=True)
class SentCall:
    """A call to an engine. Its cost is set once it is known."""

    cost: Amount = NOTHING


@dataclass
class Reservation:
    """What a piece of work may still cost. All of it is booked on the day on which it began.

    It counts as one request, however many calls it takes.
    """

    budgets: Budgets
    requester: Requester
    accounts: tuple[Account, ...]
    day: date
    held: Amount = NOTHING
    #: What calls have cost that is not booked yet.
    owed: Amount = NOTHING
    #: Whether somebody may have to be warned when it ends.
    is_near: bool = False
    #: Whether it was counted as a request.
    is_counted: bool = False

    async def hold(self, amount: Amount, *, asks_first: bool = False) -> None:
        """Hold `amount` beside what is held already. Raises OverBudget.

        asks_first: raise ConfirmationNeeded if it takes much of what is left.
        """
        # Nothing is held for a question.
        share = await self.budgets.share(self.requester, amount) if asks_first else None
        if share and GO_OVER < share.of_left <= 1:
            raise share.ask(self.requester.language)
        if self.is_counted or self.held.requests:
            amount = amount._replace(requests=0)
        reserve = self.budgets.ledger.reserve(self.accounts, amount, self.day)
        task = asyncio.ensure_future(reserve)
        try:
            await finish(task)
        finally:
            if not (task.exception() or any(one.find_lack(amount) for one in task.result())):
                self.held = Amount(*map(add, self.held, amount))
        # Those who are far from any limit are not looked at one by one.
        if any(standing.find_lack(amount, _NEAR) for standing in task.result()):
            self.budgets.check(task.result(), amount, self.requester)
            self.is_near = True

    @contextmanager
    def send(self, least: Callable[[], Amount]) -> Iterator[SentCall]:
        """Owe what the call in the body costs: the body sets it.

        least: returns what the call has cost so far, which is owed if it fails or is cancelled.
        """
        call = SentCall()
        try:
            yield call
        except BaseException as error:
            is_free = isinstance(error, EngineError) and error.is_free
            call.cost = NOTHING if is_free else least()
            raise
        finally:
            cost = call.cost._replace(requests=0) if self.is_counted else call.cost
            self.is_counted = self.is_counted or cost.requests > 0
            self.owed = Amount(*map(add, self.owed, cost))

    async def pay(self, save: Save, *, is_last: bool = False) -> None:
        """Book what is owed with what was paid for, which `save` saves.

        is_last: what is still held is released with it. If this is cancelled, it is saved all the
        same. Raises StoreError: then it is booked without the result when the work ends.
        """
        paid = self.owed
        released = self.held if is_last else Amount(*map(min, self.held, paid))
        self.owed, self.held = NOTHING, Amount(*map(sub, self.held, released))
        task = asyncio.ensure_future(
            save(settlement=Settlement(self.accounts, self.day, paid, released))
        )
        try:
            await finish(task)
        finally:
            if task.exception():
                self.owed, self.held = (
                    Amount(*map(add, *pair)) for pair in ((self.owed, paid), (self.held, released))
                )


class Budgets:
    """The budgets of everybody."""

    def __init__(
        self, ledger: BudgetLedger, rules: BudgetRules = NO_RULES, clock: Clock = CLOCK
    ) -> None:
        self.ledger = ledger
        self.rules = rules
        self.clock = clock
        self.watch = BudgetWatch()

    @asynccontextmanager
    async def reserve(self) -> AsyncIterator[Reservation]:
        """Return a reservation for the work under way, which holds nothing yet."""
        requester = REQUESTER.get()
        accounts, day = self.rules.list_accounts(requester), self.clock.now().date()
        reservation = Reservation(self, requester, accounts, day)
        try:
            yield reservation
        finally:
            if any(reservation.held + reservation.owed):
                settlement = Settlement(accounts, day, reservation.owed, reservation.held)
                await finish(asyncio.ensure_future(self.ledger.release(settlement)))
            if reservation.is_near:
                self.watch.warn(await self.standings(requester), requester, self.clock.now())

    async def standings(self, requester: Requester) -> list[Standing]:
        """Return how all who pay for a requester stand, the bot last."""
        accounts = self.rules.list_accounts(requester)
        return await self.ledger.standings(accounts, self.clock.now().date())

    async def overview(self, keys: Sequence[str] = ()) -> list[Standing]:
        """Return how the bot and the API keys stand, then the people and groups that used most.

        keys: the names of the API keys. People and groups have short ids for names.
        """
        rules, day = self.rules, self.clock.now().date()
        return [
            *await self.ledger.standings([rules.bot, *map(rules.key, keys)], day),
            *await self.ledger.top("person", rules.of_people, day, _TOP),
            *await self.ledger.top("chat", rules.of_groups, day, _TOP),
        ]

    async def require_room(self, requester: Requester) -> None:
        """Raise OverBudget if a limit of a requester is used up."""
        self.check(await self.standings(requester), Amount(1, 1, 1), requester)

    async def share(
        self, requester: Requester, amount: Amount, *, is_own: bool = False
    ) -> Share | None:
        """Return what `amount` takes of the scarcest limit, None if nothing limits it.

        Limits of requests do not count: of these it is one. is_own: of the person's limits.
        """
        shares = [
            Share(standing, limit, amount)
            for standing in await self.standings(requester)
            for limit in standing.budget
            if amount[limit.unit] and limit.unit is not Unit.REQUESTS
            if not is_own or standing.account.kind == "person"
        ]
        return max(shares, key=lambda one: one.of_left, default=None)

    def check(self, standings: Sequence[Standing], amount: Amount, requester: Requester) -> None:
        """Raise OverBudget if somebody has no room for `amount`."""
        for standing in standings:
            if limit := standing.find_lack(amount):
                now = self.clock.now()
                free_at = end_of(limit.period, now)
                self.watch.tell(BudgetNews(standing, limit, requester, free_at, is_used_up=True))
                raise Share(standing, limit, amount).refuse(now, requester.language)


async def finish(transaction: asyncio.Future[Any]) -> None:
    """Wait for the end of a transaction, also if this is cancelled.

    One that waits for the writer would be dropped with whoever has asked for it, and of one that
    has begun nobody would know whether it was committed. Raises StoreError.
    """
    cancelled: asyncio.CancelledError | None = None
    while not transaction.done():
        try:
            await asyncio.wait({transaction})
        except asyncio.CancelledError as error:
            cancelled = error
    failure = transaction.exception()
    if cancelled or failure:
        raise cancelled or failure  # type: ignore[misc]  # one of them is not None
