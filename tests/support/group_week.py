"""A generated week of a forum group, with its ground truth, for tests of memory and summaries.

    week = make_week(end_at, count=500)

`count` messages of 12 people in three topics, in English, German and Chinese. Some are voice
notes, joined from the recordings of `tests/data/speech`; some are edited or deleted later; one
person has opted out. The same seed gives the same week.
"""

from __future__ import annotations

import io
import random
import wave
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Literal

from core.models import Attachment, Chat, Message, QuotedMessage, Segment, Transcript
from tests.support import audio_samples

RATE_HZ = 16_000
PEOPLE = (
    ("11", "Anna"), ("12", "Ben"), ("13", "Clara"), ("14", "David"), ("15", "Emma"),
    ("16", "Felix"), ("17", "Jonas"), ("18", "Laura"), ("19", "Mei"), ("20", "小明"),
    ("21", "小红"), ("22", "Victor"),
)  # fmt: skip
#: The person who has opted out.
OPTED_OUT = "22"
TOPICS = ("2", "3", "4")
#: File name -> transcript.
CLIPS = {
    "jfk.flac": "And so, my fellow Americans, ask not what your country can do for you, "
    "ask what you can do for your country.",
    "austen-0870.wav": "And Mr. John Dashwood had then leisure to consider how much there might "
    "be prudently in his power to do for them.",
    "sb_example1.wav": "The birch canoe slid on the smooth planks.",
    "sr_english.wav": "One, two, three.",
    "cards-001.wav": "Ten of clubs.",
    "sr_chinese.flac": "砸自己的脚。",
}

_THINGS = {
    "2": ("the hall", "the stage", "the lights", "the posters", "the raffle", "the drinks"),
    "3": ("die Küche", "das Dach", "die Fenster", "die Heizung", "den Keller", "die Tür"),
    "4": ("酒店", "火车票", "行程", "雨伞", "相机", "晚饭"),
}
_LINES = {
    "2": (
        "Has anybody looked at {thing} since {day}?", "I can take care of {thing} on {day}.",
        "{thing} costs {number} more than we thought.", "No news about {thing} yet.",
        "Let us talk about {thing} on {day}, I have {number} minutes.", "Fine with me.",
        "We need {number} people for {thing}.", "I sent the list for {thing} to everybody.",
    ),
    "3": (
        "Wer kümmert sich am {day} um {thing}?", "Für {thing} brauchen wir noch {number} Stunden.",
        "Ich habe {thing} ausgemessen, es fehlen {number} Zentimeter.", "Das passt so.",
        "Der Handwerker sieht sich {thing} am {day} an.",
        "Das Angebot für {thing} liegt bei {number}.",
        "Bitte {thing} bis {day} nicht anfassen.", "Ich bringe am {day} Werkzeug mit.",
    ),
    "4": (
        "{day}我们去看看{thing}吧。", "{thing}要{number}块钱，有点贵。", "我已经把{thing}订好了。",
        "谁负责{thing}？", "好的，没问题。", "{day}之前把{thing}定下来。",
        "我觉得{thing}可以再等等。",
        "还差{number}个人报名。",
    ),
}  # fmt: skip
_DAYS = {
    "2": ("Monday", "Thursday", "Sunday"),
    "3": ("Montag", "Freitag", "Sonntag"),
    "4": ("星期一", "星期三", "周末"),
}
Kind = Literal["decisions", "actions", "questions"]
#: What the summary of each topic must contain; sent once each, in this order.
_FACTS: dict[str, tuple[tuple[Kind, str], ...]] = {
    "2": (
        ("decisions", "We hold the spring fair on the fourteenth, rain or shine."),
        ("actions", "I book the hall by Friday and pay the deposit."),
        ("questions", "Who brings the generator for the stage?"),
    ),
    "3": (
        ("decisions", "Wir nehmen das Angebot mit den blauen Fliesen."),
        ("actions", "Ich rufe morgen den Elektriker an."),
        ("questions", "Wohin mit dem alten Kühlschrank?"),
    ),
    "4": (
        ("decisions", "我们决定坐早上八点的火车去杭州。"),
        ("actions", "我今晚把大家的火车票买好。"),
        ("questions", "谁可以照顾我家的猫？"),
    ),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A statement and its message."""

    kind: Kind | Literal["voice"]
    text: str
    message_id: str
    topic: str
    sender_id: str
    #: In a voice note: when it starts.
    second: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A message, an edit (the same id again) or a deletion."""

    at: datetime
    message: Message
    is_deletion: bool = False


@dataclass(slots=True)
class Week:
    """Events in order of time, and the ground truth."""

    events: list[Event] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    #: File id of a voice note -> its clips.
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: Ids of deleted messages.
    gone: set[str] = field(default_factory=set)
    #: Texts replaced by edits.
    replaced: set[str] = field(default_factory=set)

    @property
    def kept(self) -> dict[str, Message]:
        """The messages that may be remembered, in their newest form."""
        newest = {e.message.message_id: e.message for e in self.events if not e.is_deletion}
        return {
            key: message
            for key, message in newest.items()
            if key not in self.gone and message.sender_id != OPTED_OUT and not message.command
        }


def make_week(
    end_at: datetime, chat: Chat | None = None, *, count: int, notes: int = 60, seed: int = 4
) -> Week:
    """Return a week that ends at `end_at`."""
    writer = _Writer(random.Random(seed), chat or Chat("test", "1", "-100500"), end_at)
    return writer.write(count, notes)


class _Writer:
    def __init__(self, dice: random.Random, chat: Chat, end_at: datetime) -> None:
        self._dice, self._chat = dice, chat
        self._end_at = end_at.replace(microsecond=0)
        self._week = Week()
        self._last: dict[str, list[Message]] = {topic: [] for topic in TOPICS}
        self._orders: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._facts = {topic: list(_FACTS[topic]) for topic in TOPICS}

    def write(self, count: int, note_count: int) -> Week:
        moments = self._moments(count)
        notes = set(self._dice.sample(range(count), note_count))
        # Facts are spread over the week, the last ones on its last day.
        fact_numbers = sorted(self._dice.sample(range(count * 9 // 10), 6))
        fact_numbers += [count - 9, count - 6, count - 3]
        for number, at in enumerate(moments):
            topic = self._dice.choice(TOPICS)
            if number in fact_numbers:
                topic = TOPICS[fact_numbers.index(number) % 3]
            self._add(1000 + number, at, topic, (number in notes, number in fact_numbers))
        self._change()
        self._week.events.sort(key=lambda event: event.at)
        return self._week

    def _moments(self, count: int) -> list[datetime]:
        """Return the moments of the messages, in bursts."""
        start_at = self._end_at - timedelta(days=7)
        bursts = sorted(self._dice.random() for _ in range(count // 12))
        seconds: set[int] = set()
        while len(seconds) < count:
            burst = self._dice.choice(bursts) * 7 * 86_400
            seconds.add(int(min(burst + self._dice.expovariate(1 / 300), 7 * 86_400 - 60)))
        return [start_at + timedelta(seconds=second) for second in sorted(seconds)]

    def _add(self, number: int, at: datetime, topic: str, kinds: tuple[bool, bool]) -> None:
        is_note, is_fact = kinds
        sender_id, name = self._dice.choice(PEOPLE[:-1] if is_fact or is_note else PEOPLE)
        message = Message(
            chat=self._chat, message_id=str(number), sent_at=at, sender_id=sender_id,
            sender_name=name, thread_id=topic, is_private=False, language="en",
        )  # fmt: skip
        if self._last[topic] and self._dice.random() < 0.3:
            answered = self._dice.choice(self._last[topic][-8:])
            quoted = QuotedMessage(answered.message_id, answered.text, sender_id="")
            message = replace(message, reply_to=quoted)
        if is_fact:
            kind, text = self._facts[topic].pop(0)
            message = replace(message, text=text)
            self._week.facts.append(Fact(kind, text, str(number), topic, sender_id))
        elif is_note:
            message = self._add_note(message)
        elif self._dice.random() < 0.005:
            message = replace(message, command="help")
        else:
            message = replace(message, text=self._write_text(topic))
        self._last[topic].append(message)
        self._week.events.append(Event(at, message))

    def _write_text(self, topic: str) -> str:
        return self._dice.choice(_LINES[topic]).format(
            thing=self._dice.choice(_THINGS[topic]),
            day=self._dice.choice(_DAYS[topic]),
            number=self._dice.randint(2, 90),
        )

    def _add_note(self, message: Message) -> Message:
        clips = tuple(self._dice.choices(list(CLIPS), k=self._dice.randint(2, 5)))
        # Notes of one length have one text: the scripted engine recognises them by length.
        clips = self._orders.setdefault(tuple(sorted(clips)), clips)
        file_id = f"note-{message.message_id}"
        self._week.notes[file_id] = clips
        transcript = tell(clips)
        for segment in transcript.segments:
            self._week.facts.append(
                Fact("voice", segment.text, message.message_id, message.thread_id or "",
                     message.sender_id, segment.start_s)
            )  # fmt: skip
        return replace(message, attachment=Attachment(file_id, duration_s=transcript.duration_s))

    def _change(self) -> None:
        """Edit and delete some messages, voice notes among them."""
        facts = {fact.message_id for fact in self._week.facts if fact.kind != "voice"}
        plain = [
            e for e in self._week.events
            if e.message.text and not e.message.command and e.message.message_id not in facts
        ]  # fmt: skip
        chosen = self._dice.sample(plain, 70)
        for number, event in enumerate(chosen[:40]):
            before = f"draft {number} that was replaced"
            index = self._week.events.index(event)
            self._week.events[index] = replace(event, message=replace(event.message, text=before))
            at = min(event.at + timedelta(minutes=3), self._end_at)
            edited = replace(event.message, edit_id=f"{at.timestamp():.0f}")
            self._week.events.append(Event(at, edited))
            self._week.replaced.add(before)
        notes = [e for e in self._week.events if e.message.attachment]
        for event in (*chosen[40:], *self._dice.sample(notes, 3)):
            at = min(event.at + timedelta(minutes=5), self._end_at)
            self._week.events.append(Event(at, event.message, is_deletion=True))
            self._week.gone.add(event.message.message_id)


def tell(clips: Sequence[str], gap_s: float = 0.6) -> Transcript:
    """Return the transcript of a note of these clips, with exact times."""
    segments, start_s = [], 0.0
    for clip in clips:
        end_s = start_s + len(_pcm(clip)) / 2 / RATE_HZ
        segments.append(Segment(start_s, end_s, CLIPS[clip]))
        start_s = end_s + gap_s
    text = " ".join(segment.text for segment in segments)
    return Transcript(text, tuple(segments), start_s)


def make_note(clips: Sequence[str], gap_s: float = 0.6) -> bytes:
    """Return the audio of a note as WAV."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        for clip in clips:
            file.writeframes(_pcm(clip) + bytes(int(gap_s * RATE_HZ) * 2))
    return out.getvalue()


@cache
def _pcm(clip: str) -> bytes:
    return audio_samples.decode(audio_samples.recording(clip), RATE_HZ)
