"""One story on every platform, with one program: the same results, in the platform's own form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.emulators.discord.records import DEFER, VOICE
from tests.emulators.mimo import MimoServer
from tests.support.scenario_story import ANSWER, QUESTION, TRANSCRIPT, Told, check, teach, tell
from tests.support.scenario_world import Town, open_town

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]


@dataclass
class Story:
    """The town after all have lived the story at once."""

    town: Town
    mimo: MimoServer
    telegram: Told
    discord: Told
    web: Told


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    async with MimoServer() as mimo:
        await teach(mimo)
        async with open_town(tmp_path_factory.mktemp("home"), mimo) as town:
            people = (town.telegram, town.discord, town.web)
            told = await asyncio.gather(*(tell(one) for one in people))
            yield Story(town, mimo, *told)


@pytest.mark.parametrize("platform", ["telegram", "discord", "web"])
async def test_the_story_goes_as_it_should(story: Story, platform: str) -> None:
    check(getattr(story, platform), story.mimo)


async def test_everybody_is_told_the_same(story: Story) -> None:
    telegram, discord, web = (one.common() for one in (story.telegram, story.discord, story.web))
    assert telegram == discord
    # A page asks by answering: it needs no button for that.
    text, is_spoken, labels = telegram["note"]
    assert web == telegram | {"note": (text, is_spoken, [one for one in labels if one != "Ask"])}


async def test_on_telegram_answers_are_replies_and_voice_notes(story: Story) -> None:
    told, server = story.telegram, story.town.telegram.server
    for one in (told.note, told.morning, told.answer, told.further, told.summary):
        assert (one.shown.reply_to, one.shown.is_deleted) == (one.asked, False)
    assert {entity["type"] for entity in told.note.shown.entities} == {"blockquote"}
    for one in (told.morning, told.evening, told.aloud):
        assert one.spoken.file.kind == "voice" and one.spoken.reply_to
    assert server.violations() == {}


async def test_on_discord_answers_are_those_of_interactions_and_voice_messages(
    story: Story,
) -> None:
    told, server = story.discord, story.town.discord.server
    assert told.note.shown.reply_to == told.note.asked
    assert told.further.shown.reply_to == told.further.asked
    for one in (told.choice, told.answer, told.summary, told.forgotten):
        asked = server.interaction(one.asked)
        assert (asked.answer_kind, asked.original_id) == (DEFER, one.shown.message_id)
    assert told.choice.shown.is_ephemeral and not told.summary.shown.is_ephemeral
    for one in (told.morning, told.evening, told.aloud):
        assert one.spoken.flags & VOICE and one.spoken.files[0].waveform
        assert not one.spoken.content
        assert server.interaction(one.asked).answer_kind == DEFER
    assert server.thinking(story.town.discord.chat) == []


async def test_on_the_page_speech_is_heard_while_it_comes_and_kept(story: Story) -> None:
    told = story.web
    for one in (told.morning, told.evening):
        [file] = one.shown["reply"]["files"]
        assert file["mime"] == "audio/ogg" and file["size_bytes"] == len(one.sound)
        heard_s = one.spoken[-1]["at_s"]
        assert one.spoken[0]["at_s"] == 0 and heard_s < file["duration_s"]
    assert {one.shown["state"] for one in (told.note, told.answer, told.summary)} == {"done"}
    assert told.further.shown["reply_to"] == told.answer.asked


async def test_nothing_of_it_is_left_in_the_log(story: Story) -> None:
    log = story.town.program.whole_log
    assert not [said for said in (TRANSCRIPT, QUESTION, ANSWER, "Good morning") if said in log]
