"""Commands, menus, buttons, selects and forms: what people see and what their answers may be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulators.discord import DiscordServer
from tests.emulators.discord.client import LocalClient, Rest, discord
from tests.emulators.discord.records import Interaction

NOBODY = discord.AllowedMentions.none()


def offer(server: DiscordServer, **changes: Any) -> None:
    """Put a command into the table as if the bot had."""
    command = {
        "id": server.world.snowflake(), "name": "say", "type": 1, "description": "Say",
        "options": [], "integration_types": [0, 1], "contexts": [0, 1, 2],
        "default_member_permissions": None, "dm_permission": True, **changes,
    }  # fmt: skip
    server.world.commands[command["id"]] = command


class Calls:
    """Raw answers to an interaction."""

    def __init__(self, server: DiscordServer, rest: Rest, interaction: str) -> None:
        self._rest = rest
        self.asked: Interaction = server.interaction(interaction)
        self._hook = f"/webhooks/{server.world.application_id}/{self.asked.token}"

    async def answer(self, kind: int, **data: Any) -> tuple[int, int]:
        path = f"/interactions/{self.asked.interaction_id}/{self.asked.token}/callback"
        return await self._rest.code("POST", path, json={"type": kind, "data": data})

    async def edit(self, **data: Any) -> tuple[int, int]:
        return await self._rest.code("PATCH", f"{self._hook}/messages/@original", json=data)

    async def follow(self, **data: Any) -> tuple[int, int]:
        return await self._rest.code("POST", self._hook, json=data)


class Bot(LocalClient):
    """A bot with a menu, a button, a select and a form."""

    def __init__(self, server: DiscordServer) -> None:
        super().__init__(server, guild_ready_timeout=0.2, allowed_mentions=NOBODY)
        self.tree = discord.app_commands.CommandTree(self)


async def test_menus_buttons_selects_forms_and_choices_with_the_real_client(
    server: DiscordServer,
) -> None:
    ann, ben = server.add_user("Ann"), server.add_user("Ben")
    room = server.channel(server.add_guild(members=[ann, ben]))
    async with Bot(server) as bot:

        class Form(discord.ui.Modal, title="Rename"):
            name: discord.ui.TextInput[Form] = discord.ui.TextInput(label="Name", custom_id="name")

            async def on_submit(self, asked: discord.Interaction) -> None:
                await asked.response.send_message(f"called {self.name.value}", ephemeral=True)

        class View(discord.ui.View):
            @discord.ui.button(label="Rename", custom_id="rename")
            async def rename(self, asked: discord.Interaction, _: Any) -> None:
                await asked.response.send_modal(Form())

            @discord.ui.select(
                custom_id="voice", options=[discord.SelectOption(label=one) for one in "ab"]
            )
            async def choose(
                self, asked: discord.Interaction, select: discord.ui.Select[View]
            ) -> None:
                await asked.response.edit_message(content=f"chose {select.values[0]}")

        @bot.tree.context_menu(name="Ask about this")
        async def ask(asked: discord.Interaction, target: discord.Message) -> None:
            await asked.response.send_message(target.content, view=View(timeout=None))

        @bot.tree.command(name="voice", description="Choose a voice")
        async def voice(asked: discord.Interaction, name: str) -> None:
            await asked.response.send_message(name)

        @voice.autocomplete("name")
        async def names(
            asked: discord.Interaction, typed: str
        ) -> list[discord.app_commands.Choice[str]]:
            return [discord.app_commands.Choice(name=typed.title(), value=typed)]

        await bot.tree.sync()
        note = server.send_text(room, ann, "what is this")
        asked = server.context_menu(note, ann, "Ask about this")
        [menu] = await server.wait_for(lambda: server.answers_of(asked))
        assert menu.content == "what is this" and menu.labels == ["Rename"]
        pressed = server.press(menu.message_id, ben, label="Rename")
        await server.wait_for(lambda: server.interaction(pressed).modal)
        sent = server.submit(pressed, ben, {"name": "Fern"})
        [secret] = await server.wait_for(lambda: server.answers_of(sent))
        assert (
            secret.content == "called Fern" and server.ephemeral(room, ben) and secret.is_ephemeral
        )
        assert not server.ephemeral(room, ann)
        server.select(menu.message_id, ann, ["b"])
        await server.wait_for(lambda: server.message(menu.message_id).content == "chose b")
        typing = server.autocomplete(room, ann, "voice", "name", "fern")
        choices = await server.wait_for(lambda: server.interaction(typing).choices)
        assert choices == [{"name": "Fern", "value": "fern"}]
        with pytest.raises(ValueError, match="none of"):
            server.select(menu.message_id, ann, ["z"])
        with pytest.raises(ValueError, match="no Delete"):
            server.press(menu.message_id, ann, label="Delete")
        assert server.latencies()[-1] < 3


async def test_an_answer_has_three_seconds_and_comes_once(
    server: DiscordServer, rest: Rest
) -> None:
    ann = server.add_user()
    offer(server)
    late = Calls(server, rest, server.slash(server.dm(ann), ann, "say"))
    assert await late.follow(content="too early") == (404, 10015)
    server.advance(seconds=3.1)
    assert await late.answer(5) == (404, 10062)
    assert server.latencies() == [float("inf")]
    call = Calls(server, rest, server.slash(server.dm(ann), ann, "say"))
    assert await call.answer(8, choices=[]) == (400, 50035)
    assert await call.answer(5) == (204, 0)
    assert server.thinking(server.dm(ann)) and not server.answers(server.dm(ann))
    assert await call.answer(4, content="again") == (400, 40060)
    assert await call.edit(content="done") == (200, 0)
    assert await call.edit(content="done") == (200, 0)
    assert len(server.answers(server.dm(ann))) == 1
    server.advance(seconds=15 * 60 + 1)
    assert await call.edit(content="later") == (401, 50027)
    assert await call.follow(content="later") == (401, 50027)
    unknown = f"/webhooks/1/{call.asked.token[::-1]}/messages/@original"
    assert await rest.code("PATCH", unknown, json={}) == (404, 10015)


async def test_the_first_follow_up_after_thinking_takes_its_place(
    server: DiscordServer, rest: Rest
) -> None:
    ann = server.add_user()
    offer(server)
    asked = server.slash(server.dm(ann), ann, "say")
    call = Calls(server, rest, asked)
    await call.answer(5, flags=64)
    assert await call.follow(content="first", flags=0) == (200, 0)
    assert await call.follow(content="second") == (200, 0)
    first, second = server.answers_of(asked)
    assert (first.content, first.is_ephemeral) == ("first", True)
    assert (second.content, second.is_ephemeral) == ("second", False)


async def test_a_stranger_brings_the_bot_along_and_has_five_follow_ups(
    server: DiscordServer, rest: Rest
) -> None:
    ann, ben = server.add_user(has_app=True), server.add_user()
    room = server.channel(server.add_guild(members=[ann, ben], has_bot=False))
    offer(server)
    offer(server, name="servers", integration_types=[0])
    with pytest.raises(PermissionError):
        server.slash(room, ben, "say")
    with pytest.raises(PermissionError):
        server.slash(room, ann, "servers")
    for place in (room, server.private_chat(ann, ben)):
        asked = server.slash(place, ann, "say")
        call = Calls(server, rest, asked)
        assert call.asked.is_user_install
        await call.answer(4, content="here")
        results = [await call.follow(content=f"{number}") for number in range(6)]
        assert results == [(200, 0)] * 5 + [(400, 40094)]
        assert server.visible_counts([asked]) == {asked: 6}
    code = await rest.code("POST", f"/channels/{room}/messages", json={"content": "x"})
    assert code == (403, 50001)
    server.deny(room, ann, "USE_EXTERNAL_APPS")
    asked = server.slash(room, ann, "say")
    await Calls(server, rest, asked).answer(4, content="for you alone")
    assert server.answers_of(asked)[0].is_ephemeral


async def test_who_is_shown_what(server: DiscordServer) -> None:
    owner, boss, ann = (server.add_user(name) for name in ("Owner", "Boss", "Ann"))
    guild = server.add_guild(owner=owner, members=[ann])
    server.make_manager(guild, boss)
    room = server.channel(guild)
    offer(server, name="settings", default_member_permissions=str(1 << 5), contexts=[0])
    assert server.slash(room, owner, "settings") and server.slash(room, boss, "settings")
    with pytest.raises(PermissionError):
        server.slash(room, ann, "settings")
    with pytest.raises(PermissionError):
        server.slash(server.dm(boss), boss, "settings")
    assert server.slash(room, ann, "settings", is_forced=True)
    with pytest.raises(LookupError, match="no command"):
        server.slash(room, ann, "nothing")
    server.deny(room, boss, "USE_APPLICATION_COMMANDS")
    with pytest.raises(PermissionError):
        server.slash(room, boss, "settings")


async def test_a_forged_press_reaches_the_bot_and_an_honest_one_does_not(
    server: DiscordServer, rest: Rest
) -> None:
    ann, ben = server.add_user(), server.add_user()
    room = server.channel(server.add_guild(members=[ann, ben]))
    offer(server)
    asked = server.slash(room, ann, "say")
    row = {"type": 1, "components": [{"type": 2, "style": 1, "label": "Go", "custom_id": "go"}]}
    await Calls(server, rest, asked).answer(4, content="secret", flags=64, components=[row])
    [secret] = server.ephemeral(room, ann)
    with pytest.raises(PermissionError):
        server.press(secret.message_id, ben, "go")
    forged = server.press(secret.message_id, ben, "other", is_forged=True)
    assert server.interaction(forged).data["custom_id"] == "other"
    call = Calls(server, rest, server.press(secret.message_id, ann, "go"))
    assert await call.answer(6) == (204, 0)
    assert await call.edit(content="gone", components=[]) == (200, 0)
    assert server.message(secret.message_id).labels == []


async def test_options_of_subcommands_are_checked_and_resolved(server: DiscordServer) -> None:
    ann = server.add_user()
    people = {"type": 6, "name": "who", "description": "Who", "required": True}
    number = {"type": 4, "name": "n", "description": "N", "min_value": 1, "max_value": 9}
    chosen = {"type": 1, "name": "set", "description": "Set", "options": [people, number]}
    offer(server, name="voice", options=[chosen])
    room = server.dm(ann)
    asked = server.interaction(server.slash(room, ann, "voice set", {"who": ann, "n": 3}))
    [sub] = asked.data["options"]
    assert [one["value"] for one in sub["options"]] == [ann, 3]
    assert asked.data["resolved"]["users"][ann]["id"] == ann
    with pytest.raises(ValueError, match="out of range"):
        server.slash(room, ann, "voice set", {"who": ann, "n": 10})
    with pytest.raises(ValueError, match="no option"):
        server.slash(room, ann, "voice set", {"who": ann, "x": 1})


async def test_waits_time_out(server: DiscordServer) -> None:
    with pytest.raises(TimeoutError):
        await server.wait_for(lambda: server.connected(), timeout_s=0.05)
