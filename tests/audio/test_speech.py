"""Nobody pays for silence, noise or a tone, and no sentence is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.audio.segment import audioop
from core.audio.speech import has_speech
from tests.support import sounds
from tests.support.sounds import RECORDINGS, decode, file, recording

NOTHING: dict[str, Callable[[], bytes]] = {
    "no sample": lambda: b"", "10 ms of speech": lambda: sounds.speech(0.01),
    "silence": lambda: sounds.silence(5), "white noise": lambda: sounds.noise(5),
    "loud white noise": lambda: sounds.noise(5, 9000),
    "faint white noise": lambda: sounds.noise(5, 3), "brown noise": lambda: sounds.brown_noise(6),
    "tone": lambda: sounds.tone(5), "tone of 1 kHz": lambda: sounds.tone(5, 1000),
    "hum of 50 Hz": lambda: sounds.hum(5), "hum of 60 Hz": lambda: sounds.hum(5, 60),
    "hum and hiss": lambda: sounds.mix(sounds.hum(5), sounds.noise(5, 300)),
    "tone and hiss": lambda: sounds.mix(sounds.tone(5), sounds.noise(5, 300)),
    "offset": lambda: sounds.offset(12_000, 160_000),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTHING)
def test_no_speech(name: str) -> None:
    assert not has_speech(NOTHING[name]())


@pytest.mark.parametrize("name", ["silence", "white noise", "tone", "hum of 50 Hz"])
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
    for noise in (sounds.noise(12, 1000), sounds.brown_noise(6) * 2):
        assert has_speech(sounds.mix(pcm, noise, 1, level / audioop.rms(noise, 2)))


def test_one_word_in_a_long_silence() -> None:
    assert has_speech(sounds.silence(60) + sounds.speech(0.5) + sounds.silence(60))
