"""Summaries of one recording, also with the offline engine."""

from __future__ import annotations

import re

import pytest

from core.engines.offline.answerer import OfflineAnswerer
from core.models import Button, JobState, Reply, Segment, Transcript
from core.store import Store
from tests.conftest import NewMessage
from tests.support.loopback import Loopback, ScriptedTranscriber

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
    """A person who has a transcript."""

    def __init__(self, loopback: Loopback, new_message: NewMessage) -> None:
        self.loopback, self.new_message = loopback, new_message

    async def brief(self, transcript: Transcript, key: str = "k") -> Reply:
        """Press Summary under a transcript."""
        await self.loopback.store.results.save(key, transcript)
        job = await self.loopback.inbox.accept(self.new_message())
        assert job
        button = Button("Summary", "brief", key)
        offer = Reply(buttons=(button,))
        [kept] = (
            await self.loopback.store.jobs.save_reply(job.job_id, offer, JobState.DONE)
        ).buttons
        press = self.new_message(attachment=None, button=kept.token)
        pressed = await self.loopback.inbox.accept(press)
        assert pressed
        async with self.loopback.running():
            await self.loopback.settle()
        found = await self.loopback.store.jobs.find(pressed.job_id)
        assert found and found.reply
        return found.reply


@pytest.fixture
async def listener(store: Store, new_message: NewMessage) -> Listener:
    return Listener(Loopback(store, ScriptedTranscriber()), new_message)


async def test_long_recording_is_summarised_in_a_few_points(listener: Listener) -> None:
    said = "- A new supplier is needed. [0:00]\n- They take the first. [0:45] [9:00]\n- Call @x"
    listener.loopback.answerer.scripts["new supplier"] = said
    reply = await listener.brief(HEARD)
    told = "• A new supplier is needed. (0:00)\n• They take the first. (0:45)"
    assert reply.text.startswith(told)
    assert "9:00" not in reply.text and "@x" not in reply.text
    assert "supplier" in reply.aloud
    [question] = listener.loopback.answerer.questions
    assert "[0:45] So let us take the first offer." in question.turns[0].text


@pytest.mark.finding(14)
@pytest.mark.parametrize("size", [8, 800])
async def test_a_summary_without_a_true_source_is_not_shown(listener: Listener, size: int) -> None:
    object.__setattr__(listener.loopback.answerer.limits, "context_tokens", 4_000)
    segments = tuple(Segment(n * 9.0, n * 9 + 8.5, f"{n} " + SENTENCES[n % 8]) for n in range(size))
    listener.loopback.answerer.scripts["."] = "- They sold the boat. [99:59:59]"
    talk = " ".join(s.text for s in segments)
    reply = await listener.brief(Transcript(talk, segments, size * 9.0))
    assert "boat" not in reply.text and "cited only what was never said" in reply.text


async def test_hours_of_audio_are_summarised_in_parts(listener: Listener) -> None:
    limits = listener.loopback.answerer.limits
    object.__setattr__(limits, "context_tokens", 4_000)
    segments = tuple(Segment(n * 9.0, n * 9 + 8.5, f"{n} " + SENTENCES[n % 8]) for n in range(800))
    listener.loopback.answerer.scripts["."] = "- It is about offers. [0:09]"
    reply = await listener.brief(Transcript(" ".join(s.text for s in segments), segments, 7200.0))
    assert len(listener.loopback.answerer.questions) > 5
    assert reply.text == "• It is about offers. (0:09)"


async def test_missing_transcript_is_refused(listener: Listener) -> None:
    reply = await listener.brief(Transcript(""), "gone")
    assert "transcript is no longer available" in reply.text


async def test_offline_engine_extracts_sentences(store: Store, new_message: NewMessage) -> None:
    loopback = Loopback(store, ScriptedTranscriber(), answerer=OfflineAnswerer())
    reply = await Listener(loopback, new_message).brief(HEARD)
    lines = [line for line in reply.text.splitlines() if line.startswith("• ")]
    assert 3 <= len(lines) <= 12
    for line in lines:
        match = re.fullmatch(r"• (.+) \((\d+):(\d\d)\)", line)
        assert match
        second = int(match[2]) * 60 + int(match[3])
        assert match[1] == HEARD.segments[second // 9].text
    assert "This is an extract selected by rules" in reply.text
