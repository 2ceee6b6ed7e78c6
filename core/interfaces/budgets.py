"""What keeps account of budgets: the store does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from core.models import Account, AccountKind, Amount, Budget, Settlement, Standing


class BudgetLedger(Protocol):
    """Reservations, and what was used, of each account and day."""

    async def reserve(
        self, accounts: Sequence[Account], amount: Amount, day: date
    ) -> list[Standing]:
        """Hold `amount` for each account if all have room for it, else for none.

        Returns how they stood before. Committed when this returns.
        """

    async def release(self, settlement: Settlement) -> None:
        """Book what was paid, and hold less from now on. Committed when this returns."""

    async def standings(self, accounts: Sequence[Account], day: date) -> list[Standing]:
        """Return how accounts stand on a day and in its month."""

    async def reset(self, account: Account, day: date, operator: str, logged: str) -> None:
        """Let an account begin anew in the month of a day. What is held stays held.

        operator, logged: who does it, and what the log of operators says of it.
        """

    async def top(self, kind: AccountKind, budget: Budget, day: date, count: int) -> list[Standing]:
        """Return who has used most on a day, under short ids that say nothing of who they are.

        budget: the limits of those who have not been given their own.
        """
