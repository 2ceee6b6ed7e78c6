"""/link: link a person's accounts on several platforms, by a one-time code."""

from __future__ import annotations

import re

from core.commands import Command
from core.commands.arguments import Argument, offer, split_word
from core.commands.context import OPTED_OUT, Context
from core.commands.deletion import describe_counts, forget_everywhere
from core.errors import UserError
from core.locale import mark
from core.models import Reply, Span
from core.permissions import Action
from core.store import LinkResult
from core.text.scripts import join_texts

CODE_GIVEN = mark(
    "Send this to me on another platform, in a private chat, within 10 minutes. Both accounts then "
    "share voice, style, opt-out and custom voices. Keep it secret: whoever sends it links their "
    "account with yours."
)
LINKED = mark(
    "Linked with your {platforms} account: voice, style, opt-out and custom voices are shared. "
    "Where both had a setting, this account's is used. If this was not you, send /link off."
)
UNLINKED = mark(
    "Your account is not linked and no code is active. Voice, style and opt-out stay as they were "
    "on both sides; a custom voice stays with the account that recorded it."
)
REFUSALS = {
    LinkResult.UNKNOWN: mark(
        "This code is unknown, used or older than 10 minutes. Get a new one with /link on the "
        "other platform."
    ),
    LinkResult.OWN: mark("This code is for your account on another platform. Send it to me there."),
    LinkResult.SAME_PLATFORM: mark(
        "Only one account per platform can be linked. /link off unlinks an account."
    ),
    LinkResult.TOO_MANY_TRIES: mark("Too many attempts. Try again in 10 minutes."),
}


#: Pasted with the code, though the command is there already.
_COMMAND = re.compile(r"\A\W*link\b\W+(?=\w)", re.IGNORECASE)


async def link(ctx: Context) -> Reply:
    """Give a code, link with the account that a code belongs to, or unlink."""
    message = ctx.message
    if not (message.is_private and message.sender_id):
        await ctx.store.links.revoke_code(_COMMAND.sub("", message.text))
        raise UserError(
            "Linking works in private chats only. A code sent here is no longer valid: get a new "
            "one there with /link."
        )
    word, _ = split_word(_COMMAND.sub("", message.text))
    if not word:
        return await give_code(ctx)
    if word == "off":
        await ctx.store.links.unlink(message.chat.platform, message.sender_id)
        return Reply(ctx.text(UNLINKED))
    return await use_code(ctx)


async def give_code(ctx: Context) -> Reply:
    """Reply with a code for the other platform."""
    platform, person_id = ctx.message.chat.platform, ctx.message.sender_id
    text = ctx.text(CODE_GIVEN)
    if others := await _name_others(ctx):
        known = ctx.text("Linked with your {platforms} account.", platforms=others)
        text = f"{known}\n\n{text}"
    code = f"/link {await ctx.store.links.create_code(platform, person_id)}"
    whole = f"{text}\n\n{code}"
    return Reply(whole, spans=(Span(len(whole) - len(code), len(whole), "code"),))


async def use_code(ctx: Context) -> Reply:
    """Link with the account that the code belongs to. An opt-out then holds on both sides."""
    chat, person_id = ctx.message.chat, ctx.message.sender_id
    links = ctx.store.links
    code = _COMMAND.sub("", ctx.message.text)
    result = await links.link(chat.platform, person_id, code, ctx.job.job_id)
    if result is not LinkResult.LINKED:
        raise UserError(REFUSALS[result])
    text = ctx.text(LINKED, platforms=await _name_others(ctx))
    if await ctx.store.memory.is_opted_out(chat.platform, person_id):
        counts = await forget_everywhere(ctx, keeps_account=True)
        text = f"{text}\n\n{ctx.text(OPTED_OUT)}"
        text = join_texts([text, describe_counts(ctx, counts)])
    return Reply(text)


async def _name_others(ctx: Context) -> str:
    message = ctx.message
    others = await ctx.store.links.linked_platforms(message.chat.platform, message.sender_id)
    return ", ".join(platform.capitalize() for platform in others)


command = Command(
    mark("Link your accounts on several platforms"),
    link,
    usage=mark("[code] | off"),
    arguments=(
        Argument(
            mark("code"), mark("Code from the other platform, or off"), suggest=offer(mark("off"))
        ),
    ),
    is_ephemeral=True,
    action=lambda text: Action.CHANGE_OWN_SETTINGS,
)
