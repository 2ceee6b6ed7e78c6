"""Files up to the limit of the setting are decoded within the memory of a worker."""

from __future__ import annotations

import pytest

from core.audio import Media, MediaLimits
from core.errors import TooLong
from core.interfaces import TranscriberLimits
from tests.support.audio_samples import decode, file, silence, speech, wav


@pytest.mark.real_time
@pytest.mark.finding(8)
async def test_an_hour_of_wav_is_read_to_its_end() -> None:
    """16 kHz, mono: larger than the 50 MB that were the limit."""
    data = wav(silence(3590) + speech(10))
    media, ends, spoken = Media(workers=1), [], []
    async for piece in media.pieces(data, TranscriberLimits()):
        ends.append(piece.start_s + piece.audio.duration_s)
        spoken += [piece.start_s] if piece.has_speech else []
    await media.close()
    assert ends[-1] == 3600.0 and spoken[-1] > 3500


@pytest.mark.finding(8)
async def test_the_limit_is_that_of_the_setting() -> None:
    media = Media(workers=1, limits=MediaLimits(max_bytes=1_000_000))
    with pytest.raises(TooLong) as refused:
        await media.convert(wav(speech(35)), "wav")
    assert refused.value.values == {"limit": 1}
    short = await media.convert(file("ogg-opus"), "wav")
    assert len(decode(short.data)) == 96_000
    await media.close()
