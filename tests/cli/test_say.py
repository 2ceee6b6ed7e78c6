"""hearsay say and hearsay voices, as processes of their own."""

from __future__ import annotations

import io

import av
import pytest

from core.engines.offline.espeak import find_program, has_library
from tests.emulators.mimo import MimoServer
from tests.support.hearsay_command import KEY, Hearsay

needs_espeak = pytest.mark.skipif(
    not (find_program() or has_library()), reason="neither espeak-ng nor the extra offline-speech"
)


def probe(data: bytes) -> tuple[str, str, float]:
    """Return a file's container, its codec and its length in seconds, counted in samples."""
    with av.open(io.BytesIO(data), "r") as opened:
        codec = opened.streams.audio[0].codec_context
        samples = sum(frame.samples for frame in opened.decode(audio=0))
        return opened.format.name, codec.name, samples / codec.sample_rate


@needs_espeak
@pytest.mark.parametrize(
    ("name", "container", "codec"),
    [("out.ogg", "ogg", "opus"), ("out.wav", "wav", "pcm_s16le"), ("OUT.MP3", "mp3", "mp3float")],
)
def test_the_extension_chooses_the_format(
    hearsay: Hearsay, name: str, container: str, codec: str
) -> None:
    done = hearsay("say", "Good morning, this is a test.", "-o", name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = probe((hearsay.folder / name).read_bytes())
    assert found[:2] == (container, codec)
    assert 1.0 < found[2] < 5.0


@needs_espeak
def test_a_voice_is_chosen_by_its_name(hearsay: Hearsay) -> None:
    for name, voice in (("a.wav", "American"), ("b.wav", "british"), ("c.wav", "en-us+f5")):
        assert hearsay("say", "Good morning.", "-o", name, "--voice", voice).returncode == 0
    a, b, c = ((hearsay.folder / name).read_bytes() for name in ("a.wav", "b.wav", "c.wav"))
    assert a != b and a == c


@needs_espeak
def test_an_unsupported_style_is_reported(hearsay: Hearsay) -> None:
    done = hearsay("say", "Good morning.", "-o", "a.ogg", "--style", "warm")
    assert done.returncode == 0
    assert done.stderr == "a.ogg: The voices here have no styles, so the style was ignored.\n"


def test_speech_from_mimo_is_paid_once(hearsay: Hearsay, mimo: MimoServer) -> None:
    settings = {"MIMO_API_KEY": KEY, "MIMO_BASE_URL": mimo.base_url}
    for name in ("a.wav", "b.wav"):
        done = hearsay("say", "Good morning.", "-o", name, "--voice", "mia", **settings)
        assert (done.returncode, done.stderr) == (0, "")
    a, b = ((hearsay.folder / name).read_bytes() for name in ("a.wav", "b.wav"))
    assert a == b
    assert len(mimo.billed) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["hi"], 2, "name the file with -o"),
        (["hi", "-o", "out.flac"], 2, "out.flac must end in .ogg, .wav or .mp3"),
        (["hi", "-o", "nowhere/out.ogg"], 2, "nowhere/out.ogg"),
        (["", "-o", "out.ogg"], 1, "nothing in this text that can be read aloud"),
        (["hi", "-o", "out.ogg", "--voice", "Nobody"], 1, "Nobody: see hearsay voices"),
        (["hi " * 3000, "-o", "out.ogg"], 1, "the limit is 5000 characters"),
    ],
)
def test_a_mistake_prints_one_line(
    hearsay: Hearsay, arguments: list[str], code: int, words: str
) -> None:
    done = hearsay("say", *arguments)
    assert done.returncode == code, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("hearsay: ") and words in line
    assert not (hearsay.folder / "out.ogg").exists()


def test_voices_are_those_of_the_engine(hearsay: Hearsay) -> None:
    offline = hearsay("voices")
    assert offline.returncode == 0
    lines = [" ".join(line.split()) for line in offline.stdout.splitlines()]
    assert "Name Language Gender" in lines
    assert "American English (United States) female" in lines
    mimo = hearsay("voices", MIMO_API_KEY=KEY).stdout
    lines = [" ".join(line.split()) for line in mimo.splitlines()]
    assert "Mia English female" in lines
