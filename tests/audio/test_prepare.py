"""Preparation of whole recordings for an answering engine: unchanged if possible."""

from __future__ import annotations

import pytest

from core.audio import Media, refusals
from core.errors import BadAudio, TooLong
from core.interfaces import AnswererLimits
from tests.audio.bad_inputs import TABLE, chained
from tests.support.audio_samples import decode, file, speech

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: What MiMo takes.
MIMO = AnswererLimits(
    formats=("audio/mpeg", "audio/wav", "audio/flac", "audio/mp4", "audio/ogg"),
    max_bytes=37_500_000,
)
#: What is sent as it came, and what it is called then.
AS_IT_IS = {
    **{"ogg-opus": "audio/ogg", "ogg-vorbis": "audio/ogg", "mp3": "audio/mpeg"},
    **{"m4a": "audio/mp4", "m4a-fragmented": "audio/mp4", "flac": "audio/flac"},
    **dict.fromkeys(("wav", "wav-8", "wav-24", "wav-32", "wav-192k"), "audio/wav"),
}
#: Rows of the table of bad inputs in which nothing can be heard.
SILENT = ("21 AMR-WB", "37 10 ms", "37 one sample", "39 30 s of opus that claim 10 h")
#: One row of each way in which `prepare` may end: it reads as `pieces` does.
CHOSEN = (
    *("1 nothing", "2 text", "3 header only, ogg", "4 half an mp3", "5 ogg with a bad page"),
    *("6 chained, then stereo", "8 opus, 255 channels", "11 mp3, wrong Xing length"),
    *("13 wav, size 0xFFFFFFFF", "25 flac, 10 h of silence", "31 round video"),
    *("33 video without sound", "43 encrypted m4a", "44 two sound tracks", *SILENT),
)


@pytest.mark.parametrize("kind", [*AS_IT_IS, "aac", "amr", "mp4-opus", "rf64", "wav-mulaw"])
async def test_accepted_files_are_not_encoded_again(media: Media, kind: str) -> None:
    data = file(kind)
    audio = await media.prepare(data, MIMO)
    assert audio.duration_s == pytest.approx(3.0, abs=0.06)
    if kind in AS_IT_IS:
        assert (audio.mime, audio.data == data) == (AS_IT_IS[kind], True)
    else:
        assert audio.mime == "audio/mpeg"
        assert len(decode(audio.data)) == pytest.approx(len(decode(data)), rel=0.05)


@pytest.mark.parametrize("name", CHOSEN)
async def test_bad_input(media: Media, name: str) -> None:
    """Files that transcription refuses are refused here; the result can be decoded completely."""
    make, expected = TABLE[name]
    data = make()
    if name in SILENT:
        expected = refusals.SILENT
    if isinstance(expected, float):
        audio = await media.prepare(data, MIMO)
        length = pytest.approx(expected, rel=0.25 if name.startswith("4") else 0.03, abs=0.05)
        assert audio.duration_s == length
        if audio.data != data:
            assert audio.mime == "audio/mpeg"
            assert len(decode(audio.data)) / 32_000 == pytest.approx(audio.duration_s, abs=0.2)
        assert audio.mime in MIMO.formats
    elif isinstance(expected, str):
        with pytest.raises(BadAudio) as refused:
            await media.prepare(data, MIMO)
        assert refused.value.user_text == expected
    else:
        with pytest.raises(TooLong):
            await media.prepare(data, MIMO)


@pytest.mark.finding(7)
@pytest.mark.parametrize("layout", ["mono", "stereo"])
async def test_a_chained_file_is_sent_as_a_single_one(media: Media, layout: str) -> None:
    """Engines may stop at the end of its first part."""
    audio = await media.prepare(chained(layout), MIMO)
    assert audio.mime == "audio/mpeg" and audio.duration_s == pytest.approx(6.0, abs=0.01)
    assert len(decode(audio.data)) / 32_000 == pytest.approx(6.0, abs=0.2)


async def test_damaged_files_are_encoded_again(media: Media) -> None:
    whole = file("mp3", speech(10))
    hurt = whole[:30_000] + bytes(3000) + whole[33_000:]
    audio = await media.prepare(hurt, MIMO)
    assert audio.data != hurt or len(decode(audio.data)) > 8 * 32_000


async def test_files_too_large_for_the_engine_are_shrunk(media: Media) -> None:
    data = file("wav", speech(10))
    limits = AnswererLimits(formats=("audio/mpeg", "audio/wav"), max_bytes=50_000)
    audio = await media.prepare(data, limits)
    assert audio.mime == "audio/mpeg" and 25_000 < len(audio.data) <= 50_000
    assert audio.duration_s == pytest.approx(10.0, abs=0.01)
    with pytest.raises(TooLong):
        await media.prepare(data, AnswererLimits(formats=("audio/mpeg",), max_bytes=10_000))


@pytest.mark.parametrize("mime", ["audio/ogg", "audio/wav", "audio/flac"])
async def test_files_are_converted_to_what_the_engine_accepts(media: Media, mime: str) -> None:
    limits = AnswererLimits(formats=(mime,), max_bytes=10**7)
    audio = await media.prepare(file("mp3"), limits)
    assert audio.mime == mime
    again = await media.prepare(audio.data, limits)
    assert again.data == audio.data
