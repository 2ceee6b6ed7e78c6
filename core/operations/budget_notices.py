"""Notices about budgets: to the person who has nearly used one up, and to the operators."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from core.limits.budget_texts import NEARLY, describe_wait, show_left
from core.limits.budget_watch import BudgetNews
from core.locale import translate
from core.operations.alerts import Alerts

log = structlog.get_logger()


class BudgetNotices:
    """Tells in private chats, once per limit and period."""

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, news: BudgetNews) -> None:
        """Send the news to whom they concern; `BudgetNews.key` keeps them from being repeated."""
        if news.standing.account.kind == "bot":
            self._start(self._tell_operators(news))
        elif not news.is_used_up:
            self._start(self._tell_person(news))

    def _start(self, sending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(sending)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell_operators(self, news: BudgetNews) -> None:
        limit = news.limit
        used = news.standing.used[limit.period][limit.unit]
        state = "has used its budget up" if news.is_used_up else "has nearly used its budget"
        log.warning("budget", state=state, used=limit.describe(used), limit=str(limit))
        text = (
            f"The bot {state}: {limit.describe(used)} of {limit}. It starts anew at"
            f" {news.free_at:%Y-%m-%d %H:%M} UTC. BUDGET_BOT sets it."
        )
        await self._alerts.send(f"budget {news.key}", text)

    async def _tell_person(self, news: BudgetNews) -> None:
        """Tell whoever asked: nobody else learns how much somebody uses."""
        requester, limit, account = news.requester, news.limit, news.standing.account
        text = NEARLY.get((account.kind, limit.period), "")
        if text and requester.chat and requester.person_id:
            wait_s = (news.free_at - self._alerts.clock.now()).total_seconds()
            shown = translate(
                text,
                requester.language,
                when=describe_wait(wait_s, requester.language),
                **show_left(news.standing, limit, requester.language),
            )
            person = f"{requester.chat.platform}:{requester.person_id}"
            await self._alerts.send_to(person, f"budget {news.key}", shown)
