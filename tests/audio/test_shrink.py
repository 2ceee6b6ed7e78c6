"""Sound that is too large: smaller, in parts, and nothing of it is lost."""

from __future__ import annotations

import pytest

from core.audio import shrink
from core.errors import BadAudio
from tests.emulators.mimo import tones
from tests.support import sounds

WORDS = range(12)


def test_sound_is_the_same_in_fewer_bytes() -> None:
    recording = tones.make_recording(WORDS)
    [sound] = shrink(recording, 10 << 20)
    assert sound.mime == "audio/ogg" and sound.data.startswith(b"OggS")
    assert len(sound.data) < len(recording) / 5
    assert sound.duration_s == pytest.approx(12.0, abs=0.05)
    heard = tones.read_words(sounds.decode(sound.data))
    assert [word.number for word in heard] == [*WORDS]


def test_parts_keep_the_limit_and_lose_nothing() -> None:
    recording = tones.make_recording(WORDS)
    found = shrink(recording, 28_000)
    assert len(found) == 2
    assert max(len(sound.data) for sound in found) <= 28_000
    assert sum(sound.duration_s for sound in found) == pytest.approx(12.0, abs=0.1)
    pcm = b"".join(sounds.decode(sound.data) for sound in found)
    numbers = [word.number for word in tones.read_words(pcm)]
    assert numbers.count(None) <= 4, "words in which a part ends"
    assert len({*numbers} - {None}) >= len(WORDS) - 2
    again = shrink(recording, 28_000)
    assert [(s.duration_s, len(s.data)) for s in again] == [
        (s.duration_s, len(s.data)) for s in found
    ]


def test_what_is_no_sound_is_refused() -> None:
    with pytest.raises(BadAudio):
        shrink(b"OggS" + bytes(1000), 100)
