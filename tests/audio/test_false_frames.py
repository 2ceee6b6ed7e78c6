"""A decoding process that a file has taken over says what is not so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from core.audio import Media, MediaLimits
from core.errors import BadAudio
from core.interfaces import AnswererLimits, TranscriberLimits
from tests.worker_process.conftest import Pool, tell

PIECE = {
    "start_s": 0.0,
    "duration_s": 40.0,
    "has_speech": True,
    "is_forced": False,
    "pauses": [[1.0, 2.0]],
    "recording_s": None,
}
#: Forty seconds of WAV take 1.28 MB.
WAV = 40 * 32_000
LIMITS = TranscriberLimits(max_piece_s=60.0, formats=("wav",))


@pytest.fixture
async def media() -> AsyncIterator[Media]:
    media = Media(workers=1, limits=MediaLimits(max_s=100.0))
    yield media
    await media.close()


async def take_over(media: Media, *frames: tuple[dict[str, Any], int]) -> None:
    """Let a process that says this take the place of the one that decodes."""
    await media._pool.close()
    media._pool = Pool(size=1, code=tell(*frames))


def follow(start_s: float, **changes: Any) -> dict[str, Any]:
    return {**PIECE, "start_s": start_s, **changes}


@pytest.mark.parametrize(
    ("frames", "good"),
    [
        ([(PIECE, WAV), (follow(40.0), WAV), (follow(80.0, duration_s=3.0), 9000)], 3),
        ([(PIECE, WAV), (follow(0.0), WAV)], 1),
        ([(follow(5.0), WAV)], 0),
        ([(PIECE, WAV), (follow(40.0), WAV), (follow(80.0), WAV)], 2),
        ([(follow(0.0, duration_s=90.0), WAV)], 0),
        ([(PIECE, 2 * WAV)], 0),
        ([(follow(0.0, duration_s=0.0), 0)] * 3, 1),
        ([(follow(0.0, duration_s=1.0), 9), (follow(1.0), 9)], 1),
        ([(follow(0.0, is_last=True), WAV), (follow(40.0), WAV)], 1),
        ([(follow(0.0, duration_s=-1.0), 0)], 0),
        ([(follow(0.0, duration_s=float("nan")), 0)], 0),
        ([(follow(0.0, duration_s="40"), 0)], 0),
        ([(follow(0.0, pauses=[[1.0]]), 0)], 0),
        ([(follow(0.0, has_speech="yes"), 0)], 0),
        ([(follow(0.0, more="x"), 0)], 0),
        ([({}, 0)], 0),
    ],
    ids=[
        "true", "the same again", "a gap", "more than the limit", "a long piece", "many bytes",
        "empty ones", "a short one first", "after the last", "negative", "no number", "a text",
        "half a pause", "no boolean", "another field", "nothing",
    ],
)  # fmt: skip
async def test_only_possible_pieces_are_believed(
    media: Media, frames: list[tuple[dict[str, Any], int]], good: int
) -> None:
    await take_over(media, *frames)
    seconds = []
    try:
        async with aclosing(media.pieces(b"recording", LIMITS)) as pieces:
            async for piece in pieces:
                seconds.append(piece.audio.duration_s)
        assert good == len(frames)
    except BadAudio:
        assert good < len(frames)
    assert len(seconds) == good and sum(seconds) <= 100.0


@pytest.mark.parametrize(
    ("info", "size"),
    [
        ({"mime": "text/html", "duration_s": 1.0}, 9),
        ({"mime": "audio/ogg", "duration_s": 1.0}, 101),
        ({"mime": "audio/ogg", "duration_s": 200.0}, 9),
        ({"mime": ["audio/ogg"], "duration_s": 1.0}, 9),
        ({"mime": "audio/ogg", "duration_s": 1.0}, 0),
    ],
    ids=["no audio", "too many bytes", "too long", "a list", "a file that is too large"],
)
async def test_only_a_possible_whole_is_believed(
    media: Media, info: dict[str, Any], size: int
) -> None:
    limits = AnswererLimits(formats=("audio/ogg",), max_bytes=100)
    await take_over(media, (info, size))
    with pytest.raises(BadAudio):
        await media.prepare(bytes(101), limits)
    await take_over(media, ({"mime": "audio/ogg", "duration_s": 1.0}, 100))
    assert (await media.prepare(bytes(101), limits)).mime == "audio/ogg"


@pytest.mark.parametrize(
    "changes", [{"duration_s": 1e9}, {"waveform": "zz"}, {"waveform": "00f"}, {"more": 1}]
)
async def test_only_possible_excerpts_are_believed(media: Media, changes: dict[str, Any]) -> None:
    for told, is_good in (({}, True), (changes, False)):
        info = {"duration_s": 2.0, "waveform": "00ff", **told}
        await take_over(media, (info, 9))
        try:
            assert (await media.excerpt(b"recording", 0.0, 2.0)).waveform == b"\0\xff"
            assert is_good
        except BadAudio:
            assert not is_good
