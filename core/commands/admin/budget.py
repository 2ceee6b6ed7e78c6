"""/admin budget: what people, groups, API keys and the bot may use."""

from __future__ import annotations

import re

from core.admission import name_sender
from core.commands.context import Context
from core.errors import UserError
from core.limits.budget_texts import describe_use
from core.locale import mark
from core.models import (
    PEOPLE_ON,
    Account,
    Budget,
    BudgetPeriod,
    Reply,
    Standing,
    parse_budget,
    show_budget,
)

WHOSE = mark(
    "Say whose budget: telegram:12345, chat discord:12345, key NAME, bot, or a # with six letters "
    "and digits from the list."
)
LIMITS = mark(
    "Say which limits: 60 min/day, 1 USD/month, 100 requests/day; 0 means that nothing may be "
    "used. Or: off (no limit), default (the limits everyone has), reset (start again from zero)."
)
NO_LIMIT = mark("no limit")
TODAY, THIS_MONTH = mark("today {used}"), mark("this month {used}")

#: What follows "budget": kind, name, limits.
_WHOSE = re.compile(
    r"(?:(chat|key) +([\w.:-]{1,40})|(bot)|(#[0-9a-f]{6})|((?:[a-z]+:)?-?[0-9]{1,20}))(?: +(.+))?",
    re.DOTALL | re.IGNORECASE,
)


async def budget(ctx: Context, rest: str) -> Reply:
    """Reply with the budgets that matter, or with one, which is changed first if limits follow."""
    if not rest.strip():
        return await _list_budgets(ctx)
    found = _WHOSE.fullmatch(rest.strip())
    account = found and await _find_account(ctx, found)
    if not (found and account):
        raise UserError(WHOSE)
    ledger, today = ctx.store.budgets, ctx.clock.now().date()
    who = rest.strip()[: found.start(6) if found[6] else None].strip()
    if change := (found[6] or "").strip().lower():
        logged = name_sender(ctx.message), f"{who} {change}"
        if change == "reset":
            await ctx.transcription.budgets.reset(account, *logged)
        else:
            await ledger.set_budget(account, _read_limits(change), *logged)
    [standing] = await ledger.standings([account], today)
    short_id = await ledger.short_id(account)
    shown = f"{who} ({short_id})" if short_id.startswith("#") and short_id != who else who
    return Reply(_describe_budget(ctx, shown, standing))


async def _find_account(ctx: Context, found: re.Match[str]) -> Account | None:
    """Return whose budget is meant, None if there is no such chat, key, platform or short id."""
    rules = ctx.transcription.budgets.rules
    if found[3]:
        return rules.bot
    if found[1] and found[1].lower() == "key":
        return rules.key(found[2]) if found[2] in rules.key_names else None
    if found[4]:
        today = ctx.clock.now().date()
        known = await ctx.store.budgets.find(found[4].lower(), today)
        return known and Account(
            *known, rules.of_people if known[0] == "person" else rules.of_groups
        )
    platform, _, name = (found[2] or found[5]).lower().rpartition(":")
    platform = platform or ctx.platform.name
    if not found[1] and not name.startswith("-"):
        is_known = platform in (*PEOPLE_ON, ctx.platform.name)
        return rules.person(platform, name) if is_known else None
    chat = await ctx.store.chats.find_payer(platform, name)
    return rules.group(chat) if chat else None


def _read_limits(text: str) -> Budget | None:
    try:
        return None if text == "default" else parse_budget(text)
    except ValueError:
        raise UserError(LIMITS) from None


async def _list_budgets(ctx: Context) -> Reply:
    """Reply with how the bot stands, who has used most today, and who has limits of their own."""
    shown = [
        (one.account, _describe_budget(ctx, f"{one.account.kind} {one.account.name}".strip(), one))
        for one in await ctx.transcription.budgets.overview()
    ]
    lines = [line for account, line in shown if account.kind in ("bot", "key")]
    if top := [line for account, line in shown if account.kind in ("person", "chat")]:
        lines += ["", ctx.text("Most is used today by:"), *top]
    if own := await ctx.store.budgets.own():
        lines += ["", ctx.text("Limits of their own:")]
    none = ctx.text(NO_LIMIT)
    lines += [f"{kind} {name}: {show_budget(one) if one else none}" for kind, name, one in own]
    return Reply("\n".join(lines))


def _describe_budget(ctx: Context, who: str, standing: Standing) -> str:
    language = ctx.message.language
    used = [
        ctx.text(text, used=found)
        for text, period in zip((TODAY, THIS_MONTH), BudgetPeriod, strict=True)
        if (found := describe_use(standing, period, language))
    ]
    none = [] if standing.budget else [ctx.text(NO_LIMIT)]
    return f"{who}: {'; '.join([*used, *none])}"
