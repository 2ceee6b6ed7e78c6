"""Hand-made audio files that no encoder would write, with correct checksums."""

from __future__ import annotations

import struct
import zlib
from functools import cache

from tests.support.audio_samples import encode, file, speech


def _make_table(polynomial: int, bits: int) -> list[int]:
    top, mask, table = 1 << (bits - 1), (1 << bits) - 1, []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial) & mask if value & top else value << 1 & mask
        table.append(value)
    return table


_CRC16, _CRC8 = _make_table(0x8005, 16), _make_table(7, 8)
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _ogg_crc(data: bytes) -> int:
    """Return Ogg's checksum: zlib's with reversed bits, without initial and final inversion."""
    value = zlib.crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2)


def ogg_page(packets: list[bytes], *, index: int, granule: int, flags: int = 0) -> bytes:
    lacing = b"".join(b"\xff" * (len(p) // 255) + bytes([len(p) % 255]) for p in packets)
    assert len(lacing) <= 255
    head = struct.pack("<4sBBqIII", b"OggS", 0, flags, granule, 77, index, 0)
    page = head + bytes([len(lacing)]) + lacing + b"".join(packets)
    return page[:22] + struct.pack("<I", _ogg_crc(page)) + page[26:]


def ogg_pages(data: bytes) -> list[bytes]:
    """Return the pages of a file."""
    return [b"OggS" + page for page in data.split(b"OggS")[1:]]


def opus_head(channels: int = 1, family: int = 0) -> bytes:
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, channels, 312, 48_000, 0, family)
    return head + (bytes([channels, 0, *range(channels)]) if family else b"")


_OPUS_TAGS = b"OpusTags" + struct.pack("<I", 4) + b"test" + struct.pack("<I", 0)


@cache
def silent_opus(hours: float, claimed_s: float | None = None) -> bytes:
    """Return silence in packets of one byte, 120 ms each. claimed_s: length by the last page."""
    samples, packet = 5760, bytes([11 << 3 | 1])
    pages = [
        ogg_page([opus_head()], index=0, granule=0, flags=2),
        ogg_page([_OPUS_TAGS], index=1, granule=0),
    ]
    left, granule = int(hours * 3600 * 48_000 / samples), 0
    while left > 0:
        count = min(255, left)
        left, granule = left - count, granule + count * samples
        shown = granule if left or claimed_s is None else int(claimed_s * 48_000)
        flags = 0 if left else 4
        pages.append(ogg_page([packet] * count, index=len(pages), granule=shown, flags=flags))
    return b"".join(pages)


def opus_with_head(head: bytes) -> bytes:
    pages = [
        ogg_page([head], index=0, granule=0, flags=2),
        ogg_page([_OPUS_TAGS], index=1, granule=0),
        ogg_page([bytes([11 << 3])] * 100, index=2, granule=100 * 2880, flags=4),
    ]
    return b"".join(pages)


def opus_comments(count: int) -> bytes:
    """Return an Opus file whose comments take quadratic time in libav."""
    tags = b"OpusTags" + struct.pack("<I", 4) + b"test" + struct.pack("<I", count)
    tags += b"".join(struct.pack("<I", 8) + b"%06x=v" % index for index in range(count))
    pages, rest = [ogg_page([opus_head()], index=0, granule=0, flags=2)], tags
    while len(rest) > 255 * 255:
        head = struct.pack("<4sBBqIII", b"OggS", 0, len(pages) > 1, -1, 77, len(pages), 0)
        page = head + b"\xff" * 256 + rest[: 255 * 255]
        pages.append(page[:22] + struct.pack("<I", _ogg_crc(page)) + page[26:])
        rest = rest[255 * 255 :]
    pages.append(ogg_page([rest], index=len(pages), granule=0, flags=1))
    pages.append(ogg_page([b"\x58"] * 100, index=len(pages), granule=288_000, flags=4))
    return b"".join(pages)


def _utf8(value: int) -> bytes:
    """Return a FLAC frame number: UTF-8, extended beyond Unicode."""
    if value < 0x80:
        return bytes([value])
    length = 2 + sum(value >= limit for limit in (1 << 11, 1 << 16, 1 << 21, 1 << 26))
    tail = [0x80 | value >> 6 * i & 0x3F for i in reversed(range(length - 1))]
    return bytes([(0xFF00 >> length & 0xFF) | value >> 6 * (length - 1), *tail])


def _crc(table: list[int], bits: int, data: bytes) -> int:
    value = 0
    for byte in data:
        value = (value << 8 & (1 << bits) - 1) ^ table[value >> (bits - 8) ^ byte]
    return value


@cache
def silent_flac(frames: int, *, rate: int = 48_000, channels: int = 1) -> bytes:
    """Return silence in frames of 65,535 samples and about 14 bytes, compressed 4,000 to 1."""
    block = 65_535
    info = struct.pack(">HH", block, block) + bytes(6)
    numbers = rate << 44 | (channels - 1) << 41 | 15 << 36 | (frames * block) & (1 << 36) - 1
    out = [b"fLaC\x80\0\0\x22" + info + numbers.to_bytes(8, "big") + bytes(16)]
    for index in range(frames):
        head = b"\xff\xf8" + bytes([0x70, (channels - 1) << 4 | 8]) + _utf8(index)
        head += struct.pack(">H", block - 1)
        frame = head + bytes([_crc(_CRC8, 8, head)]) + bytes(3) * channels
        out.append(frame + struct.pack(">H", _crc(_CRC16, 16, frame)))
    return b"".join(out)


def id3(frames: bytes) -> bytes:
    size = bytes(len(frames) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frames


def id3_frame(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">I", len(body)) + b"\0\0" + body


def mov_with_reference(url: bytes) -> bytes:
    """Return a MOV file that refers to samples in another file."""
    data = bytearray(file("mov"))
    old = bytes.fromhex("0000000c") + b"url " + bytes.fromhex("00000001")
    at = data.rindex(old)
    new = struct.pack(">I", 12 + len(url) + 1) + b"url " + bytes(4) + url + b"\0"
    data[at : at + len(old)] = new
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        start = data.index(parent, data.rindex(b"moov")) - 4
        size = int.from_bytes(data[start : start + 4], "big") + len(new) - len(old)
        data[start : start + 4] = size.to_bytes(4, "big")
    return bytes(data)


def encrypted_m4a() -> bytes:
    keys = {"encryption_key": "00" * 15 + "01", "encryption_kid": "00" * 15 + "02"}
    return encode(
        speech(3), "mp4", "aac", rate=44_100, more={"encryption_scheme": "cenc-aes-ctr", **keys}
    )
