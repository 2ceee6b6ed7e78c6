"""Files that point at other files or at the network: nothing there is opened."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from core.audio import Media, refusals
from core.errors import BadAudio
from core.interfaces import TranscriberLimits
from tests.support import crafted, sounds

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = b"canary-7f3a91"


class Trap:
    """A listening socket that nobody should ever reach."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/a.ts"

    @property
    def connections(self) -> int:
        """How many came since it was asked last. The system has let them in by itself."""
        count = 0
        with suppress(BlockingIOError):
            while True:
                self._socket.accept()[0].close()
                count += 1
        return count

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


@pytest.fixture
def urls(trap: Trap, tmp_path: Path) -> tuple[str, ...]:
    """The trap's, and those of a file."""
    canary = tmp_path / "canary.wav"
    canary.write_bytes(sounds.wav(CANARY * 1000))
    return trap.url, f"file://{canary}", str(canary)


async def hear(media: Media, data: bytes) -> list[bytes]:
    return [piece.audio.data async for piece in media.pieces(data, TranscriberLimits())]


def pointers(url: str) -> dict[str, bytes]:
    """Files of every kind that libav follows, to `url`."""
    hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}\n#EXT-X-ENDLIST\n"
    mpd = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
        f"<Period><AdaptationSet mimeType='audio/mp4'><Representation id='1'><BaseURL>{url}"
        "</BaseURL></Representation></AdaptationSet></Period></MPD>"
    )
    sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    texts = {
        "hls": hls,
        "hls, subfile": hls.replace(url, f"subfile,,start,0,end,99,,:{url}"),
        "hls, concat": hls.replace(url, f"concat:{url}|{url}"),
        "hls, data": hls.replace(url, "data:audio/wav;base64,UklGRg=="),
        "ffconcat": f"ffconcat version 1.0\nfile '{url}'\n",
        "dash": mpd,
        "sdp": sdp + "m=audio 5004 RTP/AVP 0\r\n",
        "jspf": f'{{"playlist":{{"track":[{{"location":["{url}"]}}]}}}}',
        "xspf": f"<playlist><trackList><track><location>{url}</location></track></trackList>",
        "ram": f"{url}\n",
        "image": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}"/></svg>',
    }
    return {name: text.encode() for name, text in texts.items()}


async def test_nothing_points_outside(media: Media, trap: Trap, urls: tuple[str, ...]) -> None:
    for url in urls:
        for name, data in pointers(url).items():
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
    """The bytes after a good start are never probed again."""
    riff, mp4 = b"RIFF\0\0\0\0WAVE", b"\0\0\0\x18ftypM4A "
    for start in (b"OggS", b"fLaC", riff, mp4, b"\x1aE\xdf\xa3", b"\xff\xfb\x90\0"):
        with pytest.raises(BadAudio):
            await hear(media, start + pointers(trap.url)["hls"])
    assert trap.connections == 0
