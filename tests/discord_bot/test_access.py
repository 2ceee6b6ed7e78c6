"""What people are in a channel, asked live."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bots.common.members import CACHE_S
from bots.discord_bot import DiscordBot as Bot
from core.clock import Clock
from core.errors import PlatformBusy
from core.models import Chat, Membership
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_inbox import FakeInbox, make_message


async def ask(bot: Bot, channel: str, user: str) -> Membership:
    return await bot.membership(Chat("discord", "1", channel), user)


async def may(bot: Bot, channel: str, user: str) -> bool:
    return await ask(bot, channel, user) in (Membership.OWNER, Membership.ADMIN)


async def test_managers_are_admins_and_members_are_not(server: Server, running: Bot) -> None:
    owner, manager, chief, ann = (server.add_user(n) for n in ("Owner", "Manny", "Chief", "Ann"))
    guild = server.add_guild(owner=owner, members=[manager, chief, ann])
    server.make_manager(guild, manager)
    server.add_role(guild, "Chief", "ADMINISTRATOR")
    server.add_member(guild, chief, "Chief")
    server.add_role(guild, "Mod", "MANAGE_MESSAGES", "MANAGE_CHANNELS")
    server.add_member(guild, ann, "Mod")
    channel = server.channel(guild)
    await server.wait_for(lambda: running.client.guilds)
    # Roles that the gateway did not tell of are asked for.
    running.client._connection._remove_guild(running.client.guilds[0])
    found = [await may(running, channel, user) for user in (owner, manager, chief, ann)]
    assert found == [True, True, True, False]


async def test_everybody_is_admin_where_all_manage(server: Server, running: Bot, ann: str) -> None:
    guild = server.add_guild(members=[ann])
    with server.world.lock:
        server.world.guilds[guild].roles[guild].permissions |= 1 << 5
    await server.wait_for(lambda: running.client.guilds)
    running.client._connection._remove_guild(running.client.guilds[0])
    assert await may(running, server.channel(guild), ann)


async def test_strangers_and_unknown_chats_have_no_admins(server: Server, running: Bot) -> None:
    stranger = server.add_user("Stranger")
    channel = server.channel(server.add_guild())
    await server.wait_for(lambda: running.client.guilds)
    assert not await may(running, channel, stranger)
    assert not await may(running, channel, "")
    assert not await may(running, channel, "1 or 1=1")
    assert not await may(running, "999", stranger)
    assert not await may(running, f"user:{stranger}", stranger)


async def test_a_removed_role_no_longer_counts(
    server: Server, running: Bot, clock: Clock, ann: str
) -> None:
    guild = server.add_guild(members=[ann])
    server.make_manager(guild, ann)
    channel = server.channel(guild)
    await server.wait_for(lambda: running.client.guilds)
    assert await may(running, channel, ann)
    server.add_member(guild, ann)
    # The answer is believed for a minute.
    assert await may(running, channel, ann)
    await clock.sleep(CACHE_S + 1)
    assert await ask(running, channel, ann) is Membership.MEMBER


async def test_reported_changes_are_believed_at_once(
    server: Server, running: Bot, ann: str
) -> None:
    guild, ben = server.add_guild(members=[ann]), server.add_user("Ben")
    channel, hidden = server.channel(guild), server.add_channel(guild, "hidden")
    server.make_manager(guild, ann)
    server.add_member(guild, ben)
    await server.wait_for(lambda: running.client.guilds and running.client.get_channel(int(hidden)))

    async def become(expected: tuple[Membership, Membership], channel: str = channel) -> None:
        found = None
        async with asyncio.timeout(20):
            while found != expected:
                await asyncio.sleep(0.1)
                found = await ask(running, channel, ann), await ask(running, channel, ben)

    await become((Membership.ADMIN, Membership.MEMBER))
    server.set_role(guild, "Manager", "MANAGE_MESSAGES")
    await become((Membership.MEMBER, Membership.MEMBER))
    server.remove_member(guild, ben, is_banned=True)
    await become((Membership.MEMBER, Membership.NONE))
    await become((Membership.MEMBER, Membership.NONE), hidden)
    server.allow(hidden, "", "VIEW_CHANNEL")
    server.deny(hidden, guild, "VIEW_CHANNEL")
    await become((Membership.NONE, Membership.NONE), hidden)
    server.allow(hidden, ann, "VIEW_CHANNEL")
    await become((Membership.MEMBER, Membership.NONE), hidden)


async def test_an_interaction_tells_what_its_sender_is(
    server: Server, running: Bot, inbox: FakeInbox, ann: str
) -> None:
    guild = server.add_guild(members=[ann])
    server.make_manager(guild, ann)
    channel = server.channel(guild)
    await server.wait_for(lambda: running.client.guilds and server.commands())
    assert await ask(running, channel, ann) is Membership.ADMIN
    server.add_member(guild, ann)  # the gateway reports changes of members to few bots
    server.slash(channel, ann, "help")
    await server.wait_for(lambda: inbox.messages)
    assert await ask(running, channel, ann) is Membership.MEMBER


async def test_an_outage_is_an_error_not_a_denial(
    server: Server, running: Bot, ann: str, channel_id: str
) -> None:
    await server.wait_for(lambda: running.client.guilds)
    server.fault("GET */members/*", "status", status=503)
    with pytest.raises(PlatformBusy):
        await may(running, channel_id, ann)
    assert CACHE_S <= 60


@pytest.mark.finding(19)
async def test_a_missing_permission_is_named(server: Server, running: Bot, ann: str) -> None:
    guild = server.add_guild(members=[ann])
    channel = server.channel(guild)
    await server.wait_for(
        lambda: any(one.get_channel(int(channel)) for one in running.client.guilds)
    )
    message = make_message(channel, sender_id=ann, is_private=False)
    assert await running.explain_blindness(message) == ""
    server.deny(channel, guild, "SEND_MESSAGES", "READ_MESSAGE_HISTORY")

    async def explain(language: str) -> str:
        return await running.explain_blindness(replace(message, language=language))

    async with asyncio.timeout(30):
        while not (told := await explain("en")):
            await asyncio.sleep(0.1)
    assert told.endswith("allow me: Send Messages, Read Message History.")
    assert "发送消息" in await explain("zh-CN")
    assert await running.explain_blindness(make_message(server.dm(ann), sender_id=ann)) == ""


@pytest.mark.finding(19)
async def test_a_hidden_channel_is_named_too(server: Server, running: Bot, ann: str) -> None:
    guild = server.add_guild(members=[ann])
    hidden = server.add_channel(guild, "hidden")
    server.deny(hidden, server.world.bot.user_id, "VIEW_CHANNEL")
    await server.wait_for(lambda: running.client.guilds)
    running.client.guilds[0]._channels.pop(int(hidden), None)
    told = await running.explain_blindness(make_message(hidden, sender_id=ann, is_private=False))
    assert told.endswith("allow me: View Channel.")
    elsewhere = make_message(f"user:{ann}", sender_id=ann, is_private=False)
    assert await running.explain_blindness(elsewhere) == ""


async def test_a_process_without_the_gateway_names_them_as_well(
    server: Server, bot: Bot, ann: str
) -> None:
    guild = server.add_guild(members=[ann])
    channel, hidden = server.channel(guild), server.add_channel(guild, "hidden")
    message = make_message(channel, sender_id=ann, is_private=False)
    assert await bot.explain_blindness(message) == ""
    server.deny(channel, guild, "SEND_MESSAGES", "READ_MESSAGE_HISTORY")
    told = await bot.explain_blindness(message)
    assert told.endswith("allow me: Send Messages, Read Message History.")
    server.deny(hidden, server.world.bot.user_id, "VIEW_CHANNEL")
    told = await bot.explain_blindness(replace(message, chat=replace(message.chat, chat_id=hidden)))
    assert told.endswith("allow me: View Channel.")
