"""Request bodies with audio: their chunks join to the intended JSON."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from core.engines.wire.body import PLACEHOLDER, encode_body

SIZES = [0, 1, 2, 3, 48 * 1024, 48 * 1024 + 1, 200_001]


def make_audio_bytes(size: int, first: int = 0) -> bytes:
    return bytes((first + n) % 256 for n in range(size))


@pytest.mark.parametrize("sizes", [*[[size] for size in SIZES], SIZES, []], ids=str)
def test_audio_replaces_its_placeholder(sizes: list[int]) -> None:
    audios = [make_audio_bytes(size, first) for first, size in enumerate(sizes)]
    marked = {"parts": [f"data:audio/wav;base64,{PLACEHOLDER}" for _ in audios], "text": "你好"}
    body = encode_body(marked, audios)
    parts = list(body)
    whole = b"".join(parts)
    expected = [f"data:audio/wav;base64,{base64.b64encode(audio).decode()}" for audio in audios]
    assert json.loads(whole) == {"parts": expected, "text": "你好"}
    assert body.headers["content-length"] == str(len(whole))
    assert max(map(len, parts)) <= 64 * 1024


@pytest.mark.parametrize(
    "text", [r"\udc00", ";base64,", '"\\', "\x00", "\\u0000", "{}", "\u2028", "😀"], ids=ascii
)
def test_text_never_passes_for_a_placeholder(text: str) -> None:
    value: dict[str, Any] = {"text": text, "data": PLACEHOLDER, "more": text}
    whole = json.loads(b"".join(encode_body(value, [b"abc"])))
    assert whole == {"text": text, "data": "YWJj", "more": text}
