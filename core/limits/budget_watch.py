"""News about budgets: a limit is nearly used up, or has no room. Each is told once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.models import Limit, Standing, end_of
from core.requester import Requester

#: Whoever has used so much of a limit is warned.
WARN_AT = 0.8
#: News that are remembered; told twice, they are known all the same.
_MOST_TOLD = 10_000


@dataclass(frozen=True, slots=True)
class BudgetNews:
    """A limit that is nearly, or quite, used up."""

    standing: Standing
    limit: Limit
    #: On whose behalf it was used.
    requester: Requester
    #: When the period is over.
    free_at: datetime
    #: A call was refused.
    is_used_up: bool = False

    @property
    def key(self) -> str:
        """The same for all news of this kind in one period."""
        account, state = self.standing.account, "used up" if self.is_used_up else "nearly"
        who, what = f"{account.kind} {account.name}", f"{self.limit.unit.name} {self.limit.period}"
        return f"{who} {what} {self.free_at:%Y-%m-%d} {state}"


class BudgetWatch:
    """Tells each news once."""

    def __init__(self) -> None:
        #: Called with news, once for each key.
        self.on_news: Callable[[BudgetNews], None] = lambda news: None
        self._told: set[str] = set()

    def warn(self, standings: Sequence[Standing], requester: Requester, now: datetime) -> None:
        """Tell of limits that are nearly used up. What is only held may yet be free again."""
        for standing in standings:
            for limit in standing.budget:
                if standing.used[limit.period][limit.unit] >= WARN_AT * limit.most:
                    self.tell(BudgetNews(standing, limit, requester, end_of(limit.period, now)))

    def tell(self, news: BudgetNews) -> None:
        """Tell one, unless it was told before."""
        if news.key not in self._told:
            if len(self._told) > _MOST_TOLD:
                self._told.clear()
            self._told.add(news.key)
            self.on_news(news)
