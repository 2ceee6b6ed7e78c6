"""JSON request bodies whose audio is base64-encoded while it is sent, to save memory. Pure."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

#: Stands in the JSON for audio: half a surrogate pair, which no clean text contains.
PLACEHOLDER = "\udc00"
#: Audio is encoded in chunks of this size; a multiple of 3, so that none needs padding.
_CHUNK_BYTES = 48 * 1024


@dataclass(frozen=True, slots=True)
class Body:
    """JSON with audio, which becomes base64 when the body is sent."""

    #: The JSON around the audio: one piece more than there are audios.
    pieces: tuple[bytes, ...]
    audios: tuple[bytes, ...] = ()

    @property
    def headers(self) -> dict[str, str]:
        """The headers that describe the body."""
        size = sum(map(len, self.pieces)) + sum((len(s) + 2) // 3 * 4 for s in self.audios)
        return {"content-type": "application/json", "content-length": str(size)}

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body in chunks."""
        for piece, audio in zip(self.pieces, (*self.audios, b""), strict=True):
            yield piece
            for start in range(0, len(audio), _CHUNK_BYTES):
                yield b64encode(audio[start : start + _CHUNK_BYTES])


def encode_body(value: dict[str, Any], audios: Sequence[bytes] = ()) -> Body:
    """Return `value` as a body, with the next of `audios` for each PLACEHOLDER.

    All texts in `value` must be clean (`core.engines.wire.errors.clean`).
    """
    pieces = json.dumps(value, ensure_ascii=False).split(PLACEHOLDER)
    assert len(pieces) == len(audios) + 1
    return Body(tuple(piece.encode() for piece in pieces), tuple(audios))
