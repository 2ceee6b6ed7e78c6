"""/admin requests, approve, deny, ban, unban: who may use the bot, see `core.admission`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.admission import Decision, DecisionChange, name_sender
from core.commands.context import Context
from core.errors import UserError
from core.locale import Plural, mark
from core.models import ASK, PEOPLE_ON, Button, Reply
from core.safety import disable_links
from core.text.scripts import join_texts
from core.text.split import shorten

WHO = mark("Say whom: telegram:12345, discord:12345, or the number alone for this platform.")
#: What a decision leads to; None lifts a ban.
DECIDED: Mapping[Decision | None, str] = {
    Decision.APPROVED: mark("{who} may use the bot."),
    Decision.DENIED: mark("{who} may not use the bot."),
    Decision.BANNED: mark("{who} is banned."),
    None: mark("{who} is no longer banned."),
}
#: What an operator had decided before.
BEFORE: Mapping[Decision, str] = {
    Decision.APPROVED: mark("{who} was approved before, by {by}."),
    Decision.DENIED: mark("{who} was denied before, by {by}."),
    Decision.BANNED: mark("{who} was banned before, by {by}."),
}
SOMEBODY = mark("an operator")
#: Decisions that change nothing, because a list in the settings comes first.
STILL_DENIED = mark("But DENIED_CHATS names {who}, so that changes nothing.")
NOT_LISTED = mark(
    'But ALLOWED_CHATS does not name {who}, and has no "ask", so that changes nothing.'
)
_LABELS = {Decision.APPROVED: mark("Approve"), Decision.DENIED: mark("Deny")}
_WORDS = {Decision.APPROVED: "approve", Decision.DENIED: "deny"}
#: Ends the text of a button that decides otherwise than another operator.
_ANYWAY = " anyway"
_WHO = re.compile(rf"(?:({'|'.join(PEOPLE_ON)})[: ])?(-?[0-9]{{1,20}})({_ANYWAY})?")
_MOST_REQUESTS, _NAME_CHARS = 20, 40


async def list_requests(ctx: Context, _: str) -> Reply:
    """Reply with those who wait for a decision, the oldest first."""
    found = await ctx.store.admissions.list_open()
    lines = [
        f"{one.asked_at:%Y-%m-%d %H:%M} {one.platform}:{one.subject} "
        f"{disable_links(shorten(one.name, _NAME_CHARS))}".rstrip()
        for one in found[:_MOST_REQUESTS]
    ]
    if len(found) > len(lines):
        lines.append("…")
    return Reply("\n".join(lines) or ctx.text("Nobody waits for a decision."))


def describe_requests(ctx: Context, count: int) -> str:
    """Return a sentence about that many requests."""
    text = Plural(
        "{count} request to use this bot is open: /admin requests",
        "{count} requests to use this bot are open: /admin requests",
        count,
    )
    return ctx.text(text)


async def decide(decision: Decision | None, ctx: Context, rest: str) -> Reply:
    """Save a decision about a chat, person or server. decision: None lifts a ban."""
    found = _WHO.fullmatch(rest.strip().lower())
    if found is None:
        raise UserError(WHO)
    platform, subject = found[1] or ctx.platform.name, found[2]
    if decision in (Decision.DENIED, Decision.BANNED):
        accounts = await ctx.store.links.accounts(platform, subject)
        if {f"{on}:{one}" for on, one in accounts} & ctx.store.admissions.rules.operators:
            raise UserError("Operators cannot be banned.")
    # The buttons of a request stay with each operator until one of them has decided.
    is_first = bool(ctx.message.button) and not found[3]
    changes = await ctx.store.admissions.decide(
        name_sender(ctx.message), platform, subject, decision, is_first=is_first
    )
    named = changes[0]
    if decision is None and not any(one.before is Decision.BANNED for one in changes):
        raise UserError("{who} is not banned.", who=named.who)
    if decision and named.after is not decision:
        return _ask_again(ctx, decision, named)
    return Reply("\n".join(_describe(ctx, decision, changes)))


def _ask_again(ctx: Context, decision: Decision, change: DecisionChange) -> Reply:
    """Reply with what another operator has decided, and a button that decides otherwise."""
    text = join_texts([_describe_before(ctx, change), ctx.text("Decide otherwise?")])
    payload = f"{_WORDS[decision]} {change.who}{_ANYWAY}"
    return Reply(text, buttons=(Button(ctx.text(_LABELS[decision]), "admin", payload),))


def _describe(ctx: Context, decision: Decision | None, changes: list[DecisionChange]) -> list[str]:
    """Return what a decision has changed, what it was before, and what keeps it from counting."""
    named = changes[0]
    # What was decided already is said again; no ban of theirs ends for those who had none.
    asked = [named] if decision else []
    changed = [one for one in changes if one in asked or one.after is not one.before]
    lines = [ctx.text(DECIDED[decision], who=", ".join(one.who for one in changed))]
    if decision and named.before in BEFORE and named.before is not decision:
        lines.append(_describe_before(ctx, named))
    if decision is None and named.after:
        lines.append(ctx.text(DECIDED[named.after], who=named.who))
    rules = ctx.store.admissions.rules
    is_closed = rules.allowed and ASK not in rules.allowed and not rules.is_listed(named.who)
    if decision in (Decision.APPROVED, None) and rules.is_denied(named.who):
        lines.append(ctx.text(STILL_DENIED, who=named.who))
    elif decision is Decision.APPROVED and is_closed:
        lines.append(ctx.text(NOT_LISTED, who=named.who))
    return lines


def _describe_before(ctx: Context, change: DecisionChange) -> str:
    """Return who had decided what."""
    text = BEFORE[change.before or Decision.BANNED]
    return ctx.text(text, who=change.who, by=change.by or ctx.text(SOMEBODY))
