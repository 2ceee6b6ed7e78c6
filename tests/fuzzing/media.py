"""The media gate: what judges files from people before and after they are decoded elsewhere.

Decoding itself has a process and limits of its own; see `tests/audio/test_bad_inputs.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from core.audio import refusals
from core.audio.frames import (
    BYTES_PER_S,
    OVERHEAD_BYTES,
    PieceReader,
    read_converted,
    read_prepared,
)
from core.audio.sniff import find_links, sniff
from core.errors import BadAudio
from core.interfaces import AnswererLimits
from core.worker_process import Frame
from tests.support import audio_samples, crafted

_DEMUXERS = frozenset(
    {"ogg", "wav", "w64", "flac", "mov", "matroska", "aiff", "amr", "caf", "aac", "mp3"}
)
_TEXTS = {value for name, value in vars(refusals).items() if name.isupper()}
#: First bytes: a file of somebody, or what a worker says of one, as JSON.
_FILE, _FRAMES = b"f", b"w"
_LONGEST_S, _MOST_S = 60.0, 600.0
_LIMITS = AnswererLimits(formats=("audio/ogg",), max_bytes=1_000_000)
_PIECE: dict[str, Any] = {
    "start_s": 0.0,
    "duration_s": 59.5,
    "has_speech": True,
    "is_forced": False,
}
_PIECE |= {"pauses": [[1.0, 2.5]], "recording_s": 70.0}
_LAST = _PIECE | {"start_s": 59.5, "duration_s": 10.5, "is_last": True}


def seeds() -> Iterator[bytes]:
    voice = audio_samples.tone(0.2)
    yield from (_FILE + audio_samples.file(kind, voice)[:4000] for kind in audio_samples.KINDS)
    note = audio_samples.file("ogg-opus", voice)
    yield _FILE + note[:2000] + note[:2000]
    yield _FILE + crafted.opus_with_head(crafted.opus_head(2, 255))[:2000]
    yield _FILE + crafted.id3(crafted.id3_frame(b"TIT2", b"\0Title")) * 3 + b"\xff\xfb\x90\0" * 9
    yield _FILE + crafted.silent_flac(3)
    yield _FILE + b"#EXTM3U\n/etc/passwd\n"
    yield _FRAMES + json.dumps([[_PIECE, 400_000], [_LAST, 80_000]]).encode()
    yield _FRAMES + json.dumps([[{"mime": "audio/ogg", "duration_s": 3.0}, 9000]]).encode()
    yield _FRAMES + json.dumps([[{"duration_s": 3.0, "waveform": "00ff"}, 9000]]).encode()


def check(data: bytes) -> None:
    if data[:1] == _FRAMES:
        _check_frames(data[1:])
    else:
        _check_file(data[1:])


def _check_file(data: bytes) -> None:
    try:
        name, start = sniff(data)
    except BadAudio as error:
        assert error.user_text in _TEXTS
        return
    assert name in _DEMUXERS and 0 <= start < len(data)
    links = find_links(data[start:])
    assert links[0] == 0 and links == sorted(set(links))
    assert all(data[start + at : start + at + 4] == b"OggS" for at in links[1:])


def _check_frames(text: bytes) -> None:
    """Whatever a worker says, no more sound than a recording may have gets to an engine."""
    frames = [*_read_frames(text)]
    reader, end_s = PieceReader("mp3", _LONGEST_S, _MOST_S), 0.0
    with suppress(BadAudio):
        for number, frame in enumerate(frames):
            piece = reader.read(frame)
            assert piece.index == number and abs(piece.start_s - end_s) < 1
            assert 0 <= piece.audio.duration_s <= _LONGEST_S + 1
            most = piece.audio.duration_s * BYTES_PER_S["mp3"] + OVERHEAD_BYTES
            assert len(piece.audio.data) <= most
            end_s = piece.start_s + piece.audio.duration_s
    assert end_s <= _MOST_S + 1
    for frame in frames:
        with suppress(BadAudio):
            mime, duration_s = read_prepared(frame, _LIMITS, _MOST_S)
            assert mime.startswith("audio/") and 0 <= duration_s <= _MOST_S + 1
        with suppress(BadAudio):
            duration_s, waveform = read_converted(frame, _MOST_S)
            assert 0 <= duration_s <= _MOST_S + 1 and len(waveform) <= len(text)


def _read_frames(text: bytes) -> Iterator[Frame]:
    """Yield frames from pairs of a header and the length of its sound."""
    try:
        pairs = json.loads(text)
    except (ValueError, RecursionError):
        return
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], int):
            yield pair[0], bytes(max(0, min(pair[1], 2_000_000)))
