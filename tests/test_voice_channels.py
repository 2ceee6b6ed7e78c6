"""Commands of voice channels: permissions, and what is read aloud."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from core.commands import load_command, menu
from core.commands.unasked.speak_message import MAX_CHARS, pick_voice
from core.errors import EngineRefused, UserError
from core.models import JobState, Message, SpeechSettings, Voice
from core.store import Store
from tests.support.group_talk import ADA, BEN, EVE, Group, group_on
from tests.support.virtual_time import current_clock

CHANNEL_COMMANDS = {"join", "leave", "stop", "read"}


class Sofa:
    """Implements `core.interfaces.VoiceChannels`: one channel, in which Ada and Ben are."""

    def __init__(self) -> None:
        self.is_joined = False
        self.read_places: set[tuple[str, str | None]] = set()
        self.stops = 0

    def is_reachable(self, message: Message) -> bool:
        return True

    def find(self, message: Message) -> str:
        return "Sofa" if self.is_joined else ""

    def is_present(self, message: Message) -> bool:
        return message.sender_id in (ADA, BEN)

    async def join(self, message: Message) -> str:
        if not self.is_present(message):
            raise UserError("Join a voice channel first, then I can join you.")
        self.is_joined = True
        return "Sofa"

    async def leave(self, message: Message) -> None:
        self.is_joined = False
        self.read_places.clear()

    def stop(self, message: Message) -> None:
        self.stops += 1

    def read(self, message: Message, *, is_on: bool) -> None:
        place = (message.chat.chat_id, message.thread_id)
        (self.read_places.add if is_on else self.read_places.discard)(place)

    def is_read(self, message: Message) -> bool:
        return (message.chat.chat_id, message.thread_id) in self.read_places


@pytest.fixture
async def group(store: Store) -> AsyncIterator[Group]:
    async with group_on(store) as group:
        group.loopback.platform.voice = Sofa()
        group.loopback.platform.can_administer = False
        yield group


def sofa(group: Group) -> Sofa:
    channels = group.loopback.platform.voice
    assert isinstance(channels, Sofa)
    return channels


async def read_aloud(group: Group) -> None:
    await group.ask("join")
    await group.ask("read on")


def said(group: Group) -> list[str]:
    return [utterance.text for utterance in group.loopback.synthesizer.utterances]


def test_only_platforms_with_voice_channels_show_their_commands() -> None:
    with_voice = {name for name, _ in menu(has_voice=True)}
    assert with_voice - {name for name, _ in menu()} == CHANNEL_COMMANDS


async def test_help_follows_the_platform(group: Group) -> None:
    assert "/join" in (await group.ask("help")).text
    group.loopback.platform.voice = None
    assert "/join" not in (await group.ask("help")).text


@pytest.mark.parametrize("command", sorted(CHANNEL_COMMANDS))
async def test_where_there_are_no_voice_channels_it_says_so(group: Group, command: str) -> None:
    group.loopback.platform.voice = None
    assert (await group.ask(command)).text == "There are no voice channels here."
    group.loopback.platform.voice = Sofa()
    private = await group.send(group.write(command=command, is_private=True))
    assert group.answers(private)[-1].text == "There are no voice channels here."


async def test_it_comes_and_announces_itself(group: Group) -> None:
    assert "voice channel first" in (await group.ask("join", EVE)).text
    told = await group.ask("join")
    assert "Sofa" in told.text and "/leave" in told.text and "AI-generated" in told.text
    assert sofa(group).is_joined
    # Everybody is to read it: nothing of this is for one person alone.
    assert not any(load_command(name).is_ephemeral for name in CHANNEL_COMMANDS)


@pytest.mark.parametrize("command", ["leave", "stop", "read on", "read off"])
async def test_only_those_in_the_channel_and_admins_decide(group: Group, command: str) -> None:
    assert "/join" in (await group.ask(command)).text
    await group.ask("join")
    assert "Only members of Sofa" in (await group.ask(command, EVE)).text
    assert sofa(group).is_joined and not sofa(group).stops and not sofa(group).read_places
    group.loopback.platform.can_administer = True
    assert "Only" not in (await group.ask(command, EVE)).text


async def test_stop_and_leave(group: Group) -> None:
    await group.ask("join")
    assert (await group.ask("stop", BEN)).text == "Stopped." and sofa(group).stops == 1
    assert (await group.ask("leave", BEN)).text == "Left Sofa."
    assert not sofa(group).is_joined


async def test_a_chat_is_read_aloud_and_nothing_is_written_for_it(group: Group) -> None:
    await group.ask("join")
    await group.say("not yet")
    told = await group.ask("read on")
    assert "read aloud in Sofa" in told.text and "/read off" in told.text
    written = await group.say("Good morning everybody")
    assert group.answers(written) == [] and said(group) == ["Good morning everybody"]
    assert group.loopback.platform.played
    assert "read aloud in Sofa" in (await group.ask("read")).text
    assert "is off" in (await group.ask("read off")).text
    await group.say("no more")
    assert said(group) == ["Good morning everybody"]
    assert (await group.ask("read loudly")).text == "Choose one of: on, off"


async def test_only_plain_talk_is_read(group: Group) -> None:
    await read_aloud(group)
    typed = await group.say("read_out me", command="read_out")
    assert group.answers(typed) == [], "nobody can type it"
    await group.say("what nobody knows", command="unknown")
    await group.say("corrected", edit_id="1")
    await group.say("in another thread", thread_id="5")
    await group.say("\N{THUMBS UP SIGN}")
    assert said(group) == []
    await group.say("read me")
    assert said(group) == ["read me"]
    await group.say("A sentence of some words. " * 100)
    assert 0 < len(" ".join(said(group)[1:])) <= MAX_CHARS, "it is read to a point"


async def test_each_person_has_a_voice(group: Group) -> None:
    await read_aloud(group)
    voices = group.loopback.store.voices
    await voices.save_choice("test", ADA, SpeechSettings("白桦", "slow"))
    await group.say("Good morning", ADA)
    [utterance] = group.loopback.synthesizer.utterances
    assert (utterance.voice, utterance.direction) == ("白桦", "slow")
    await group.say("Good morning", BEN)
    assert group.loopback.synthesizer.utterances[-1].voice == "Mia"


def test_a_voice_follows_from_the_person_and_speaks_the_language() -> None:
    voices = [Voice(f"en{n}", f"en{n}", "en-US") for n in range(4)] + [Voice("zh", "zh", "zh")]
    picked = {person: pick_voice(voices, str(person), "en") for person in range(40)}
    assert set(picked.values()) == {"en0", "en1", "en2", "en3"}
    assert picked == {person: pick_voice(voices, str(person), "en") for person in range(40)}
    assert pick_voice(voices, "1", "zh") == "zh" and pick_voice(voices, "1", "de") in {
        voice.voice_id for voice in voices
    }
    assert pick_voice([], "1", "en") == ""


async def test_old_words_and_those_who_opted_out_are_not_read(group: Group) -> None:
    await read_aloud(group)
    await group.say("long ago", sent_at=current_clock().now() - timedelta(minutes=5))
    await group.loopback.store.memory.opt_out("test", BEN, True)
    await group.say("not me", BEN)
    assert said(group) == []


async def test_a_failure_is_not_reported(group: Group) -> None:
    await read_aloud(group)
    group.loopback.synthesizer.failures = [EngineRefused(reason="no")]
    message = await group.say("this fails")
    assert group.answers(message) == []
    counts = await group.loopback.store.jobs.counts()
    assert counts[JobState.REFUSED] == 1
