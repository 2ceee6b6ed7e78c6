"""The install link asks for what the bot uses in a server, no more and no less."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import discord
import pytest

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.channel_check import find_faults
from bots.discord_bot.check import ask_account
from bots.discord_bot.permissions import NEEDED, PERMISSIONS, USED
from core.config import Settings
from core.errors import ChatGone
from core.models import File, Reply
from tests.emulators.discord import DiscordServer as Server
from tests.emulators.discord.records import PUBLIC_THREAD, VOICE
from tests.support.discord_server_chat import ServerChannel, make_voice
from tests.support.paths import ROOT

LONG = "\n".join(f"The line {n} of what was said." for n in range(160))
FILE = File("a.srt", "application/x-subrip", b"1\n00:00")
#: What the calls of the REST API need, by which the bot answers; /join asks for the others itself.
SENDING = [one.flag for one in PERMISSIONS if one.flag not in ("connect", "speak")]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"discord_long_answers": "thread"})


def grant(server: Server, channel: ServerChannel, *flags: str) -> None:
    """Let the bot have these permissions and no others, and Ann what people have."""
    everybody = ("VIEW_CHANNEL", "SEND_MESSAGES", "SEND_VOICE_MESSAGES", "ATTACH_FILES")
    server.set_role(channel.guild, "@everyone")
    server.allow(channel.id, channel.ann, *everybody)
    server.set_role(channel.guild, server.world.bot.name, *(flag.upper() for flag in flags))


async def answer(bot: Bot, channel: ServerChannel) -> dict[str, bool]:
    """Deliver a reply of every kind; return what arrived as it was meant."""
    server = channel.server
    try:
        await channel.answer(bot, Reply("", files=(await make_voice(1.0),)), "voice")
        await channel.answer(bot, Reply("Here it is.", files=(FILE,)), "file")
        await channel.answer(bot, Reply(LONG), "long")
    except ChatGone:
        return {}
    shown = server.replies(channel.id)
    threads = server.threads(channel.id)
    return {
        "voice": any(one.flags & VOICE for one in shown),
        "file": any(file.name == FILE.name for one in shown for file in one.files),
        "reference": all(one.reply_to for one in shown),
        "thread": bool(threads) and bool(server.replies(threads[0])),
    }


async def test_the_numbers_are_those_of_discord_py(server: Server, settings: Settings) -> None:
    account = await ask_account(settings)
    link = urlsplit(account.install_link)
    asked = parse_qs(link.query)
    assert f"{link.scheme}://{link.netloc}{link.path}" == "https://discord.com/oauth2/authorize"
    assert asked["client_id"] == [server.world.application_id]
    assert asked["scope"] == ["bot applications.commands"]
    granted = discord.Permissions(int(asked["permissions"][0]))
    assert granted == discord.Permissions(**{one.flag: True for one in PERMISSIONS})


def test_the_documents_name_them() -> None:
    text = " ".join((ROOT / "docs" / "operations.md").read_text().split())
    _, _, listed = text.partition("asks for what the bot uses: ")
    assert all(one.name in listed.partition(" To speak on a stage")[0] for one in PERMISSIONS)


async def test_with_all_of_them_every_kind_of_reply_arrives(
    server: Server, bot: Bot, channel: ServerChannel
) -> None:
    grant(server, channel, *SENDING)
    assert all((await answer(bot, channel)).values())


@pytest.mark.parametrize("flag", SENDING)
async def test_without_one_of_them_something_is_missing(
    server: Server, bot: Bot, channel: ServerChannel, flag: str
) -> None:
    grant(server, channel, *(one for one in SENDING if one != flag))
    found = await answer(bot, channel)
    assert not found or not all(found.values()), found


@pytest.mark.parametrize("lacks", [*NEEDED, *USED[:2]], ids=lambda one: str(one.flag))
async def test_what_is_denied_in_a_channel_is_found(
    server: Server, settings: Settings, channel: ServerChannel, lacks: object
) -> None:
    assert await find_faults(settings, [channel.id]) == {}
    server.deny(channel.id, "", lacks.flag.upper())  # type: ignore[attr-defined]
    thread = server.add_thread(channel.id, channel.ann)
    found = await find_faults(settings, [channel.id, thread, server.dm(channel.ann)])
    assert found.keys() == {channel.id, thread}
    assert lacks.name in found[channel.id]  # type: ignore[attr-defined]
    assert server.world.channels[thread].kind == PUBLIC_THREAD
