"""/style: how texts are spoken, in the words of whoever chooses."""

from __future__ import annotations

from dataclasses import replace

from core.commands import Command
from core.commands.arguments import Argument, ArgumentInput, suggest_styles
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Reply, Suggestion

HELP = mark("How I speak: warm, tired, slow … or off")
MAX_CHARS = 300


async def style(ctx: Context) -> Reply:
    """Change the style of the sender, or of the chat with "chat" before it; show it when empty."""
    word, _, rest = ctx.message.text.strip().partition(" ")
    is_chat = word.lower() == "chat"
    wanted = rest.strip() if is_chat else ctx.message.text.strip()
    if not wanted:
        return Reply(await _describe(ctx))
    if len(wanted) > MAX_CHARS:
        raise UserError("This style is too long: the limit is {limit} characters.", limit=MAX_CHARS)
    wanted = "" if wanted.lower() == "off" else wanted
    if is_chat:
        await ctx.require_admin()
        speech = replace(ctx.settings.speech, style=wanted)
        await ctx.store.chats.save_settings(ctx.message.chat, replace(ctx.settings, speech=speech))
    else:
        choice = replace(await ctx.person(), style=wanted)
        message = ctx.message
        await ctx.store.voices.save_choice(message.chat.platform, message.sender_id, choice)
    if not wanted:
        return Reply(ctx.text("I speak plainly again."))
    return Reply(ctx.text("I speak like this now: {style}", style=wanted))


async def _describe(ctx: Context) -> str:
    if mine := (await ctx.person()).style:
        return ctx.text("Your style: {style}. /style off ends it.", style=mine)
    if chosen := ctx.settings.speech.style:
        return ctx.text("This chat's style: {style}", style=chosen)
    return ctx.text("No style is chosen. Say for example: /style warm, tired, slow")


async def suggest(typing: ArgumentInput) -> list[Suggestion]:
    """Offer some styles, and none."""
    return [Suggestion("off"), *await suggest_styles(typing)]


command = Command(
    HELP,
    style,
    usage="words | off",
    arguments=(Argument("style", mark("How it is spoken"), suggest=suggest),),
    is_ephemeral=True,
)
