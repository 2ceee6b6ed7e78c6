"""Files that refer to other files or the network: none of those is opened."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from core.audio import Media, refusals
from core.errors import BadAudio
from core.interfaces import TranscriberLimits
from tests.support import audio_samples, crafted
from tests.support.outside import Trap, make_pointers, open_trap

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = b"canary-7f3a91"


trap = pytest.fixture(open_trap)


@pytest.fixture
def urls(trap: Trap, tmp_path: Path) -> tuple[str, ...]:
    """The trap's, and those of a file."""
    canary = tmp_path / "canary.wav"
    canary.write_bytes(audio_samples.wav(CANARY * 1000))
    return trap.url, f"file://{canary}", str(canary)


async def hear(media: Media, data: bytes) -> list[bytes]:
    return [piece.audio.data async for piece in media.pieces(data, TranscriberLimits())]


async def test_nothing_points_outside(media: Media, trap: Trap, urls: tuple[str, ...]) -> None:
    for url in urls:
        for name, data in make_pointers(url).items():
            # As they are, and behind a tag that is skipped.
            for disguised in (data, crafted.id3(b"") + data):
                with pytest.raises(BadAudio) as refused:
                    await hear(media, disguised)
                assert refused.value.user_text == refusals.UNKNOWN, name
    assert trap.connections == 0


async def test_mov_that_points_outside(media: Media, trap: Trap, urls: tuple[str, ...]) -> None:
    for url in urls:
        with suppress(BadAudio):
            pieces = await hear(media, crafted.mov_with_reference(url.encode()))
            assert not any(CANARY in data for data in pieces)
    assert trap.connections == 0


async def test_playlist_inside_a_container(media: Media, trap: Trap) -> None:
    """The bytes after a valid start are never probed again."""
    riff, mp4 = b"RIFF\0\0\0\0WAVE", b"\0\0\0\x18ftypM4A "
    for start in (b"OggS", b"fLaC", riff, mp4, b"\x1aE\xdf\xa3", b"\xff\xfb\x90\0"):
        with pytest.raises(BadAudio):
            await hear(media, start + make_pointers(trap.url)["hls"])
    assert trap.connections == 0
