"""Speech is encoded while it comes: each format leaves as soon as its codec has a frame."""

from __future__ import annotations

import pytest

from core.audio.outgoing import StreamEncoder
from tests.support.audio_samples import decode, speech

RATE_HZ, SECONDS = 24_000, 3.0
#: Samples that are fed at once.
STEP = RATE_HZ // 50


@pytest.mark.parametrize(
    ("format", "held_s"), [("mp3", 0.14), ("ogg", 0.12), ("aac", 0.14), ("flac", 0.2)]
)
def test_no_more_is_held_back_than_the_codec_needs(format: str, held_s: float) -> None:
    encoder, pcm = StreamEncoder(RATE_HZ, format, {"comment": "made"}), speech(SECONDS, RATE_HZ)
    starts = range(0, len(pcm), STEP * 2)
    parts = [encoder.feed(pcm[start : start + STEP * 2]) for start in starts]
    heard = [len(b"".join(parts[:count])) for count in range(1, len(parts) + 1)]
    # The head of an Opus file has no sound yet.
    first = next(number for number, size in enumerate(heard) if size > 300)
    assert first * STEP / RATE_HZ < held_s
    whole = b"".join([*parts, encoder.finish()])
    assert len(decode(whole)) / 32_000 == pytest.approx(SECONDS, abs=0.08)
