"""Bad inputs: one of each kind, their memory, random damage and decompression bombs."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from core.audio import Media, MediaLimits, Piece, refusals
from core.errors import BadAudio, TooLong
from core.interfaces import TranscriberLimits
from core.locale import Plural
from tests.audio.bad_inputs import TABLE
from tests.support import audio_samples, crafted
from tests.support.audio_samples import file, speech, wav

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: One row of each way to end, and those that take the most memory.
CHOSEN = (
    *("1 nothing", "2 random", "3 header only, flac", "4 half an mp3", "5 ogg with a bad page"),
    *("6 chained, then stereo", "8 opus, 255 channels", "10 mp3 with a cover of 10 MB"),
    *("10 mp3, 200,000 tags", "13 wav, size 0xFFFFFFFF", "15 floats NaN", "17 wav, 192 kHz"),
    *("18 flac, 1 Hz", "25 flac, 10 h of silence", "32 video of 4K", "33 video without sound"),
    *("37 one sample", "39 30 s of opus that claim 10 h", "43 encrypted m4a"),
)


async def hear(media: Media, data: bytes) -> list[Piece]:
    return [piece async for piece in media.pieces(data, TranscriberLimits())]


@pytest.mark.parametrize("name", CHOSEN)
async def test_bad_input(media: Media, name: str) -> None:
    make, expected = TABLE[name]
    data = make()
    if isinstance(expected, float):
        heard = sum(piece.audio.duration_s for piece in await hear(media, data))
        assert heard == pytest.approx(
            expected, rel=0.25 if name.startswith("4") else 0.03, abs=0.05
        )
    elif isinstance(expected, str):
        with pytest.raises(BadAudio) as refused:
            await hear(media, data)
        assert refused.value.user_text == expected
    else:
        with pytest.raises(TooLong) as too_long:
            await hear(media, data)
        assert too_long.value.values == {"limit": Plural("{count} hour", "{count} hours", 2)}
    assert peak_rss_bytes() < 150 * 2**20


def peak_rss_bytes() -> int:
    """Return the peak memory of the workers of this file."""
    mine = [c for c in psutil.Process().children() if "core.audio.worker" in c.cmdline()]
    statuses = [Path(f"/proc/{worker.pid}/status").read_text() for worker in mine]
    return max(int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024 for status in statuses)


def damage(data: bytes, draw: random.Random) -> bytes:
    hurt = bytearray(data)
    for _ in range(draw.choice([1, 3, 20, 200])):
        at = draw.randrange(len(hurt))
        match draw.randrange(5):
            case 0:
                hurt[at] = draw.randrange(256)
            case 1:
                hurt[at] ^= 1 << draw.randrange(8)
            case 2:
                del hurt[at : at + draw.randrange(1, 64)]
            case 3:
                hurt[at:at] = hurt[: draw.randrange(1, 64)]
            case 4:
                hurt[at : at + 4] = draw.choice([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"])
        hurt = hurt or bytearray(b"\0")
    return bytes(hurt)


async def test_random_damage(media: Media) -> None:
    """Each file gives an error text or audio; the workers survive."""
    draw = random.Random(20)
    seeds = [file(kind, speech(1)) for kind in audio_samples.KINDS]
    slots, results = asyncio.Semaphore(2), {"sound": 0, "refused": 0}

    async def one(data: bytes) -> None:
        async with slots:
            try:
                for piece in await hear(media, data):
                    assert piece.audio.duration_s < 600
                results["sound"] += 1
            except (BadAudio, TooLong):
                results["refused"] += 1

    await asyncio.gather(*(one(damage(draw.choice(seeds), draw)) for _ in range(80)))
    assert results["sound"] > 15 and results["refused"] > 5


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small() -> AsyncIterator[Media]:
    media = Media(workers=1, limits=MediaLimits(max_s=108, max_bytes=3 * 2**20))
    yield media
    await media.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tight() -> AsyncIterator[Media]:
    limits = MediaLimits(cpu_s=0.5, cpu_s_per_megabyte=0, memory_bytes=350 * 2**20, max_bytes=2**30)
    media = Media(workers=1, limits=limits)
    await media.warm_up()
    yield media
    await media.close()


async def test_claimed_length_is_not_trusted(small: Media) -> None:
    """Ten minutes that claim five seconds end at the limit, and silence costs no call."""
    found: list[Piece] = []
    with pytest.raises(TooLong) as refused:
        async for piece in small.pieces(crafted.silent_opus(1 / 6, 5.0), TranscriberLimits()):
            found.append(piece)
    assert refused.value.values == {"limit": Plural("{count} minute", "{count} minutes", 2)}
    assert 50 < sum(piece.audio.duration_s for piece in found) <= 108
    assert not any(piece.has_speech for piece in found)


async def test_too_many_bytes(small: Media) -> None:
    data = wav(speech(3))
    assert await hear(small, data.ljust(3 * 2**20, b"\0"))
    with pytest.raises(TooLong) as refused:
        await hear(small, data.ljust(3 * 2**20 + 1, b"\0"))
    assert refused.value.values["limit"] == 3


@pytest.mark.parametrize(
    "make", [lambda: crafted.opus_comments(70_000), lambda: bytes(400 * 2**20)]
)
async def test_files_that_take_forever_or_too_much(tight: Media, make: Callable[[], bytes]) -> None:
    """libav reads comments in quadratic time inside C, where only the system can stop it."""
    with pytest.raises(BadAudio) as refused:
        await hear(tight, make())
    assert refused.value.user_text == refusals.UNREADABLE
    assert len(await hear(tight, file("ogg-opus"))) == 1
