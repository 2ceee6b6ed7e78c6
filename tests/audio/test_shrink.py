"""Audio that is too large is encoded smaller and in parts, without loss of content."""

from __future__ import annotations

import pytest

from core.audio import shrink
from core.errors import BadAudio
from tests.emulators.mimo import tones
from tests.support import audio_samples

WORDS = range(12)


def test_audio_is_encoded_in_fewer_bytes() -> None:
    recording = tones.make_recording(WORDS)
    [part] = shrink(recording, 10 << 20)
    assert part.mime == "audio/ogg" and part.data.startswith(b"OggS")
    assert len(part.data) < len(recording) / 5
    assert part.duration_s == pytest.approx(12.0, abs=0.05)
    words = tones.read_words(audio_samples.decode(part.data))
    assert [word.number for word in words] == [*WORDS]


def test_parts_keep_the_limit_and_lose_nothing() -> None:
    recording = tones.make_recording(WORDS)
    found = shrink(recording, 28_000)
    assert len(found) == 2
    assert max(len(part.data) for part in found) <= 28_000
    assert sum(part.duration_s for part in found) == pytest.approx(12.0, abs=0.1)
    pcm = b"".join(audio_samples.decode(part.data) for part in found)
    numbers = [word.number for word in tones.read_words(pcm)]
    assert numbers.count(None) <= 4, "words in which a part ends"
    assert len({*numbers} - {None}) >= len(WORDS) - 2
    again = shrink(recording, 28_000)
    assert [(s.duration_s, len(s.data)) for s in again] == [
        (s.duration_s, len(s.data)) for s in found
    ]


def test_damaged_files_are_refused() -> None:
    with pytest.raises(BadAudio):
        shrink(b"OggS" + bytes(1000), 100)
