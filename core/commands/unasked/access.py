"""What people and operators are told about who may use the bot: see `core.admission`."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.models import Button, Reply
from core.permissions import Action


async def tell_asked(ctx: Context) -> Reply:
    """Say to somebody new that an operator was asked."""
    text = ctx.text(
        "I am an AI assistant. I have asked the operator of this bot whether you may use it. Your "
        "message is kept and will be answered after that."
    )
    return Reply(text)


async def tell_denied(ctx: Context) -> Reply:
    """Say that the operator has declined. Nothing follows that."""
    return Reply(ctx.text("The operator of this bot has decided that you cannot use it."))


async def tell_approved(ctx: Context) -> Reply:
    """Say that the operator has changed their mind."""
    return Reply(ctx.text("The operator of this bot has decided that you can use it after all."))


async def ask_operator(ctx: Context) -> Reply:
    """Ask an operator to decide. The text: "PLATFORM SUBJECT", and who asks on the next line."""
    subject, _, text = ctx.message.text.partition("\n")
    buttons = (
        Button(ctx.text("Approve"), "admin", f"approve {subject}"),
        Button(ctx.text("Deny"), "admin", f"deny {subject}"),
    )
    return Reply(text, buttons=buttons)


def _scheduled(text: str) -> Action:
    return Action.SCHEDULED


asked = Command("", tell_asked, is_listed=False, action=_scheduled)
denied = Command("", tell_denied, is_listed=False, action=_scheduled)
approved = Command("", tell_approved, is_listed=False, action=_scheduled)
request = Command("", ask_operator, is_listed=False, action=_scheduled)
