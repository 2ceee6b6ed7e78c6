"""/style: the speaking style of the sender or the chat, in their own words."""

from __future__ import annotations

from core.commands import Command
from core.commands.arguments import (
    Argument,
    ArgumentInput,
    name_choice,
    read_speech_action,
    read_word,
    split_word,
    suggest_styles,
)
from core.commands.context import Context
from core.errors import UserError
from core.locale import count_characters, mark
from core.models import Reply, Suggestion

MAX_CHARS = 300


async def style(ctx: Context) -> Reply:
    """Change the sender's style, or the chat's with "chat" before it; or show what applies."""
    word, rest = split_word(ctx.message.text)
    wanted = rest if word == "chat" else ctx.message.text.strip()
    is_off = read_word(wanted) == "off"
    if not (ctx.synthesis.synthesizer.limits.can_style or is_off):
        raise UserError("The voices here have no styles: they always sound the same.")
    if not wanted:
        return await _describe(ctx)
    if len(wanted) > MAX_CHARS:
        limit = count_characters(MAX_CHARS)
        raise UserError("The style is too long: the limit is {limit}.", limit=limit)
    wanted = "" if is_off else wanted
    if word == "chat":
        by = ctx.message.sender_id if wanted else ""
        await ctx.save_settings(speech={"style": wanted, "style_by": by})
    else:
        await ctx.save_own_speech(style=wanted)
    return Reply(ctx.text("Style: {style}", style=wanted) if wanted else ctx.text("Style removed."))


async def _describe(ctx: Context) -> Reply:
    if own := (await ctx.own_speech()).style:
        return Reply(ctx.text("Your style: {style}. /style off removes it.", style=own))
    chosen = ctx.settings.speech
    if chosen.style:
        text = ctx.text("This chat's style: {style}", style=chosen.style)
        return Reply(text, people=(chosen.style_by,) if chosen.style_by else ())
    return Reply(ctx.text("No style is set. Example: /style warm, tired, slow"))


async def suggest(entered: ArgumentInput) -> list[Suggestion]:
    """Suggest "off" and some styles."""
    off = Suggestion("off", name_choice("off", entered.message.language))
    return [off, *await suggest_styles(entered)]


command = Command(
    mark("Speaking style: warm, tired, slow … or off"),
    style,
    usage=mark("words | off"),
    arguments=(Argument("style", mark("Speaking style"), suggest=suggest),),
    is_ephemeral=True,
    action=read_speech_action,
)
