"""A body whose sounds are encoded while it is sent: they are megabytes, several at once. Pure."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

#: Stands in the JSON where a sound is to come: half a character, which no clean text holds.
PLACEHOLDER = "\udc00"
#: A part of a sound on its way; a multiple of 3, so that base64 has no seams.
_PART_BYTES = 48 * 1024


@dataclass(frozen=True, slots=True)
class Body:
    """JSON and the sounds in it, in base64 when it is sent."""

    #: What stands around the sounds: one piece more than there are sounds.
    pieces: tuple[bytes, ...]
    audios: tuple[bytes, ...] = ()

    @property
    def headers(self) -> dict[str, str]:
        """What the service must know of the body beforehand."""
        size = sum(map(len, self.pieces)) + sum((len(s) + 2) // 3 * 4 for s in self.audios)
        return {"content-type": "application/json", "content-length": str(size)}

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body in parts."""
        for piece, audio in zip(self.pieces, (*self.audios, b""), strict=True):
            yield piece
            for start in range(0, len(audio), _PART_BYTES):
                yield b64encode(audio[start : start + _PART_BYTES])


def encode_body(value: dict[str, Any], audios: Sequence[bytes] = ()) -> Body:
    """Return `value` as a body, each MARK in it replaced by the next of `audios`.

    All texts in `value` must be clean (`core.engines.wire.errors.clean`).
    """
    pieces = json.dumps(value, ensure_ascii=False).split(PLACEHOLDER)
    assert len(pieces) == len(audios) + 1
    return Body(tuple(piece.encode() for piece in pieces), tuple(audios))
