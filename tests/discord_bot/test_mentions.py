"""The bot pings nobody, whatever text it repeats and wherever."""

from __future__ import annotations

import pytest

from bots.discord_bot import DiscordBot as Bot
from core.models import Button, File, Link, Reply
from tests.support.discord_markdown import read
from tests.support.discord_server_chat import ServerChannel, make_voice

TOKEN = "abcdefghijklmnopqrstuv"


def calls(channel: ServerChannel) -> str:
    """Return every form of mention on this server."""
    role = channel.server.add_role(channel.guild, "all", is_mentionable=True)
    forms = [
        "@everyone", "@here", f"<@{channel.ann}>", f"<@!{channel.ann}>", f"<@&{role}>",
        f"<@&{channel.guild}>", f"<#{channel.id}>", "</say:1>", "<id:guide>", "<t:0:R>",
        f"\\<@{channel.ann}>", f"`<@{channel.ann}>`",
        f"||@everyone|| <@{channel.ann}", "@\u200beveryone",
        f"<@\u2060{channel.ann}>", "[@everyone](https://e.example)", f"```\n<@{channel.ann}>\n```",
    ]  # fmt: skip
    return "\n".join([*forms, " ".join(forms)])


def everywhere(text: str) -> Reply:
    """Return a reply that has a text in every field."""
    files = (File(f"{text[:60]}.txt", "text/plain", text.encode(), title=text),)
    links = (Link(0, 9, "1"), Link(10, len(text), "2"))
    buttons = (Button(text, "say", token=TOKEN), Button(text, "say", text, token=TOKEN[::-1]))
    return Reply(text, text, files=files, buttons=buttons, links=links)


@pytest.mark.parametrize("kind", ["note", "dm", "command", "secret", "personal", "late"])
async def test_no_route_pings_anybody(bot: Bot, channel: ServerChannel, kind: str) -> None:
    text = calls(channel)
    if kind in ("note", "dm"):
        target, ledger = channel.note() if kind == "note" else channel.dm_note()
    else:
        flags = {"secret": "e", "personal": "p"}.get(kind, "")
        age_s = 900.0 if kind == "late" else 0.0
        target, ledger, _ = await channel.ask(bot, flags, age_s=age_s)
    for is_lasting in (True, False):
        await bot.show(target, text, is_lasting=is_lasting)
        await bot._live_messages._live[target.job_id].task  # type: ignore[misc]
    await bot.deliver(target, everywhere(text))
    ledger.outdate()
    await bot.deliver(target, everywhere(f"changed {text}"))
    ledger.outdate()
    await bot.deliver(target, Reply(f"{text}\n" * 3, f"{text}\n" * 3, is_quote_first=True))
    ledger.outdate()
    await bot.deliver(target, Reply(text, text * 30, files=(await make_voice(title=text),)))
    assert channel.server.pings() == []
    check_everything(channel)


def check_everything(channel: ServerChannel) -> None:
    """Check that every request disables mentions, and that only text was sent."""
    written = [
        call.body
        for call in channel.server.requests
        if isinstance(call.body, dict) and ("content" in call.body or "attachments" in call.body)
    ]
    assert written
    for body in written:
        assert body["allowed_mentions"] == {"parse": [], "replied_user": False}
        assert read(body.get("content") or "").kinds <= {"quote", "link"}


async def test_a_reply_without_its_refused_files_pings_nobody(
    bot: Bot, channel: ServerChannel
) -> None:
    channel.server.deny(channel.id, channel.guild, "ATTACH_FILES", "READ_MESSAGE_HISTORY")
    await channel.answer(bot, everywhere(calls(channel)))
    assert channel.server.pings() == [] and channel.server.replies(channel.id)
    check_everything(channel)
