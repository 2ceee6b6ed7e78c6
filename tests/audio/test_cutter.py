"""Cuts are at quiet points, as many as planned, and lose nothing."""

from __future__ import annotations

import random

import pytest

from core.audio.cutter import _SMOOTH, Cut, CutLimits, Cutter, _quietest, plan
from core.audio.segment import audioop
from tests.support import audio_samples

USUAL = CutLimits()


def cut(pcm: bytes, limits: CutLimits = USUAL, length_s: float | None = None) -> list[Cut]:
    cutter, found, draw, at = Cutter(limits, length_s=length_s), [], random.Random(3), 0
    while at < len(pcm):
        size = draw.randrange(1, 4000) * 2
        found += list(cutter.feed(pcm[at : at + size]))
        at += size
    return found + list(cutter.close())


def test_plan() -> None:
    planned = {None: 1, 0.0: 1, 40.0: 1, 45.0: 3, 90.0: 6, 300.0: 8, 600.0: 16, 3600.0: 80}
    assert {length_s: plan(length_s, USUAL) for length_s in planned} == planned
    assert plan(600.0, CutLimits(concurrency=1)) == 14
    assert plan(600.0, CutLimits(max_s=30, target_s=30)) == 24
    assert plan(100.0, CutLimits(max_s=5, target_s=5)) == 24


@pytest.mark.parametrize("factor", [None, 1.0, 3.0, 0.3])
@pytest.mark.parametrize("length_s", [0.01, 20, 45, 90])
def test_joined_cuts_are_the_input(length_s: float, factor: float | None) -> None:
    pcm = audio_samples.speech(length_s)
    cuts = cut(pcm, length_s=factor and factor * length_s)
    assert b"".join(one.pcm for one in cuts) == pcm
    starts = [sum(len(one.pcm) for one in cuts[:i]) / 32_000 for i in range(len(cuts))]
    assert [one.start_s for one in cuts] == pytest.approx(starts)
    if factor == 1.0:
        assert len(cuts) == plan(length_s, USUAL)


def test_cuts_are_quiet() -> None:
    pcm = audio_samples.speech(200)
    cuts = cut(pcm, length_s=200)
    loud = audioop.rms(pcm, 2)
    around = [audioop.rms(one.pcm[-3200:], 2) for one in cuts[:-1]]
    assert max(around) < loud / 4
    assert not any(one.is_forced for one in cuts)


@pytest.mark.parametrize("more_s", [0, 10])
def test_last_piece_takes_a_little_more_than_claimed(more_s: float) -> None:
    assert len(cut(audio_samples.speech(90 + more_s), length_s=90)) == plan(90, USUAL)


def dips(*starts: int) -> list[int]:
    """Return levels of a hundred frames that are quiet after each of `starts`."""
    levels = [1000] * 100
    for start in starts:
        levels[start : start + _SMOOTH] = [10] * _SMOOTH
    return levels


def test_cut_is_in_the_middle_of_the_nearest_quiet_point() -> None:
    end = 100 - _SMOOTH
    alone = [((0,), 50, 0), ((40,), 50, 40), ((end,), 50, end)]
    two = [((10, 60), target, at) for target, at in ((20, 10), (55, 60), (43, 60), (42, 10))]
    for starts, target, chosen in (*alone, *two):
        assert _quietest(dips(*starts), target) == (chosen + _SMOOTH // 2, 10.0)


def test_cut_is_at_the_target_if_the_level_is_constant() -> None:
    assert _quietest([500] * 100, 50.5) == (50, 500.0)
    assert _quietest([500] * 3, 1.0) == (1, 500.0)


def test_cuts_in_noise_are_forced() -> None:
    cuts = cut(audio_samples.noise(90), length_s=90)
    assert all(one.is_forced for one in cuts[:-1])
    assert not cuts[-1].is_forced


@pytest.mark.parametrize("max_s", [1.0, 2.0, 7.0, 30.0])
def test_no_piece_is_too_long(max_s: float) -> None:
    limits = CutLimits(max_s=max_s, target_s=min(45, max_s))
    for length_s in (None, 60, 600):
        cuts = cut(audio_samples.speech(60), limits, length_s)
        assert all(len(one.pcm) <= max_s * 32_000 for one in cuts)
