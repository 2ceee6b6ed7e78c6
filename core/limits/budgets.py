"""Budgets: what a call may cost is held before it is made, and what it did cost is booked after.

Both happen for all who pay for it at once, in one transaction: the person who asked, their group or
the API key, and always the bot. Unless each has room for it, nothing is held and no call is made.
A call that was sent is paid for even if it fails or is cancelled: the service has what was sent.
What was held and not used is free again when the work ends, however it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from functools import partial
from operator import add, sub
from typing import Any

from core import metrics
from core.clock import CLOCK, Clock
from core.errors import EngineError
from core.interfaces import BudgetLedger
from core.limits.budget_texts import Share
from core.limits.budget_watch import BudgetWatch
from core.models import (
    NOTHING,
    Account,
    Amount,
    Settlement,
    Standing,
    Unit,
)
from core.requester import NO_RULES, REQUESTER, BudgetRules, Requester

#: From here on it is looked at whether somebody has to be warned.
_NEAR = 0.75
#: Work that takes more of what is left is begun once the person has confirmed it.
GO_OVER = 0.2
#: People, and groups, that an operator sees with their budgets.
_TOP = 5
#: Saves what was paid for; its keyword argument `settlement` is settled in the same transaction.
Save = Callable[..., Coroutine[Any, Any, None]]
#: Finds what some work takes of the person's budget, None if nothing limits it.
FindShare = Callable[[], Awaitable[Share | None]]


@dataclass(slots=True)
class SentCall:
    """A call to an engine. Its cost is set once it is known."""

    cost: Amount = NOTHING


@dataclass
class Reservation:
    """What a piece of work may still cost. It is booked on the day on which that was held.

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
    #: What all calls of a work may cost together, if it is held for all of them.
    together: Amount = NOTHING

    async def hold(self, amount: Amount, *, asks_first: bool = False) -> None:
        """Hold `amount` beside what is held already. Raises OverBudget.

        asks_first: raise ConfirmationNeeded if it takes much of what is left.
        """
        if not any(self.held + self.owed):
            # It may have waited for hours.
            self.day = self.budgets.clock.now().date()
        # Nothing is held for a question.
        share = await self.budgets.share(self.requester, amount) if asks_first else None
        if share and GO_OVER < share.of_left <= 1:
            raise share.ask(self.requester.language)
        if self.is_counted or self.held.requests:
            amount = amount._replace(requests=0)
        if whole := _WHOLE.get():
            amount = self._take(whole, amount)
        if not any(amount):
            return
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

    def _take(self, whole: Reservation, amount: Amount) -> Amount:
        """Hold what `whole` has held of `amount`. Return the rest."""
        if (whole.accounts, whole.day) != (self.accounts, self.day):
            return amount
        part = Amount(*map(min, whole.held, amount))
        whole.held = Amount(*map(sub, whole.held, part))
        self.held = Amount(*map(add, self.held, part))
        return Amount(*map(sub, amount, part))

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
            metrics.COST_DOLLARS.inc(cost.micro_usd / 1e6)
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


#: What is held for all calls of the work under way together.
_WHOLE: ContextVar[Reservation | None] = ContextVar("WHOLE", default=None)


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
                amounts = reservation.owed, reservation.held
                settlement = Settlement(accounts, reservation.day, *amounts)
                reservation.held = reservation.owed = NOTHING
                await finish(asyncio.ensure_future(self.ledger.release(settlement)))
            if reservation.is_near:
                self.watch.warn(await self.standings(requester), requester, self.clock.now())

    @asynccontextmanager
    async def hold_for_all(self, amount: Amount) -> AsyncIterator[None]:
        """Hold what the calls in the body may cost together. Each reservation takes its part of it.

        So they are all made, or none: half of a result is worth nothing. Raises OverBudget.
        """
        async with self.reserve() as whole:
            whole.together = amount
            await whole.hold(amount)
            token = _WHOLE.set(whole)
            try:
                yield
            finally:
                _WHOLE.reset(token)

    @contextmanager
    def hold_apart(self) -> Iterator[None]:
        """Let calls in the body take nothing of what is held for all calls of the work."""
        token = _WHOLE.set(None)
        try:
            yield
        finally:
            _WHOLE.reset(token)

    async def standings(self, requester: Requester) -> list[Standing]:
        """Return how all who pay for a requester stand, the bot last."""
        accounts = self.rules.list_accounts(requester)
        return await self.ledger.standings(accounts, self.clock.now().date())

    async def overview(self) -> list[Standing]:
        """Return how the bot and the API keys stand, then the people and groups that used most.

        People and groups have short ids for names.
        """
        rules, day = self.rules, self.clock.now().date()
        return [
            *await self.ledger.standings([rules.bot, *map(rules.key, rules.key_names)], day),
            *await self.ledger.top("person", rules.of_people, day, _TOP),
            *await self.ledger.top("chat", rules.of_groups, day, _TOP),
        ]

    async def reset(self, account: Account, operator: str, logged: str) -> None:
        """Let an account begin anew in this month, and tell of its limits anew.

        operator, logged: who does it, and what the log of operators says of it.
        """
        now = self.clock.now()
        await self.ledger.reset(account, now.date(), operator, logged)
        for standing in await self.ledger.standings([account], now.date()):
            self.watch.note_reset(standing, now)

    def find_share(self, amount: Amount) -> FindShare:
        """Return a function that finds what the work under way takes of the person's budget.

        amount: what it may cost, unless that is held for several calls together.
        """
        together = whole.together if (whole := _WHOLE.get()) else NOTHING
        most = together if any(together) else amount
        return partial(self.share, REQUESTER.get(), most, is_own=True)

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
                share, now = Share(standing, limit, amount), self.clock.now()
                raise self.watch.refuse(share, requester, now)


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
