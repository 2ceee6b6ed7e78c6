"""News about budgets: a limit is nearly, or quite, used up. Each is told once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.errors import OverBudget
from core.limits.budget_texts import Share
from core.models import Limit, Standing, Unit, end_of
from core.requester import Requester

#: Whoever has used so much of a limit is warned.
WARN_AT = 0.8
#: With less left, hardly any call has room: a minute, a cent, a request.
_LEAST: Mapping[Unit, int] = {Unit.MINUTES: 60_000, Unit.MONEY: 10_000, Unit.REQUESTS: 1}
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
    #: When an operator let the account begin anew, None if that is not known.
    reset_at: datetime | None = None
    #: A call was refused, and there is nothing left.
    is_used_up: bool = False

    @property
    def key(self) -> str:
        """The same for all news of this kind in one period, unless the limit changes meanwhile."""
        state = "used up" if self.is_used_up else "nearly"
        begun = f" {self.reset_at:%H:%M:%S}" if self.reset_at else ""
        return f"{self.standing.key} {self.limit} {self.free_at:%Y-%m-%d} {state}{begun}"


class BudgetWatch:
    """Tells each news once."""

    def __init__(self) -> None:
        #: Called with news, once for each key.
        self.on_news: Callable[[BudgetNews], None] = lambda news: None
        #: Called with what was refused of a person who has not asked for it.
        self.on_unasked: Callable[[OverBudget, Requester], None] = lambda refusal, requester: None
        self._told: set[str] = set()
        #: By `Standing.key`.
        self._reset_at: dict[str, datetime] = {}

    def warn(self, standings: Sequence[Standing], requester: Requester, now: datetime) -> None:
        """Tell of limits that are nearly used up. What is only held may yet be free again."""
        for standing in standings:
            for limit in standing.budget:
                if _is_nearly_used(standing, limit):
                    self._tell(self._make_news(standing, limit, requester, now))

    def refuse(self, share: Share, requester: Requester, now: datetime) -> OverBudget:
        """Return the error for a call that a limit has no room for.

        Tell of the limit if it is used up: else others may have room.
        """
        standing, limit = share.standing, share.limit
        left = limit.most - standing.used[limit.period][limit.unit]
        if _is_nearly_used(standing, limit) and left < _LEAST[limit.unit]:
            news = self._make_news(standing, limit, requester, now)
            self._tell(replace(news, is_used_up=True))
        return share.refuse(now, requester.language)

    def note_unasked(self, refusal: OverBudget, requester: Requester) -> None:
        """Tell a person, once a period, that what nobody has asked for is not done."""
        if self._is_new(f"{requester.person} {refusal.free_at:%Y-%m-%d} unasked"):
            self.on_unasked(refusal, requester)

    def note_reset(self, standing: Standing, now: datetime) -> None:
        """Tell anew of an account that an operator lets begin anew."""
        self._reset_at[standing.key] = now

    def _make_news(
        self, standing: Standing, limit: Limit, requester: Requester, now: datetime
    ) -> BudgetNews:
        reset_at = self._reset_at.get(standing.key)
        return BudgetNews(standing, limit, requester, end_of(limit.period, now), reset_at)

    def _tell(self, news: BudgetNews) -> None:
        if self._is_new(news.key):
            self.on_news(news)

    def _is_new(self, key: str) -> bool:
        if len(self._told) > _MOST_TOLD:
            self._told.clear()
        is_new = key not in self._told
        self._told.add(key)
        return is_new


def _is_nearly_used(standing: Standing, limit: Limit) -> bool:
    return 0 < WARN_AT * limit.most <= standing.used[limit.period][limit.unit]
