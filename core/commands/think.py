"""/think: whether the engine may reason before it answers."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.locale import mark
from core.models import Reply


async def think(ctx: Context) -> Reply:
    """Change the setting, or show it."""
    settings = ctx.settings
    if choice := ctx.read_choice("on", "off"):
        settings = await ctx.save_settings(talk={"is_thinking": choice == "on"})
    if not settings.talk.is_thinking:
        return Reply(ctx.text("Thinking is off. /think on turns it on."))
    if not ctx.answering.answerer.limits.can_think:
        return Reply(ctx.text("Thinking is on, but the language model here cannot do it."))
    return Reply(ctx.text("Thinking is on. /think off turns it off."))


command = Command(
    mark("Think before answering: on or off (better, but slower)"),
    think,
    usage=mark("on | off"),
    is_ephemeral=True,
    is_for_admins=True,
)
