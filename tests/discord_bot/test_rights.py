"""Rights, with the whole program: every settings command and button, every kind of person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from core.commands import menu
from core.models import (
    Audio,
    Chat,
    ChatSettings,
    Correction,
    NoteMode,
    SavedVoice,
    SpeechSettings,
    TalkSettings,
)
from core.store import Store, make_cipher
from tests.chaos.notes import make_note
from tests.emulators.discord import DiscordServer as Server
from tests.emulators.discord.records import Message
from tests.support.discord_program import DiscordProgram, run_program

#: One program for all: each test has people and servers of its own.
#: The program is a process of its own.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]

#: Begins with what each command can take away, so that every change shows.
BASE = ChatSettings(
    talk=TalkSettings(remember_days=7, glossary=(Correction("Kovalsky", "Kowalski"),))
)
#: What changes the chat: its managers may, and nobody else.
OF_THE_CHAT = {
    "auto": {"choice": "on"}, "language": {"language": "de"}, "replies": {"choice": "always"},
    "think": {"choice": "on"}, "digest": {"time": "09:00"}, "remember": {"choice": "30d"},
    "glossary": {"remove": "1"}, "voice": {"voice": "chat Mia"}, "style": {"style": "chat warm"},
}  # fmt: skip
#: What people choose for themselves.
OF_A_PERSON = {
    "voice": {"voice": "Mia"}, "style": {"style": "warm"},
    "remember": {"choice": "me off"}, "forget": {"whose": "me"},
    "language": {"whose": "me", "language": "German"},
}  # fmt: skip
LIMITED = {name for name, command in menu() if command.is_for_admins}
PEOPLE = ("member", "manager", "owner")


@dataclass
class Scenario:
    """A server with all kinds of people, and one without the bot."""

    program: DiscordProgram
    server: Server
    store: Store
    people: dict[str, str]
    channel: str
    foreign: str

    @property
    def chat(self) -> Chat:
        return Chat("discord", self.server.world.bot.user_id, self.channel)

    def own_chat(self, who: str) -> Chat:
        return replace(self.chat, chat_id=f"user:{self.people[who]}")

    async def reset(self) -> None:
        await self.store.chats.save_settings(self.chat, BASE)
        for schedule in await self.store.schedules.find(self.chat):
            await self.store.schedules.remove(schedule)

    async def is_changed(self) -> bool:
        is_planned = bool(await self.store.schedules.find(self.chat))
        kept = await self.store.voices.usable(self.chat, "nobody")
        return is_planned or bool(kept) or await self.store.chats.settings(self.chat) != BASE

    async def give(self, who: str, name: str, options: dict[str, str], place: str = "") -> Message:
        interaction_id = self.server.slash(
            place or self.channel, self.people[who], name, options, is_forced=True
        )
        return await self.program.answer(interaction_id)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DiscordProgram]:
    async with run_program(tmp_path_factory.mktemp("home")) as program:
        yield program


@pytest_asyncio.fixture(loop_scope="module")
async def scenario(program: DiscordProgram) -> AsyncIterator[Scenario]:
    server, home = program.server, program.home
    people = {who: server.add_user(who.title()) for who in PEOPLE}
    people["stranger"] = server.add_user("Stranger", has_app=True)
    people["bot"] = server.add_user("Robot", is_bot=True)
    guild = server.add_guild(
        owner=people["owner"], members=[people["member"], people["manager"], people["bot"]]
    )
    server.make_manager(guild, people["manager"])
    server.make_manager(guild, people["bot"])
    elsewhere = server.add_guild(members=[people["stranger"]], has_bot=False)
    store = Store(f"sqlite:///{home / 'hearsay.db'}", make_cipher(None, home))
    channels = server.channel(guild), server.channel(elsewhere)
    yield Scenario(program, server, store, people, *channels)
    await store.close()


async def test_who_may_use_which_command(scenario: Scenario) -> None:
    table: dict[tuple[str, str], bool] = {}
    for name, options in OF_THE_CHAT.items():
        for who in PEOPLE if name in ("auto", "voice") else ("member", "manager"):
            await scenario.reset()
            answer = await scenario.give(who, name, options)
            table[name, who] = await scenario.is_changed()
            is_told = answer.content.startswith("Only members")
            assert is_told is not table[name, who], (name, who, answer.content)
    # The members' limited commands are forced: only a server that has granted them sends these.
    assert table == {(name, who): who != "member" or name in LIMITED for name, who in table}
    assert set(OF_THE_CHAT) >= LIMITED


@pytest.mark.finding(18)
async def test_what_the_owner_of_a_server_grants_counts(scenario: Scenario) -> None:
    server, member, channel = scenario.server, scenario.people["member"], scenario.channel
    guild = server.world.channels[channel].guild_id
    assert guild
    for name in ("auto", "digest"):
        await scenario.reset()
        with pytest.raises(PermissionError):
            server.slash(channel, member, name, OF_THE_CHAT[name])
        server.grant_command(guild, member, name)
        answer = await scenario.program.answer(
            server.slash(channel, member, name, OF_THE_CHAT[name])
        )
        assert "Manage Server" not in answer.content
        assert await scenario.is_changed()
    # One command is granted, no other way to the same settings.
    await scenario.reset()
    answer = await scenario.give("member", "style", {"style": "chat warm"})
    assert "Manage Server" in answer.content and not await scenario.is_changed()


async def test_personal_settings_are_everybodys_own(scenario: Scenario) -> None:
    for who in ("member", "manager"):
        await scenario.reset()
        for name, options in OF_A_PERSON.items():
            answer = await scenario.give(who, name, options)
            assert "Manage Server" not in answer.content
            assert answer.is_ephemeral
        assert not await scenario.is_changed()
        choice = await scenario.store.voices.choice("discord", scenario.people[who])
        assert choice == SpeechSettings(voice="Mia", style="warm", language="de")
    answer = await scenario.give("member", "mode", {"choice": "ask"})
    assert "direct messages" in answer.content
    dm = scenario.server.dm(scenario.people["member"])
    await scenario.give("member", "mode", {"choice": "ask"}, dm)
    settings = await scenario.store.chats.settings(replace(scenario.chat, chat_id=dm))
    assert settings.talk.notes is NoteMode.ASK


async def test_a_user_install_changes_only_personal_settings(scenario: Scenario) -> None:
    await scenario.reset()
    for name, options in OF_THE_CHAT.items():
        answer = await scenario.give("stranger", name, options, scenario.foreign)
        assert answer.is_ephemeral, name
    assert not await scenario.is_changed()
    server_chat = replace(scenario.chat, chat_id=scenario.foreign)
    assert await scenario.store.chats.settings(server_chat) == ChatSettings()
    assert (await scenario.store.chats.settings(scenario.own_chat("stranger"))).language == "de"


async def test_messages_of_bots_are_ignored(scenario: Scenario) -> None:
    await scenario.reset()
    interaction_ids = [
        scenario.server.slash(
            scenario.channel, scenario.people["bot"], name, options, is_forced=True
        )
        for name, options in OF_THE_CHAT.items()
    ]
    await scenario.give("manager", "help", {})  # what was asked before it would be answered before
    assert [scenario.server.interaction(one).response_type for one in interaction_ids] == [
        None
    ] * len(interaction_ids)
    assert not await scenario.is_changed()


async def test_buttons_need_the_same_rights(scenario: Scenario) -> None:
    voices = await scenario.give("manager", "voice", {})
    label = next(one for one in voices.labels if one.startswith("Mia"))
    pressed = scenario.server.press(voices.message_id, scenario.people["manager"], label=label)
    preview = await scenario.program.answer(pressed)
    assert preview.is_ephemeral
    takes = await scenario.give("manager", "voice", {"voice": "design a calm woman"})
    found = []
    for message, button in ((preview, "For this channel"), (takes, "Keep A"), (preview, "For me")):
        [custom_id] = [p["custom_id"] for p in message.parts if p.get("label") == button]
        for who in (*PEOPLE, "stranger"):
            await scenario.reset()
            # Others do not even see it: this is what a client changed by hand can do.
            place = message.message_id
            if who == "stranger":
                place = (await scenario.give("stranger", "voice", {}, scenario.foreign)).message_id
            answer = await scenario.program.answer(
                scenario.server.press(place, scenario.people[who], custom_id, is_forged=True)
            )
            if await scenario.is_changed():
                found.append((button, who))
                for kept in await scenario.store.voices.usable(scenario.chat, "nobody"):
                    await scenario.store.voices.forget(kept)
            elif button != "For me":
                assert "Manage Server" in answer.content or "has expired" in answer.content
    assert found == [
        (button, who) for button in ("For this channel", "Keep A") for who in ("manager", "owner")
    ]
    stranger = await scenario.store.chats.settings(scenario.own_chat("stranger"))
    assert stranger.speech.voice != "Mia"


@pytest.mark.finding(18)
async def test_what_is_for_the_sender_alone_is_ephemeral_at_once(scenario: Scenario) -> None:
    await scenario.reset()
    server, channel = scenario.server, scenario.channel
    told = server.send_text(channel, scenario.people["member"], "The tiles will be blue.")
    query = f"select 1 from remembered where message_id = '{told}'"
    await server.wait_for(lambda: scenario.program.rows(query))
    uses: list[tuple[str, dict[str, str]]] = [
        ("summary", {"range": "me last 2h"}),
        # Refusals: a missing right, and a missing recording.
        ("remember", {"choice": "off"}),
        ("transcribe", {}),
        ("remember", {"choice": "me off"}),
    ]
    for name, options in uses:
        answer = await scenario.give("member", name, options)
        # The first response, not what follows one that everybody has seen.
        assert answer.is_ephemeral and answer.content, name
        assert answer.versions == ["", answer.content] or name == "summary", answer.versions
    found = [one for one in server.replies(channel, has_deleted=True) if not one.is_loading]
    assert [one.content for one in found if one.interaction_id] == []


async def test_opting_out_of_transcription_holds_for_user_installs(scenario: Scenario) -> None:
    member, stranger = scenario.people["member"], scenario.people["stranger"]
    chat = scenario.server.private_chat(stranger, member)
    note = scenario.server.send_voice(chat, member, make_note(7), duration=2)
    interaction_id = scenario.server.context_menu(note, stranger, "Transcribe for me")
    assert "w7" in (await scenario.program.answer(interaction_id)).content
    await scenario.give("member", "remember", {"choice": "me off"})
    for label in ("Transcribe", "Transcribe for me", "Translate"):
        interaction_id = scenario.server.context_menu(note, stranger, label)
        assert "opted out" in (await scenario.program.answer(interaction_id)).content
    interaction_id = scenario.server.context_menu(note, stranger, "Ask about this")
    await scenario.server.wait_for(lambda: scenario.server.interaction(interaction_id).modal)
    sent = scenario.server.submit(interaction_id, stranger, {"text": "What is said?"})
    assert "opted out" in (await scenario.program.answer(sent)).content


async def test_autocomplete_offers_only_usable_values(scenario: Scenario) -> None:
    sound = Audio(b"RIFF", "audio/wav", 1.0)
    await scenario.store.voices.keep(scenario.chat, "", SavedVoice("0123456789", "Grandma", sound))
    own = SavedVoice("1123456789", "me", sound, is_clone=True)
    await scenario.store.voices.keep(scenario.chat, scenario.people["owner"], own)

    async def offered(who: str, name: str, option: str, typed: str = "", place: str = "") -> Any:
        person, known, late = scenario.people[who], scenario.server.interaction, -1

        def is_answered(interaction_id: str) -> bool:
            return known(interaction_id).response_type == 8

        # What the program finds later than Discord waits, on a busy machine, is asked for again.
        while late != (late := scenario.program.whole_log.count("discord_autocomplete_failed")):
            interaction_id = scenario.server.autocomplete(
                place or scenario.channel, person, name, option, typed
            )
            await scenario.server.wait_for(partial(is_answered, interaction_id))
        return {one["name"]: one["value"] for one in known(interaction_id).choices}

    found = await offered("owner", "say", "voice")
    assert (found["Grandma"], found["me"]) == ("kept:0123456789", "kept:1123456789")
    assert "Mia" in found.values() and len(found) > 3
    found = await offered("member", "say", "voice")
    assert "Grandma" in found and "me" not in found
    found = await offered("stranger", "say", "voice", place=scenario.foreign)
    assert "Grandma" not in found and "Mia" in found.values()
    assert await offered("owner", "say", "voice", typed="grand") == {"Grandma": "kept:0123456789"}
    scenario.server.change(scenario.people["owner"], locale="zh-CN")
    assert await offered("owner", "translate", "language", typed="德") == {"德语": "de"}
    assert (await offered("owner", "voice", "voice"))["关"] == "off"
