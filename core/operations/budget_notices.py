"""Notices about budgets: to the person who has nearly used one up, and to the operators."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

import structlog

from core.errors import OverBudget
from core.limits.budget_texts import NEARLY, describe_wait, show_left
from core.limits.budget_watch import BudgetNews, BudgetWatch
from core.locale import mark, translate
from core.models import AccountKind
from core.operations.alerts import Alerts
from core.requester import Requester

#: In private, about a group that has all recordings transcribed.
NOT_DONE = mark("One of your recordings was not transcribed. {reason}")
#: By kind of account, the settings of budgets that are the operators' business.
_SETTINGS: Mapping[AccountKind, str] = {"bot": "BUDGET_BOT", "key": "BUDGET_KEY"}

log = structlog.get_logger()


class BudgetNotices:
    """Tells in private chats, once per limit and period."""

    def __init__(self, alerts: Alerts, watch: BudgetWatch) -> None:
        self._alerts = alerts
        self._tasks: set[asyncio.Task[None]] = set()
        watch.on_news, watch.on_unasked = self.tell, self.tell_unasked

    def tell(self, news: BudgetNews) -> None:
        """Send the news to whom they concern; `BudgetNews.key` keeps them from being repeated."""
        if news.standing.account.kind in _SETTINGS:
            self._start(self._tell_operators(news))
        elif not news.is_used_up:
            text = self._describe(news)
            self._start(self._tell_person(news.requester, f"budget {news.key}", text))

    def tell_unasked(self, refusal: OverBudget, requester: Requester) -> None:
        """Tell a person that their recordings in groups are not transcribed, once a period."""
        language = requester.language
        reason = translate(refusal.user_text, language, **refusal.values)
        text = translate(NOT_DONE, language, reason=reason)
        key = f"unasked {refusal.free_at:%Y-%m-%d}"
        self._start(self._tell_person(requester, key, text))

    def _start(self, sending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(sending)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell_operators(self, news: BudgetNews) -> None:
        limit, account = news.limit, news.standing.account
        used = limit.describe(news.standing.used[limit.period][limit.unit])
        who = f"The API key {account.name}" if account.kind == "key" else "The bot"
        state = "has used its budget up" if news.is_used_up else "has nearly used its budget"
        log.warning("budget", who=who, state=state, used=used, limit=str(limit))
        text = (
            f"{who} {state}: {used} of {limit}. It starts anew at"
            f" {news.free_at:%Y-%m-%d %H:%M} UTC."
            f" /admin budget or {_SETTINGS[account.kind]} sets it."
        )
        await self._alerts.send(f"budget {news.key}", text)

    async def _tell_person(self, requester: Requester, key: str, text: str) -> None:
        """Tell whose work it was: nobody else learns how much somebody uses."""
        if text and requester.chat and requester.person_id:
            person = f"{requester.chat.platform}:{requester.person_id}"
            await self._alerts.send_to(person, key, text)

    def _describe(self, news: BudgetNews) -> str:
        """Return a sentence about a limit that is nearly used up, "" if a person has none such."""
        limit, language = news.limit, news.requester.language
        text = NEARLY.get((news.standing.account.kind, limit.period), "")
        wait_s = (news.free_at - self._alerts.clock.now()).total_seconds()
        when = describe_wait(wait_s, language)
        left = show_left(news.standing, limit, language)
        return translate(text, language, when=when, **left) if text else ""
