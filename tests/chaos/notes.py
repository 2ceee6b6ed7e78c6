"""Voice notes with distinct content: real speech, then a number as tones."""

from __future__ import annotations

import asyncio
import io
import re
import wave
from dataclasses import replace
from functools import cache

from core.audio import Media
from core.engines.mimo.role import ASR_LIMITS
from tests.emulators.mimo import MimoServer, tones
from tests.emulators.telegram import TelegramServer
from tests.support import audio_samples

#: Person -> message id and number.
Notes = dict[int, tuple[int, int]]

_PAUSE = bytes(2 * 16_000 * 3 // 10)
_WORD = re.compile(r"\bw(\d+)\b")


@cache
def make_note(number: int) -> bytes:
    """Return an OGG/Opus note of about two seconds transcribed by the local MiMo as `w<number>`."""
    speech = audio_samples.decode(audio_samples.recording("cards-001.wav"))
    with wave.open(io.BytesIO(tones.make_recording([number], gap_s=0.2))) as file:
        word = file.readframes(file.getnframes())
    options = {"application": "voip", "compression_level": "0"}
    return audio_samples.encode(
        speech + _PAUSE + word, "ogg", "libopus", rate=48_000, options=options
    )


async def make_notes(numbers: range) -> dict[int, bytes]:
    """Return a note for each number."""
    return {number: await asyncio.to_thread(make_note, number) for number in numbers}


async def send_notes(telegram: TelegramServer, numbers: range) -> Notes:
    """Send one note from each of as many people."""
    notes = {}
    for number, sound in (await make_notes(numbers)).items():
        person = telegram.add_user(f"Person {number}")
        notes[person] = telegram.send_voice(person, person, sound, duration=2), number
    return notes


def read_number(text: str) -> int | None:
    """Return the number in a transcript."""
    found = _WORD.search(text)
    return int(found.group(1)) if found else None


async def read_sound(note: bytes) -> bytes:
    """Return the bytes that the engine receives for a note of one piece."""
    media = Media(workers=1)
    try:
        [audio] = [piece.audio.data async for piece in media.pieces(note, ASR_LIMITS)]
    finally:
        await media.close()
    return audio


async def set_transcript(mimo: MimoServer, media: Media, note: bytes, text: str) -> None:
    """Set the transcript of a recording, split evenly over its pieces."""
    # Of its calls at once, one is left to short recordings.
    limits = replace(ASR_LIMITS, concurrency=ASR_LIMITS.concurrency - 1)
    pieces = [piece.audio.data async for piece in media.pieces(note, limits)]
    size = -(-len(text) // len(pieces))
    for number, sound in enumerate(pieces):
        mimo.set_text(sound, text[number * size : (number + 1) * size])
