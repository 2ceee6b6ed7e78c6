"""What people may send: each ends in one clear sentence or in the sound that can be read.

One table. A row is a name, the bytes, and what is expected: a sentence of `refusals`, TooLong,
or the length in seconds. All of it goes through the whole program in `tests.acceptance`; here
are one row of each kind, the memory that they take, and what no program would show.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import struct
import threading
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from io import BytesIO
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from core.audio import Media, MediaLimits, Piece, refusals
from core.errors import BadAudio, TooLong
from core.interfaces import TranscriberLimits
from tests.support import sounds
from tests.support.sounds import encode, file, silent_opus, speech, wav

pytestmark = pytest.mark.asyncio(loop_scope="module")

EMPTY, UNKNOWN, NO_SOUND = refusals.EMPTY, refusals.UNKNOWN, refusals.NO_SOUND
ODD, DAMAGED, PROTECTED = refusals.ODD, refusals.DAMAGED, refusals.PROTECTED
Expected = str | float | type[TooLong]


def chained() -> bytes:
    return file("ogg-opus") + encode(speech(3), "ogg", "libopus", rate=48_000)


def chained_stereo() -> bytes:
    stereo = encode(speech(3), "ogg", "libopus", rate=48_000, layout="stereo")
    return file("ogg-opus") + stereo


def bad_crc() -> bytes:
    pages = sounds.ogg_pages(file("ogg-opus", speech(9)))
    hurt = [page[:22] + b"\0\0\0\0" + page[26:] if i == 4 else page for i, page in enumerate(pages)]
    return b"".join(hurt)


def cover(size: int) -> bytes:
    return sounds.id3(sounds.id3_frame(b"APIC", b"\0image/jpeg\0\3\0" + bytes(size)))


def many_id3_frames(count: int) -> bytes:
    frame = sounds.id3_frame(b"TXXX", b"\0key\0value")
    return sounds.id3(frame * count) + file("mp3")


def xing_lies() -> bytes:
    data = bytearray(file("mp3"))
    at = data.index(b"Info") if b"Info" in data else data.index(b"Xing")
    data[at + 8 : at + 12] = (2**31).to_bytes(4, "big")
    return bytes(data)


def free_bitrate() -> bytes:
    data = bytearray(file("mp3"))
    for match in list(re.finditer(b"\xff\xfb", bytes(data))):
        data[match.end()] &= 0x0F
    return bytes(data)


def floats(*values: float) -> bytes:
    return wav(struct.pack(f"<{len(values)}f", *values) * 4000, bits=32, tag=3)


def polyglot() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("evil.sh", "rm -rf /")
    return file("mp3") + out.getvalue()


def zipped() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.ogg", file("ogg-opus"))
    return out.getvalue()


def no_channels() -> bytes:
    return wav(speech(1), channels=0)


def odd_opus(channels: int, family: int) -> bytes:
    return sounds.opus_with_head(sounds.opus_head(channels, family))


def amr_wb() -> bytes:
    return b"#!AMR-WB\n" + b"\x7c" * 100


def wma() -> bytes:
    return bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(5000)


def ape() -> bytes:
    return b"MAC \x96\x0f" + bytes(5000)


def round_video() -> bytes:
    return encode(speech(3), "mp4", "aac", rate=44_100, video=(384, 384))


def large_video() -> bytes:
    return encode(speech(3), "mp4", "aac", rate=44_100, video=(3840, 2160))


def webm_video() -> bytes:
    return encode(speech(3), "webm", "libopus", rate=48_000, video=(320, 240))


def only_video() -> bytes:
    return encode(b"", "mp4", "aac", video=(320, 240))


def two_languages() -> bytes:
    return encode(speech(3), "mp4", "aac", rate=44_100, copies=2)


def with_offset() -> bytes:
    return wav(sounds.pack(v * 3 + 9000 for v in sounds.unpack(speech(3))))


#: number and name, the bytes, what is expected
TABLE: dict[str, tuple[Callable[[], bytes], Expected]] = {
    "1 nothing": (lambda: b"", EMPTY),
    "2 one byte": (lambda: b"O", UNKNOWN),
    "2 zeros": (lambda: bytes(10_000), UNKNOWN),
    "2 random": (lambda: sounds.noise(1), UNKNOWN),
    "2 text": (lambda: b"hello, how are you? " * 50, UNKNOWN),
    "3 header only, ogg": (lambda: file("ogg-opus")[:4], DAMAGED),
    "3 header only, ogg page": (lambda: sounds.ogg_pages(file("ogg-opus"))[0], DAMAGED),
    "3 header only, wav": (lambda: file("wav")[:44], DAMAGED),
    "3 header only, flac": (lambda: file("flac")[:42], DAMAGED),
    "3 header only, m4a": (lambda: file("m4a")[:40], DAMAGED),
    "3 header only, webm": (lambda: file("webm")[:60], DAMAGED),
    "3 header only, id3": (lambda: b"ID3\x04\0\0\0\0\x7f\x7f", UNKNOWN),
    "4 half an ogg": (lambda: file("ogg-opus", speech(10))[:40_000], 5.0),
    "4 half an mp3": (lambda: file("mp3", speech(10))[:40_000], 5.0),
    "4 half a flac": (lambda: file("flac", speech(10))[:150_000], 5.0),
    "4 half a wav": (lambda: file("wav", speech(10))[:441_044], 5.0),
    "4 half a webm": (lambda: file("webm", speech(10))[:40_000], 5.0),
    "4 half an m4a, its index lost": (lambda: file("m4a", speech(10))[:40_000], DAMAGED),
    "5 ogg with a bad page": (bad_crc, 8.0),
    "6 chained": (chained, 6.0),
    "6 chained, then stereo": (chained_stereo, 3.0),
    "7 vorbis": (lambda: file("ogg-vorbis"), 3.0),
    "8 opus, 255 channels": (lambda: odd_opus(255, 255), ODD),
    "8 opus, 0 channels": (lambda: odd_opus(0, 0), ODD),
    "8 opus, 9 channels": (lambda: odd_opus(9, 255), ODD),
    "9 webm with video": (webm_video, 3.0),
    "10 mp3 with a cover of 10 MB": (lambda: cover(10_000_000) + file("mp3"), 3.0),
    "10 mp3, 200,000 tags": (lambda: many_id3_frames(200_000), 3.0),
    "10 only a tag": (lambda: cover(100_000), UNKNOWN),
    "10 tags in tags": (lambda: cover(100) * 1000 + file("mp3"), 3.0),
    "11 mp3, wrong Xing length": (xing_lies, 3.0),
    "12 mp3, free bit rate": (free_bitrate, DAMAGED),
    "13 wav, size 0xFFFFFFFF": (lambda: wav(speech(3), data_size=0xFFFFFFFF), 3.0),
    "13 wav, size 0x7FFFFFFF": (lambda: wav(speech(3), data_size=0x7FFFFFFF), 3.0),
    "14 wav, size 0": (lambda: wav(speech(3), data_size=0, riff_size=0), 3.0),
    "15 floats NaN": (lambda: floats(float("nan")), 0.25),
    "15 floats Inf": (lambda: floats(float("inf"), -float("inf"), 1e38, 0.1), 1.0),
    "16 wav, 24 bits": (lambda: file("wav-24"), 3.0),
    "16 wav, 8 bits": (lambda: file("wav-8"), 3.0),
    "16 wav, µ-law": (lambda: file("wav-mulaw"), 3.0),
    "16 wav, ADPCM": (lambda: file("wav-adpcm"), 3.05),
    "16 wav, 0 bits": (lambda: wav(speech(1), bits=0), ODD),
    "16 wav, unknown tag": (lambda: wav(speech(1), tag=0x4242), ODD),
    "17 wav, 192 kHz": (lambda: file("wav-192k"), 3.0),
    "17 wav, 400 kHz": (lambda: wav(speech(3), rate=400_000), ODD),
    "18 wav, 1 Hz": (lambda: wav(speech(3), rate=1), ODD),
    "18 wav, 0 Hz": (lambda: wav(speech(3), rate=0), DAMAGED),
    "18 flac, 1 Hz": (lambda: sounds.silent_flac(2, rate=1), ODD),
    "18 flac, 2 Hz": (lambda: sounds.silent_flac(2, rate=2), ODD),
    "19 wav, 0 channels": (no_channels, ODD),
    "19 wav, 255 channels": (lambda: wav(speech(3), channels=255), ODD),
    "20 RF64": (lambda: file("rf64"), 3.0),
    "20 W64": (lambda: file("w64"), 3.0),
    "21 AIFF": (lambda: file("aiff"), 3.0),
    "21 CAF": (lambda: file("caf"), 3.0),
    "21 AMR": (lambda: file("amr"), 3.0),
    "21 AMR-WB": (amr_wb, 2.0),
    "21 3GP": (lambda: file("3gp"), 3.0),
    "21 WMA": (wma, UNKNOWN),
    "21 APE": (ape, UNKNOWN),
    "22 m4a, index at the end": (lambda: file("m4a"), 3.0),
    "23 m4a, fragmented": (lambda: file("m4a-fragmented"), 3.04),
    "25 flac, 10 h of silence": (lambda: sounds.silent_flac(26_000), TooLong),
    "25 flac, 5 minutes of 8 channels": (lambda: sounds.silent_flac(220, channels=8), 300.4),
    "28 SVG": (lambda: b'<svg><image href="file:///etc/passwd"/></svg>', UNKNOWN),
    "28 PDF": (lambda: b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n" * 20, UNKNOWN),
    "28 ZIP": (zipped, UNKNOWN),
    "28 HTML": (lambda: b"<!doctype html><title>x</title>" + b"<p>" * 1000, UNKNOWN),
    "28 EXE": (lambda: b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0" + bytes(2000), UNKNOWN),
    "28 ELF": (lambda: Path("/proc/self/exe").read_bytes()[:100_000], UNKNOWN),
    "29 mp3 and ZIP": (polyglot, 3.0),
    "30 JPEG": (lambda: b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + bytes(500), UNKNOWN),
    "30 PNG": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(500), UNKNOWN),
    "30 GIF": (lambda: b"GIF89a" + bytes(500), UNKNOWN),
    "31 round video": (round_video, 3.0),
    "32 video of 4K": (large_video, 3.0),
    "33 video without sound": (only_video, NO_SOUND),
    "34 silence": (lambda: file("ogg-opus", sounds.silence(60)), 60.0),
    "37 10 ms": (lambda: wav(speech(0.01)), 0.01),
    "37 one sample": (lambda: wav(b"\1\0"), 0.0),
    "37 no sample": (lambda: wav(b""), NO_SOUND),
    "38 10 h of silent opus": (lambda: silent_opus(10), TooLong),
    "39 30 s of opus that claim 10 h": (lambda: silent_opus(1 / 120, 36_000.0), 30.0),
    "43 encrypted m4a": (sounds.encrypted_m4a, PROTECTED),
    "44 two sound tracks": (two_languages, 3.0),
    "45 clipped, with offset": (with_offset, 3.0),
    "46 ultrasound": (lambda: encode(sounds.tone(3, 7000), "wav", "pcm_s16le"), 3.0),
}  # fmt: skip


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
        assert too_long.value.values == {"hours": "2"}
    assert peak_rss_bytes() < 150 * 2**20


def peak_rss_bytes() -> int:
    peaks = []
    for child in psutil.Process().children():
        if "core.audio.worker" not in child.cmdline():
            continue  # another file's
        status = Path(f"/proc/{child.pid}/status").read_text()
        peaks.append(int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024)
    return max(peaks)


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
    """Each file ends in a sentence or in sound; the children live on."""
    draw = random.Random(20)
    seeds = [file(kind, speech(1)) for kind in sounds.KINDS]
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


async def test_length_is_counted_not_believed(small: Media) -> None:
    """Ten minutes that claim five seconds end at the limit, and silence costs no call."""
    found: list[Piece] = []
    with pytest.raises(TooLong) as refused:
        async for piece in small.pieces(silent_opus(1 / 6, 5.0), TranscriberLimits()):
            found.append(piece)
    assert refused.value.values == {"hours": "0.03"}
    assert 50 < sum(piece.audio.duration_s for piece in found) <= 108
    assert not any(piece.has_speech for piece in found)


async def test_too_many_bytes(small: Media) -> None:
    data = wav(speech(3))
    assert await hear(small, data.ljust(3 * 2**20, b"\0"))
    with pytest.raises(TooLong) as refused:
        await hear(small, data.ljust(3 * 2**20 + 1, b"\0"))
    assert refused.value.values["megabytes"] == 3


async def test_comments_that_take_for_ever(tight: Media) -> None:
    """libav reads them in quadratic time inside C, where only the system can stop it."""
    with pytest.raises(BadAudio) as refused:
        await hear(tight, sounds.opus_comments(70_000))
    assert refused.value.user_text == refusals.GAVE_UP
    assert len(await hear(tight, file("ogg-opus"))) == 1


async def test_too_little_memory(tight: Media) -> None:
    with pytest.raises(BadAudio) as refused:
        await hear(tight, bytes(400 * 2**20))
    assert refused.value.user_text == refusals.GAVE_UP
    assert len(await hear(tight, file("ogg-opus"))) == 1


# --- files that point at other files or at the network --------------------------------------

CANARY = b"canary-7f3a91"


class Trap:
    """A listening socket that nobody should ever reach."""

    def __init__(self) -> None:
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/a.ts"
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                if connection.recv(4) == b"stop":
                    return
            self.connections += 1

    def close(self) -> None:
        with socket.create_connection(self._socket.getsockname()) as last:
            last.sendall(b"stop")
        self._thread.join()
        self._socket.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


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


async def test_nothing_points_outside(media: Media, trap: Trap, tmp_path: Path) -> None:
    canary = tmp_path / "canary.wav"
    canary.write_bytes(wav(CANARY * 1000))
    for url in (trap.url, f"file://{canary}", str(canary)):
        for name, data in pointers(url).items():
            # As they are, and behind a tag that is skipped.
            for disguised in (data, sounds.id3(b"") + data):
                with pytest.raises(BadAudio) as refused:
                    await hear(media, disguised)
                assert refused.value.user_text == UNKNOWN, name
    assert trap.connections == 0


async def test_mov_that_points_outside(media: Media, trap: Trap, tmp_path: Path) -> None:
    canary = tmp_path / "canary.wav"
    canary.write_bytes(wav(CANARY * 1000))
    for url in (trap.url, f"file://{canary}", str(canary)):
        try:
            pieces = await hear(media, sounds.mov_with_reference(url.encode()))
        except BadAudio:
            continue
        assert not any(CANARY in piece.audio.data for piece in pieces)
    assert trap.connections == 0


async def test_playlist_inside_a_container(media: Media, trap: Trap) -> None:
    """The bytes after a good start are never probed again."""
    hls = pointers(trap.url)["hls"]
    for start in (
        b"OggS",
        b"fLaC",
        b"RIFF\0\0\0\0WAVE",
        b"\0\0\0\x18ftypM4A ",
        b"\x1aE\xdf\xa3",
        b"\xff\xfb\x90\0",
    ):
        with pytest.raises(BadAudio):
            await hear(media, start + hls)
    assert trap.connections == 0
