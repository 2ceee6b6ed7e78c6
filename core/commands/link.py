"""/link: a person's accounts on several platforms become one person, by a code."""

from __future__ import annotations

from core.commands import Command
from core.commands.arguments import Argument, first_word, offer
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Reply
from core.store import LinkResult

HELP = mark("One person on several platforms: share your voice and opt-out")
GIVEN = mark(
    "Send me this on another platform, in a private chat and within 10 minutes. Then your voice, "
    "style, opt-out and voices of your own are the same on both. Show it to nobody: whoever sends "
    "it shares them with you."
)
LINKED = mark(
    "Linked with your account on {platforms}: voice, style, opt-out and voices of your own are "
    "shared. Where both had chosen, what was chosen here holds. If that is not you, /link off "
    "parts you."
)
PARTED = mark(
    "Your account here is linked with no other, and no code is open. Voice, style and opt-out stay "
    "on both sides as they were; a voice of your own stays where it was recorded."
)
REFUSALS = {
    LinkResult.UNKNOWN: mark(
        "I do not know this code, or it was used, or its 10 minutes are over. /link on the other "
        "platform gives a new one."
    ),
    LinkResult.OWN: mark("This code is for your account on another platform: send it to me there."),
    LinkResult.SAME_PLATFORM: mark(
        "Only one account on each platform can be linked. /link off parts an account."
    ),
    LinkResult.TOO_MANY_TRIES: mark("These were too many codes. Try again in 10 minutes."),
}


async def link(ctx: Context) -> Reply:
    """Give a code, link with the account that has given one, or part."""
    message = ctx.message
    if not (message.is_private and message.sender_id):
        await ctx.store.links.void(message.text)
        raise UserError(
            "Only in a private chat, and a code that was sent here is void: /link there gives a "
            "new one."
        )
    word = first_word(message.text)
    if not word:
        return await give_code(ctx)
    if word == "off":
        await ctx.store.links.part(message.chat.platform, message.sender_id)
        return Reply(ctx.text(PARTED))
    return await join(ctx)


async def give_code(ctx: Context) -> Reply:
    """Give a code for the other platform."""
    platform, person_id = ctx.message.chat.platform, ctx.message.sender_id
    text = ctx.text(GIVEN)
    if others := await _name_others(ctx):
        known = ctx.text("You are linked with your account on {platforms}.", platforms=others)
        text = f"{known}\n\n{text}"
    return Reply(text, f"/link {await ctx.store.links.offer(platform, person_id)}")


async def join(ctx: Context) -> Reply:
    """Link with the account whose code this is; who opted out on one side has on both."""
    chat, person_id = ctx.message.chat, ctx.message.sender_id
    links, memory = ctx.store.links, ctx.store.memory
    outcome = await links.join(chat.platform, person_id, ctx.message.text, ctx.job.job_id)
    if outcome is not LinkResult.LINKED:
        raise UserError(REFUSALS[outcome])
    text = ctx.text(LINKED, platforms=await _name_others(ctx))
    if await memory.is_opted_out(chat.platform, person_id):
        count = await memory.forget_person(chat, person_id, is_everywhere=True)
        left = ctx.text("Of you I remember nothing, here and everywhere.")
        gone = ctx.text("Deleted messages: {count}.", count=count)
        text = f"{text}\n\n{left} {gone}"
    return Reply(text)


async def _name_others(ctx: Context) -> str:
    message = ctx.message
    others = await ctx.store.links.others(message.chat.platform, message.sender_id)
    return ", ".join(platform.capitalize() for platform in others)


command = Command(
    HELP,
    link,
    usage="[code] | off",
    arguments=(
        Argument("code", mark("The code from the other platform, or off"), suggest=offer("off")),
    ),
    is_ephemeral=True,
)
