"""Files that point at other files or at the network, and who notices if such a thing is opened."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress


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


def open_trap() -> Iterator[Trap]:
    """A fixture: `trap = pytest.fixture(set_trap)`."""
    trap = Trap()
    yield trap
    trap.close()


def make_pointers(url: str) -> dict[str, bytes]:
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
