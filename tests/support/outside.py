"""Files that refer to other files or to the network, and a trap for opened connections."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress


class Trap:
    """A listening socket that must not be reached."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/a.ts"

    @property
    def connections(self) -> int:
        """Number of connections since the last call; the kernel accepts them by itself."""
        count = 0
        with suppress(BlockingIOError):
            while True:
                self._socket.accept()[0].close()
                count += 1
        return count

    def close(self) -> None:
        self._socket.close()


def open_trap() -> Iterator[Trap]:
    """Yield a trap; use as `trap = pytest.fixture(open_trap)`."""
    trap = Trap()
    yield trap
    trap.close()


def make_pointers(url: str) -> dict[str, bytes]:
    """Return a file of each kind whose references libav follows, all to `url`."""
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
