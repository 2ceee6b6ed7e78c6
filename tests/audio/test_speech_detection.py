"""Detection of silence and tones, which loses no sentence, and of pauses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.audio.segment import audioop
from core.audio.speech_detection import find_pauses, has_speech
from tests.support import audio_samples
from tests.support.audio_samples import RECORDINGS, decode, file, pack, recording

NOTHING: dict[str, Callable[[], bytes]] = {
    "no sample": lambda: b"", "10 ms of speech": lambda: audio_samples.speech(0.01),
    "silence": lambda: audio_samples.silence(5),
    "faint white noise": lambda: audio_samples.noise(5, 3),
    "tone": lambda: audio_samples.tone(5), "tone of 1 kHz": lambda: audio_samples.tone(5, 1000),
    "tone of 100 Hz": lambda: audio_samples.tone(5, 100),
    "tone of 3 kHz": lambda: audio_samples.tone(5, 3000),
    "faint tone": lambda: audio_samples.tone(5, 440, 100),
    "tone after silence": lambda: audio_samples.silence(2.01) + audio_samples.tone(3),
    "offset": lambda: audio_samples.offset(12_000, 160_000),
    "lowest offset": lambda: audio_samples.offset(-32_768, 160_000),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTHING)
def test_no_speech(name: str) -> None:
    assert not has_speech(NOTHING[name]())


@pytest.mark.parametrize("name", ["silence", "tone", "tone of 100 Hz", "tone of 3 kHz"])
@pytest.mark.parametrize("kind", ["ogg-opus", "mp3"])
def test_no_speech_after_a_codec(name: str, kind: str) -> None:
    assert not has_speech(decode(file(kind, NOTHING[name]())))


@pytest.mark.parametrize("name", RECORDINGS)
def test_speech(name: str) -> None:
    """Also after a codec, 30 dB quieter, and in noise that is 5 dB below it."""
    pcm = decode(recording(name))
    assert has_speech(pcm)
    assert has_speech(decode(file("ogg-opus", pcm)))
    assert has_speech(decode(file("amr", pcm)))
    assert has_speech(audioop.mul(pcm, 2, 10 ** (-30 / 20)))
    level = audioop.rms(pcm, 2) / 10 ** (5 / 20)
    for noise in (audio_samples.noise(12, 1000), audio_samples.brown_noise(6) * 2):
        assert has_speech(audio_samples.mix(pcm, noise, 1, level / audioop.rms(noise, 2)))


#: Steady sounds in which there may be speech.
BEDS: dict[str, Callable[[], bytes]] = {
    "chord": lambda: audio_samples.chord(12), "white noise": lambda: audio_samples.noise(12),
    "brown noise": lambda: audio_samples.brown_noise(12), "hum": lambda: audio_samples.hum(12),
    "hiss": lambda: audio_samples.noise(12, 40),
}  # fmt: skip


@pytest.mark.finding(7)
@pytest.mark.parametrize("bed", BEDS)
@pytest.mark.parametrize("name", RECORDINGS)
def test_speech_under_louder_sounds(name: str, bed: str) -> None:
    """Steady music or noise that is 10 to 20 dB louder, also after a codec."""
    pcm = decode(recording(name))
    for decibels in (10, 15, 20):
        mixed = audio_samples.under(pcm, BEDS[bed](), decibels)
        assert has_speech(mixed)
    assert has_speech(decode(file("ogg-opus", mixed)))


@pytest.mark.finding(7)
@pytest.mark.parametrize("name", RECORDINGS)
def test_speech_under_a_tone(name: str) -> None:
    assert has_speech(audio_samples.under(decode(recording(name)), audio_samples.tone(12), 25))


@pytest.mark.finding(7)
@pytest.mark.parametrize("bed", BEDS)
def test_what_is_neither_silence_nor_a_tone_may_be_speech(bed: str) -> None:
    assert has_speech(BEDS[bed]())


def test_one_word_in_a_long_silence() -> None:
    assert has_speech(
        audio_samples.silence(60) + audio_samples.speech(0.5) + audio_samples.silence(60)
    )


def level(height: int, length_s: float, rate_hz: int = 16_000) -> bytes:
    """Return audio that is as loud as `height` in every frame."""
    return pack([height, -height] * round(length_s * rate_hz / 2))


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_pauses_are_found(rate_hz: int) -> None:
    word = level(5000, 1.0, rate_hz)
    shortest, too_short = level(0, 0.3, rate_hz), level(0, 0.28, rate_hz)
    pcm = shortest + word + too_short + word + shortest + word + level(0, 0.5, rate_hz)
    assert find_pauses(pcm, rate_hz) == [(0.0, 0.3), (2.58, 2.88), (3.88, 4.38)]


@pytest.mark.parametrize(("height", "is_pause"), [(1170, True), (1185, False)])
def test_quiet_is_an_eighth_of_the_whole(height: int, is_pause: bool) -> None:
    pcm = level(10_000, 5.0) + level(height, 0.4) + level(10_000, 5.0)
    assert find_pauses(pcm) == ([(5.0, 5.4)] if is_pause else [])


@pytest.mark.parametrize(("height", "pauses"), [(59, [(0.0, 1.0)]), (60, []), (61, [])])
def test_inaudible_frames_are_quiet(height: int, pauses: list[tuple[float, float]]) -> None:
    assert find_pauses(level(height, 1.0)) == pauses


def test_an_incomplete_frame_is_ignored() -> None:
    assert find_pauses(level(0, 2.015)) == [(0.0, 2.0)]
    assert find_pauses(b"") == []
