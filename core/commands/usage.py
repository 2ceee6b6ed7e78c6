"""/usage: what the sender and the group have used, and what is left of their budgets."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.limits.budget_texts import describe_use, describe_wait
from core.locale import mark
from core.models import BudgetPeriod, Reply, end_of
from core.requester import REQUESTER

#: By kind of account.
LINES = {
    ("person", BudgetPeriod.DAY): mark("You, today: {used}"),
    ("person", BudgetPeriod.MONTH): mark("You, this month: {used}"),
    ("chat", BudgetPeriod.DAY): mark("All here, today: {used}"),
    ("chat", BudgetPeriod.MONTH): mark("All here, this month: {used}"),
}


async def usage(ctx: Context) -> Reply:
    """Reply with a line per budget and period."""
    now, language = ctx.clock.now(), ctx.message.language
    lines = []
    # The bot's own, which is the last, is the operator's business.
    for standing in (await ctx.transcription.budgets.standings(REQUESTER.get()))[:-1]:
        for period in BudgetPeriod:
            if used := describe_use(standing, period, language):
                lines.append(ctx.text(LINES[standing.account.kind, period], used=used))
    wait_s = (end_of(BudgetPeriod.DAY, now) - now).total_seconds()
    when = describe_wait(wait_s, language)
    return Reply("\n".join([*lines, ctx.text("A new day begins {when}.", when=when)]))


command = Command(mark("What is left of your budget"), usage, is_ephemeral=True)
