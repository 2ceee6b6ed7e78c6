"""Pauses: from where to where, how short, how quiet."""

from __future__ import annotations

import pytest

from core.audio.pauses import find_pauses
from tests.support.sounds import pack


def level(height: int, length_s: float, rate_hz: int = 16_000) -> bytes:
    """Return sound that is as loud as `height` in every frame."""
    return pack([height, -height] * round(length_s * rate_hz / 2))


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_pauses_are_found_where_they_are(rate_hz: int) -> None:
    word = level(5000, 1.0, rate_hz)
    shortest, too_short = level(0, 0.3, rate_hz), level(0, 0.28, rate_hz)
    pcm = shortest + word + too_short + word + shortest + word + level(0, 0.5, rate_hz)
    assert find_pauses(pcm, rate_hz) == [(0.0, 0.3), (2.58, 2.88), (3.88, 4.38)]


@pytest.mark.parametrize(("height", "is_pause"), [(1170, True), (1185, False)])
def test_quiet_is_an_eighth_of_the_whole(height: int, is_pause: bool) -> None:
    pcm = level(10_000, 5.0) + level(height, 0.4) + level(10_000, 5.0)
    assert find_pauses(pcm) == ([(5.0, 5.4)] if is_pause else [])


@pytest.mark.parametrize(("height", "pauses"), [(59, [(0.0, 1.0)]), (60, []), (61, [])])
def test_what_nobody_could_hear_is_quiet(height: int, pauses: list[tuple[float, float]]) -> None:
    assert find_pauses(level(height, 1.0)) == pauses


def test_what_fills_no_frame_is_left_out() -> None:
    assert find_pauses(level(0, 2.015)) == [(0.0, 2.0)]
    assert find_pauses(b"") == []
