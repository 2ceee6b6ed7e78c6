"""L7: transcripts of many parts, in every kind of writing."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from bots.common.chat import count_units
from core.audio import Media
from tests.chaos.load.systems import UNLIMITED, System
from tests.chaos.notes import set_transcript
from tests.chaos.report import add_table
from tests.emulators.telegram import Message
from tests.support import audio_samples

pytestmark = [pytest.mark.chaos, pytest.mark.real_time, pytest.mark.long]

MAX_UNITS = 4096
#: The last characters of different kinds of writing.
WRITINGS = {
    "Latin": "abcdefghijklmnopqrstuvwxyzäöüß",
    "emoji": "😀🎉🚀🌍🐍🍎💡🔥🎵🏠👍🏽",
    "Chinese": "的一是不了人我在有他这中大来上国个到说们",
    "Arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
}


@pytest.fixture
async def media() -> AsyncIterator[Media]:
    """Decoding as in the program, to get the bytes that the speech service receives."""
    media = Media(workers=1)
    yield media
    await media.close()


def write(chars: int) -> str:
    """Return a text of words in all kinds of writing in turn."""
    words, length = list[str](), 0
    while length < chars:
        letters = list(WRITINGS.values())[len(words) % len(WRITINGS)]
        words.append("".join(random.choices(letters, k=6)))
        length += len(words[-1]) + 1
    return " ".join(words)[:chars]


async def say(system: System, media: Media, text: str, seconds: float) -> int:
    """Send a recording whose transcript is this text; return whose it is."""
    options = {"application": "voip", "compression_level": "0"}
    spoken = audio_samples.speech(seconds)
    sound = audio_samples.encode(spoken, "ogg", "libopus", rate=48_000, options=options)
    await set_transcript(system.mimo, media, sound, text)
    ann = system.telegram.add_user("Ann")
    system.telegram.send_audio(ann, ann, sound, duration=int(seconds))
    return ann


def squeeze(text: str) -> str:
    """Return a text without space: where a text is cut, space is lost."""
    return "".join(text.split())


def check_fit(answers: list[Message]) -> None:
    """Check that each message is as long as Telegram allows, and that they came in order."""
    assert all(0 < count_units(one.text) <= MAX_UNITS for one in answers)
    assert all(one.message_id < other.message_id for one, other in pairwise(answers))


async def test_a_hundred_thousand_characters_become_a_file(system: System, media: Media) -> None:
    random.seed(7)
    text = write(100_000)
    system.overrides |= UNLIMITED
    await system.start()
    ann = await say(system, media, text, 1500.0)
    assert await system.settle(1, 300) == {"done": 1}
    beginning, last = answers = system.telegram.replies(ann)
    check_fit([beginning])
    assert last.file is not None and squeeze(last.file.data.decode()) == squeeze(text)
    assert squeeze(text).startswith(squeeze(beginning.text.rstrip(" …")))
    row = len(text), len(system.mimo.billed), len(answers), len(last.file.data)
    head = "characters", "calls", "messages", "bytes of the file"
    add_table(f"{system.title}: a very long transcript", head, [row])


async def test_parts_go_on_in_order_after_a_kill(system: System, media: Media) -> None:
    random.seed(8)
    text = write(12_000)
    usual = system.overrides | UNLIMITED
    system.overrides = usual | {"kill_at": "S10 between parts"}
    await system.start()
    ann = await say(system, media, text, 100.0)
    await system.wait_for_kill()
    shown = len(system.telegram.replies(ann))
    system.overrides = usual
    await system.start()
    assert await system.settle(1, 120) == {"done": 1}
    answers = system.telegram.replies(ann)
    check_fit(answers)
    assert squeeze("".join(one.text for one in answers)) == squeeze(text)
    row = len(text), len(answers), shown, len(system.mimo.billed)
    head = "characters", "parts", "parts before the kill", "calls"
    add_table(f"{system.title}: killed between the parts of a reply", head, [row])
