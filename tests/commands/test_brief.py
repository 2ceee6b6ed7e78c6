"""Summaries of one recording, and all of it without any engine that understands."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.config import Settings
from core.engines.offline import Offline
from core.models import Button, Job, JobState, Message, Reply, Segment, Transcript
from core.store import Store
from core.store.memory import remember
from core.store.rows import chat_row
from core.summaries.ranges import Asked, read_request
from core.summarizing import Summarizing
from tests.conftest import NewMessage
from tests.support.group_week import make_week, tell
from tests.support.loopback import Road, ScriptedEngine

TALK = (
    "We have to choose a new supplier for the kitchen. The old one raised the price by a third. "
    "I looked at three offers last night. The second offer is the cheapest, and it comes in May. "
    "Anna thinks that May is too late for the fair. So let us take the first offer. "
    "I will call them tomorrow and ask for a discount. Does anybody know the person in charge?"
)
SENTENCES = re.findall(r"[^.?]+[.?]", TALK)
HEARD = Transcript(
    TALK, tuple(Segment(n * 9.0, n * 9 + 8.5, s.strip()) for n, s in enumerate(SENTENCES)), 72.0
)


class Listener:
    """Somebody who has a transcript."""

    def __init__(self, road: Road, new_message: NewMessage) -> None:
        self.road, self.new_message = road, new_message

    async def brief(self, heard: Transcript, key: str = "k") -> Reply:
        """Press Summary under a transcript."""
        await self.road.store.results.save(key, heard)
        job = await self.road.assistant.accept(self.new_message())
        assert job
        button = Button("Summary", "brief", key)
        kept = await self.road.store.jobs.save_reply(
            job.job_id, Reply(buttons=(button,)), JobState.DONE
        )
        pressed = await self.road.assistant.accept(
            self.new_message(attachment=None, button=kept.buttons[0].token)
        )
        assert pressed
        async with self.road.running():
            await self.road.settle()
        found = await self.road.store.jobs.find(pressed.job_id)
        assert found and found.reply
        return found.reply


@pytest.fixture
async def listener(store: Store, new_message: NewMessage) -> Listener:
    return Listener(Road(store, ScriptedEngine()), new_message)


@pytest.fixture
async def offline(tmp_path: Path) -> AsyncIterator[Offline]:
    engine = Offline(Settings(hearsay_home=tmp_path))
    yield engine
    await engine.close()


async def test_a_long_recording_in_a_few_points(listener: Listener) -> None:
    said = (
        "- A new supplier is needed. [0:00]\n- They take the first offer. [0:45] [9:00]\n- Call @x"
    )
    listener.road.answerer.scripts["new supplier"] = said
    reply = await listener.brief(HEARD)
    assert reply.text.startswith(
        "• A new supplier is needed. (0:00)\n• They take the first offer. (0:45)"
    )
    assert "9:00" not in reply.text and "@x" not in reply.text
    assert "supplier" in reply.aloud
    [question] = listener.road.answerer.asked
    assert "[0:45] So let us take the first offer." in question.turns[0].text


async def test_hours_of_sound_are_summed_up_in_parts(listener: Listener) -> None:
    limits = listener.road.answerer.chat_limits
    object.__setattr__(limits, "context_tokens", 4_000)
    segments = tuple(Segment(n * 9.0, n * 9 + 8.5, f"{n} " + SENTENCES[n % 8]) for n in range(800))
    listener.road.answerer.scripts["."] = "- It is about offers. [0:09]"
    reply = await listener.brief(Transcript(" ".join(s.text for s in segments), segments, 7200.0))
    assert len(listener.road.answerer.asked) > 5
    assert reply.text == "• It is about offers. (0:09)"


async def test_a_transcript_that_is_gone(listener: Listener) -> None:
    reply = await listener.brief(Transcript(""), "gone")
    assert "no longer have this transcript" in reply.text


async def test_offline_a_recording_is_an_extract(
    store: Store, new_message: NewMessage, offline: Offline
) -> None:
    road = Road(store, ScriptedEngine(), answerer=offline)
    reply = await Listener(road, new_message).brief(HEARD)
    lines = [line for line in reply.text.splitlines() if line.startswith("• ")]
    assert 3 <= len(lines) <= 12
    for line in lines:
        match = re.fullmatch(r"• (.+) \((\d+):(\d\d)\)", line)
        assert (
            match and match[1] == HEARD.segments[int(match[3]) // 9 + int(match[2]) * 60 // 9].text
        )
    assert "An extract, picked by a rule" in reply.text


async def test_offline_a_week_is_an_extract_with_places(store: Store, offline: Offline) -> None:
    end_at = datetime.now(UTC) - timedelta(minutes=1)
    week = make_week(end_at, count=300, notes=20)
    messages = list(week.kept.values())
    await keep(store, messages)
    for message in messages:
        if message.attachment:
            heard = tell(week.notes[message.attachment.file_id])
            await store.memory.save_transcript(message.chat, message.message_id, heard)
    road = Road(store, ScriptedEngine(), answerer=offline)
    job = make_job(messages[0])

    summarizing = Summarizing(store, road.hearing, road.understanding, road.platform)
    reply = await summarizing.summarize(job, read_request("everything", Asked(job.created_at)))
    assert "An extract, picked by a rule" in reply.text
    points = [line for line in reply.text.splitlines() if line.startswith("• ")]
    assert 3 <= len(points) == len(reply.links)
    for link in reply.links:
        said = week.kept[link.message_id]
        line = reply.text[: link.start].rpartition("• ")[2]
        assert line.startswith(said.sender_name)
        assert said.text in line or said.attachment


async def keep(store: Store, messages: list[Message]) -> None:
    """Keep messages in one commit."""
    async with store._database.write() as connection:
        row = await chat_row(connection, messages[0].chat)
        for message in messages:
            await remember(connection, row.chat_pk, message)


def make_job(message: Message, **changes: Any) -> Job:
    asked_at = datetime.now(UTC)
    asked = Message(message.chat, "asked", asked_at, "11", "Anna", is_private=False, language="en")
    return Job("j", asked, "summary", JobState.RUNNING, 1, asked_at, asked_at, **changes)
