"""/summary of a whole week of a group: every fact is there, and every statement has a source."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.errors import AssistantError, EngineBusy
from core.interfaces import AnswererLimits, TranscriberLimits
from core.models import (
    Answer,
    Audio,
    Chat,
    ChatSettings,
    DigestSchedule,
    Message,
    Question,
    QuotedMessage,
    Reply,
    TalkSettings,
    Transcript,
    Usage,
)
from core.store import Store
from tests.support.clean_start import open_store
from tests.support.group_talk import ADA, BEN, EVE, Group
from tests.support.group_week import OPTED_OUT, Week, make_note, make_week, tell
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.support.virtual_time import BEGAN_AT

FORUM = Chat("test", "1", "-100500")
_LINE = re.compile(r"^#(\d+) \d\d:\d\d (\S+)(?: \(to #\d+\))?(?: \(voice ([\d:]+)\))?: (.*)$")
_SPOKEN = re.compile(r"\[([\d:]+)\] ([^\[]+)")
HEADINGS = ("## DECISIONS", "## ACTIONS", "## QUESTIONS", "## Voice (Anna)")
SCRIPT = "HOST: This was the week.\nAnna: I said so.\nBen (worried): So did I.\n" * 20
MADE_UP = ("## Made up", "- See evil.example/now [#99999] [#0]", "- @all /stop [#1 59:59]")


class Reader:
    """Implements `core.interfaces.Answerer`: finds the facts of a week in the lines of a prompt."""

    name = "reader"
    model = "reader-1"
    limits = AnswererLimits(context_tokens=8_000)

    def __init__(self, week: Week) -> None:
        self.facts = {fact.text: fact for fact in week.facts if fact.kind != "voice"}
        self.asked: list[Question] = []
        self.failures: list[AssistantError | None] = []

    async def answer(self, question: Question, *, on_text: object = None) -> Answer:
        self.asked.append(question)
        await asyncio.sleep(0)
        if self.failures and (failure := self.failures.pop(0)) is not None:
            raise failure
        lines = question.turns[-1].text.splitlines()
        text = SCRIPT if "HOST" in question.instructions else "\n".join(self._sum_up(lines))
        return Answer(text, usage=Usage(self.name, self.model, 0.0, 10, 10))

    def _sum_up(self, lines: Sequence[str]) -> list[str]:
        found: dict[str, list[str]] = {heading: [] for heading in HEADINGS}
        heading = ""
        for line in lines:
            if line.startswith("## "):
                heading = "## Voice (Anna)" if "Voice" in line else line
            elif line.startswith("- ") and heading in found:
                found[heading].append(line)
            elif match := _LINE.match(line):
                for heading, point in self._read(*match.groups(default="")):
                    found[heading].append(f"- {point}")
        points = [line for heading in found for line in (heading, *found[heading][:40])]
        return [*points, *MADE_UP]

    def _read(self, number: str, name: str, length: str, text: str) -> list[tuple[str, str]]:
        if fact := self.facts.get(text):
            return [(f"## {fact.kind.upper()}", f"{name}: {text} [#{number}]")]
        if not length:
            return []
        return [("## Voice (Anna)", f"{words.strip()} [#{number} {at}]")
                for at, words in _SPOKEN.findall(text)]  # fmt: skip


class TruthfulEngine(ScriptedTranscriber):
    """Transcribes the voice messages of a week, which it knows by their lengths."""

    def __init__(self, week: Week) -> None:
        super().__init__(TranscriberLimits(max_piece_s=180.0, target_piece_s=120.0))
        self.heard = [tell(clips) for clips in week.notes.values()]

    async def transcribe(self, audio: Audio, **options: Any) -> Transcript:
        await super().transcribe(audio, **options)
        stored = next(h for h in self.heard if abs(h.duration_s - audio.duration_s) < 0.005)
        return replace(stored, usage=Usage(self.name, self.model, audio.duration_s))


class WeekLoopback(Loopback):
    """A program whose platform serves the voice messages of a week."""

    def __init__(self, store: Store, week: Week, reader: Any) -> None:
        super().__init__(store, TruthfulEngine(week), answerer=reader)
        self.fetched: list[str] = []
        self.failing: set[str] = set()
        self.week = week
        self.platform.fetch = self.fetch  # type: ignore[method-assign]

    async def fetch(self, message: Message) -> bytes:
        attachment = message.attachment or (message.reply_to and message.reply_to.attachment)
        assert attachment
        self.fetched.append(attachment.file_id)
        if attachment.file_id in self.failing:
            raise EngineBusy("not now")
        return make_note(self.week.notes[attachment.file_id])

    async def live(self) -> None:
        """Send the messages of the week."""
        settings = ChatSettings(talk=TalkSettings(remember_days=30))
        await self.store.chats.save_settings(FORUM, settings)
        await self.store.memory.opt_out("test", OPTED_OUT, True)
        for event in self.week.events:
            if event.is_deletion:
                await self.inbox.forget(FORUM, event.message.message_id)
            else:
                await self.inbox.accept(event.message)


class Forum(Group):
    """The group, at the end of its week."""

    def __init__(self, loopback: WeekLoopback, reader: Reader) -> None:
        super().__init__(loopback, FORUM)
        self.reader, self.week = reader, loopback.week
        self._ids = count(900_000)

    def linked(self, reply: Reply) -> list[str]:
        """Return the ids that a reply links to, after checking that each may be seen."""
        kept = self.week.kept
        for link in reply.links:
            message = kept[link.message_id]
            assert link.thread_id == message.thread_id
            words = reply.text[link.start : link.end]
            assert words == "↗" or words.startswith(message.sender_name), words
        assert not any(words in reply.text for words in self.week.replaced)
        assert "Victor" not in reply.text
        return [link.message_id for link in reply.links]


END_AT, TOMORROW = BEGAN_AT - timedelta(seconds=30), BEGAN_AT + timedelta(days=1)
WEEK = make_week(END_AT, FORUM, count=250, notes=14)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the week, its voice messages transcribed."""
    home = tmp_path_factory.mktemp("week")

    async def fill() -> None:
        store = open_store(home)
        loopback = WeekLoopback(store, WEEK, Reader(WEEK))
        await loopback.live()
        async with loopback.running():
            await loopback.settle()
        await store.close()

    asyncio.run(fill())
    return home


@pytest.fixture
async def group(lived: Path, tmp_path: Path) -> AsyncIterator[Forum]:
    home = tmp_path / "home"
    shutil.copytree(lived, home)
    store, reader = open_store(home), Reader(WEEK)
    loopback = WeekLoopback(store, WEEK, reader)
    async with loopback.running():
        yield Forum(loopback, reader)
    await store.close()


async def test_every_fact_of_the_week_links_to_its_message(group: Forum) -> None:
    reply = await group.ask("summary everything long")
    assert set(group.linked(reply)) <= set(group.week.kept)
    assert len(group.reader.asked) > 2, "parts, and then together"
    for fact in group.reader.facts.values():
        assert fact.text in reply.text
        after = reply.text.index(fact.text) + len(fact.text)
        [link] = [link for link in reply.links if link.start == after + 1]
        assert link.message_id == fact.message_id
    assert "59:59" not in reply.text and "evil.example" not in reply.text
    assert "@all" not in reply.text and "/stop" not in reply.text, "nothing that pings or acts"


async def test_range_by_message_count_or_topic(group: Forum) -> None:
    newest = sorted(group.week.kept.values(), key=lambda m: m.sent_at)[-150:]
    reply = await group.ask("summary from here", reply_to=QuotedMessage(newest[0].message_id))
    assert "· 150 messages, " in reply.text
    assert set(group.linked(reply)) <= {message.message_id for message in newest}
    topic = {key for key, message in group.week.kept.items() if message.thread_id == "3"}
    reply = await group.ask("summary this topic everything", thread_id="3")
    assert f"· {len(topic)} messages, " in reply.text
    assert set(group.linked(reply)) <= topic


async def test_unread_means_after_the_last_summary(group: Forum) -> None:
    assert " messages, " in (await group.ask("summary unread")).text
    assert "There are no stored messages" in (await group.ask("summary unread")).text
    news = await group.say("I book the hall by Friday and pay the deposit.", BEN)
    reply = await group.ask("summary since I last read")
    assert "· 1 message, 1 person" in reply.text
    assert next(link.message_id for link in reply.links) == news.message_id
    # Another person has not read it.
    other = await group.ask("summary unread", sender_id=EVE)
    assert "1 message," not in other.text


async def test_voice_messages_are_summarised_with_true_positions(group: Forum) -> None:
    reply = await group.ask("summary 3 days long")
    truth: dict[str, list[float]] = {}
    for fact in group.week.facts:
        if fact.second is not None:
            truth.setdefault(fact.message_id, []).append(fact.second)
    spoken = [link for link in reply.links if ":" in reply.text[link.start : link.end]]
    assert len(spoken) > 10
    for link in spoken:
        clock = reply.text[link.start : link.end].rpartition(" ")[2]
        minutes, seconds = clock.split(":")
        said_at = int(minutes) * 60 + int(seconds)
        assert min(abs(said_at - second) for second in truth[link.message_id]) <= 2
    assert 1 <= len([b for b in reply.buttons if b.command == "replay"]) <= 6


@pytest.mark.parametrize("step", [0, 2])
async def test_failure_at_any_step_repeats_no_call(group: Forum, step: int) -> None:
    group.reader.failures = [None] * step + [EngineBusy("now", retry_after_s=30)]
    sent = len(group.loopback.platform.sent)
    assert " messages, " in (await group.ask("summary everything")).text
    asked = [repr(question) for question in group.reader.asked]
    again = {text for text in asked if asked.count(text) > 1}
    assert len(asked) - len(set(asked)) == len(again) <= 1, "only what failed is asked again"
    assert len(group.loopback.platform.sent) == sent + 1


async def test_untranscribed_voice_messages_are_transcribed_or_listed(tmp_path: Path) -> None:
    week = make_week(END_AT, FORUM, count=100, notes=12, seed=9)
    store, reader = open_store(tmp_path), Reader(week)
    loopback = WeekLoopback(store, week, reader)
    await loopback.live()
    await store.jobs.cancel_chat(FORUM)
    notes = [m for m in week.kept.values() if m.attachment]
    unheard = notes[0].attachment
    assert unheard
    loopback.failing.add(unheard.file_id)
    group = Forum(loopback, reader)
    async with loopback.running():
        reply = await group.ask("summary everything long")
        assert "These voice messages could not be transcribed: " in reply.text
        assert notes[0].message_id in [link.message_id for link in reply.links]
        assert set(loopback.fetched) == {m.attachment.file_id for m in notes if m.attachment}
        loopback.failing.clear()
        loopback.fetched.clear()
        assert "could not be transcribed" not in (await group.ask("summary everything long")).text
        assert loopback.fetched == [unheard.file_id]
    await store.close()


async def test_private_summary_plays_recordings_of_the_group(group: Forum) -> None:
    offer = await group.ask("summary me 2 days")
    assert not offer.links and not group.reader.asked, "nothing is told in the group"
    private: dict[str, Any] = {"chat": Chat("test", "1", ADA), "is_private": True}
    reply = await group.press(offer, offer.buttons[0].label, **private)
    play = next(button.label for button in reply.buttons if button.command == "replay")
    assert (await group.press(reply, play, **private)).files


async def test_spoken_summary_has_several_voices_and_a_minute_at_most(group: Forum) -> None:
    reply = await group.ask("summary 2 days voice")
    [file] = reply.files
    assert file.mime == "audio/ogg" and 1 < (file.duration_s or 0) <= 60
    voices = {u.text: u.voice for u in group.loopback.synthesizer.utterances}
    assert voices["This was the week."] == "Mia"
    assert voices["I said so."] == voices["So did I."] == "白桦"


async def test_times_are_in_the_chats_time_zone(group: Forum) -> None:
    tokyo = DigestSchedule("s1", FORUM, "09:00", "Asia/Tokyo", False, None, False, "en", TOMORROW)
    await group.loopback.store.schedules.add(tokyo)
    reply = await group.ask("summary 20 messages")
    first = sorted(group.week.kept.values(), key=lambda m: m.sent_at)[-20]
    local = first.sent_at.astimezone(ZoneInfo("Asia/Tokyo"))
    assert reply.text.startswith(f"{local:%Y-%m-%d %H:%M}")
    assert f" {local:%H:%M} " in group.reader.asked[0].turns[0].text
