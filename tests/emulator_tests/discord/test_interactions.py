"""Commands, buttons and modals of users, and valid responses to them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator_tests.discord.conftest import Rest
from tests.emulators.discord import DiscordServer
from tests.emulators.discord.records import Interaction


def offer(server: DiscordServer, **changes: Any) -> None:
    """Register an application command as if the bot had."""
    command = {
        "id": server.world.snowflake(), "name": "say", "type": 1, "description": "Say",
        "options": [], "integration_types": [0, 1], "contexts": [0, 1, 2],
        "default_member_permissions": None, "dm_permission": True, **changes,
    }  # fmt: skip
    server.world.commands[command["id"]] = command


class InteractionClient:
    """Sends raw responses to an interaction."""

    def __init__(self, server: DiscordServer, rest: Rest, interaction: str) -> None:
        self._rest = rest
        self.interaction: Interaction = server.interaction(interaction)
        self._hook = f"/webhooks/{server.world.application_id}/{self.interaction.token}"

    async def answer(self, kind: int, **data: Any) -> tuple[int, int]:
        path = f"/interactions/{self.interaction.interaction_id}/{self.interaction.token}/callback"
        return await self._rest.code("POST", path, json={"type": kind, "data": data})

    async def edit(self, **data: Any) -> tuple[int, int]:
        return await self._rest.code("PATCH", f"{self._hook}/messages/@original", json=data)

    async def follow(self, **data: Any) -> tuple[int, int]:
        return await self._rest.code("POST", self._hook, json=data)


async def test_response_is_accepted_once_within_three_seconds(
    server: DiscordServer, rest: Rest
) -> None:
    ann = server.add_user()
    offer(server)
    late = InteractionClient(server, rest, server.slash(server.dm(ann), ann, "say"))
    assert await late.follow(content="too early") == (404, 10015)
    server.advance(seconds=3.1)
    assert await late.answer(5) == (404, 10062)
    assert server.latencies() == [float("inf")]
    call = InteractionClient(server, rest, server.slash(server.dm(ann), ann, "say"))
    assert await call.answer(8, choices=[]) == (400, 50035)
    assert await call.answer(5) == (204, 0)
    assert server.thinking(server.dm(ann)) and not server.replies(server.dm(ann))
    assert await call.answer(4, content="again") == (400, 40060)
    assert await call.edit(content="done") == (200, 0)
    assert await call.edit(content="done") == (200, 0)
    assert len(server.replies(server.dm(ann))) == 1
    server.advance(seconds=15 * 60 + 1)
    assert await call.edit(content="later") == (401, 50027)
    assert await call.follow(content="later") == (401, 50027)
    unknown = f"/webhooks/1/{call.interaction.token[::-1]}/messages/@original"
    assert await rest.code("PATCH", unknown, json={}) == (404, 10015)


async def test_first_followup_replaces_the_loading_message(
    server: DiscordServer, rest: Rest
) -> None:
    ann = server.add_user()
    offer(server)
    interaction = server.slash(server.dm(ann), ann, "say")
    call = InteractionClient(server, rest, interaction)
    await call.answer(5, flags=64)
    assert await call.follow(content="first", flags=0) == (200, 0)
    assert await call.follow(content="second") == (200, 0)
    first, second = server.responses_to(interaction)
    assert (first.content, first.is_ephemeral) == ("first", True)
    assert (second.content, second.is_ephemeral) == ("second", False)


async def test_user_install_has_at_most_five_followups(server: DiscordServer, rest: Rest) -> None:
    ann, ben = server.add_user(has_app=True), server.add_user()
    channel = server.channel(server.add_guild(members=[ann, ben], has_bot=False))
    offer(server)
    offer(server, name="servers", integration_types=[0])
    with pytest.raises(PermissionError):
        server.slash(channel, ben, "say")
    with pytest.raises(PermissionError):
        server.slash(channel, ann, "servers")
    for place in (channel, server.private_chat(ann, ben)):
        interaction = server.slash(place, ann, "say")
        call = InteractionClient(server, rest, interaction)
        assert call.interaction.is_user_install
        await call.answer(4, content="here")
        results = [await call.follow(content=f"{number}") for number in range(6)]
        assert results == [(200, 0)] * 5 + [(400, 40094)]
        assert server.visible_counts([interaction]) == {interaction: 6}
    code = await rest.code("POST", f"/channels/{channel}/messages", json={"content": "x"})
    assert code == (403, 50001)
    server.deny(channel, ann, "USE_EXTERNAL_APPS")
    interaction = server.slash(channel, ann, "say")
    await InteractionClient(server, rest, interaction).answer(4, content="for you alone")
    assert server.responses_to(interaction)[0].is_ephemeral


async def test_commands_are_shown_by_permissions_and_contexts(server: DiscordServer) -> None:
    owner, boss, ann = (server.add_user(name) for name in ("Owner", "Boss", "Ann"))
    guild = server.add_guild(owner=owner, members=[ann])
    server.make_manager(guild, boss)
    channel = server.channel(guild)
    offer(server, name="settings", default_member_permissions=str(1 << 5), contexts=[0])
    assert server.slash(channel, owner, "settings") and server.slash(channel, boss, "settings")
    with pytest.raises(PermissionError):
        server.slash(channel, ann, "settings")
    with pytest.raises(PermissionError):
        server.slash(server.dm(boss), boss, "settings")
    assert server.slash(channel, ann, "settings", is_forced=True)
    with pytest.raises(LookupError, match="no command"):
        server.slash(channel, ann, "nothing")
    server.deny(channel, boss, "USE_APPLICATION_COMMANDS")
    with pytest.raises(PermissionError):
        server.slash(channel, boss, "settings")


async def test_hidden_buttons_can_only_be_pressed_by_a_forged_request(
    server: DiscordServer, rest: Rest
) -> None:
    ann, ben = server.add_user(), server.add_user()
    channel = server.channel(server.add_guild(members=[ann, ben]))
    offer(server)
    interaction = server.slash(channel, ann, "say")
    row = {"type": 1, "components": [{"type": 2, "style": 1, "label": "Go", "custom_id": "go"}]}
    await InteractionClient(server, rest, interaction).answer(
        4, content="secret", flags=64, components=[row]
    )
    [secret] = server.responses_to(interaction)
    with pytest.raises(PermissionError):
        server.press(secret.message_id, ben, "go")
    with pytest.raises(ValueError, match="no Delete"):
        server.press(secret.message_id, ann, label="Delete")
    forged = server.press(secret.message_id, ben, "other", is_forged=True)
    assert server.interaction(forged).data["custom_id"] == "other"
    call = InteractionClient(server, rest, server.press(secret.message_id, ann, "go"))
    assert await call.answer(6) == (204, 0)
    assert await call.edit(content="gone", components=[]) == (200, 0)
    assert server.message(secret.message_id).labels == []


async def test_options_are_validated_and_attachments_resolved(server: DiscordServer) -> None:
    ann = server.add_user()
    text = {"type": 3, "name": "text", "description": "Text", "required": True, "max_length": 9}
    tone = {"type": 3, "name": "tone", "description": "Tone", "choices": [{"value": "low"}]}
    sound = {"type": 11, "name": "sound", "description": "Sound"}
    offer(server, options=[text, tone, sound])
    channel, good = server.dm(ann), {"text": "hello", "tone": "low"}
    interaction = server.slash(channel, ann, "say", good, attachments={"sound": ("a.ogg", b"OggS")})
    data = server.interaction(interaction).data
    *words, file = [one["value"] for one in data["options"]]
    assert words == ["hello", "low"]
    assert data["resolved"]["attachments"][file]["filename"] == "a.ogg"
    wrong: list[tuple[dict[str, str], str]] = [
        ({}, "required"),
        ({"text": "x" * 10}, "too long"),
        ({"text": "x", "tone": "high"}, "none of"),
        ({"text": "x", "x": "y"}, "no option"),
    ]
    for options, words_of_error in wrong:
        with pytest.raises(ValueError, match=words_of_error):
            server.slash(channel, ann, "say", options)
