"""Speech synthesis by the real espeak-ng, as a program and as a library."""

from __future__ import annotations

import asyncio
import math
import shutil
import sys
from array import array
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest
import pytest_asyncio

from core.engines.offline import espeak
from core.engines.offline.synthesizer import OfflineSynthesizer
from core.errors import EngineBadReply, EngineBusy, EngineRefused, SynthesizerMissing
from core.models import Audio, Utterance
from tests.engines.conftest import collect_audio

WAYS = [
    pytest.param(way, marks=pytest.mark.skipif(not found, reason=f"not here ({remedy})"))
    for way, found, remedy in (
        ("program", shutil.which("espeak-ng"), "apt install espeak-ng"),
        ("library", find_spec("espeakng_loader"), "pip install espeakng-loader"),
    )
]


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def synthesizer() -> AsyncIterator[OfflineSynthesizer]:
    synthesizer = OfflineSynthesizer()
    yield synthesizer
    await synthesizer.close()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "library":
        monkeypatch.setattr(espeak, "find_program", lambda: None)
    return str(request.param)


def measure(pcm: bytes) -> tuple[float, float]:
    """Return length in seconds and loudness."""
    samples = array("h", pcm)
    return len(samples) / 22_050, math.sqrt(sum(s * s for s in samples) / len(samples))


def is_same(one: bytes, other: bytes) -> bool:
    """Return whether two sounds are the same, apart from small random differences."""
    (one_s, one_loud), (other_s, other_loud) = measure(one), measure(other)
    return abs(one_s - other_s) < 0.005 and abs(one_loud / other_loud - 1) < 0.05


@pytest.mark.usefixtures("way")
async def test_every_voice_speaks(synthesizer: OfflineSynthesizer) -> None:
    made = []
    for voice in synthesizer.voices():
        pcm = await collect_audio(
            synthesizer, Utterance("Good morning, 123. 早上好", voice=voice.voice_id)
        )
        duration_s, loudness = measure(pcm)
        assert 1.0 < duration_s < 12.0 and 1000 < loudness < 12_000, voice
        made.append(pcm)
    assert len(set(made)) == len(made)


@pytest.mark.usefixtures("way")
async def test_longer_text_takes_longer(synthesizer: OfflineSynthesizer) -> None:
    short, _ = measure(await collect_audio(synthesizer, Utterance("One sentence of some words.")))
    long, _ = measure(
        await collect_audio(synthesizer, Utterance("One sentence of some words. " * 10))
    )
    assert 1.2 < short < 3.0 and 8 < long / short < 12


@pytest.mark.usefixtures("way")
async def test_default_voice_follows_the_script(synthesizer: OfflineSynthesizer) -> None:
    fitting = {"Good morning": "en-us+f5", "早上好, Bob": "cmn-latn-pinyin", "Доброе утро": "ru"}
    for text, voice in fitting.items():
        pcm = await collect_audio(synthesizer, Utterance(text))
        assert is_same(pcm, await collect_audio(synthesizer, Utterance(text, voice=voice)))
        assert 0.4 < measure(pcm)[0] < 3.0


@pytest.mark.usefixtures("way")
async def test_tags_and_styles_are_not_read_aloud(synthesizer: OfflineSynthesizer) -> None:
    plain = await collect_audio(synthesizer, Utterance("Good morning to you."))
    tagged = "<style>Happy</style>Good [cough] morning [heavy breathing]to you."
    pcm = await collect_audio(synthesizer, Utterance(tagged, styles=("Sad",), direction="slow"))
    assert is_same(pcm, plain)
    assert not is_same(await collect_audio(synthesizer, Utterance("Good morning for you.")), plain)
    assert not synthesizer.limits.can_style and not synthesizer.limits.can_design


@pytest.mark.usefixtures("way")
async def test_unusual_text_is_only_text(synthesizer: OfflineSynthesizer) -> None:
    for text in ("-v de --help", "a\0b", "half \ud83d a pair", "<b>&amp;", "🙂 ok"):
        assert measure(await collect_audio(synthesizer, Utterance(text)))[0] > 0.3


async def test_unsupported_utterance_is_refused(synthesizer: OfflineSynthesizer) -> None:
    for utterance in (
        Utterance("[cough] ... 🙂"),
        Utterance("Hi.", voice="de+nonesuch"),
        Utterance("Hi.", voice="../../etc"),
        Utterance("Hi.", description="An old man."),
        Utterance("Hi.", sample=Audio(b"RIFF", "audio/wav", 1.0)),
    ):
        with pytest.raises(EngineRefused):
            await collect_audio(synthesizer, utterance)


@pytest.mark.usefixtures("way")
async def test_several_at_once_do_not_mix(synthesizer: OfflineSynthesizer) -> None:
    texts = [f"Number {n}, " * (n + 1) for n in range(4)]
    alone = [await collect_audio(synthesizer, Utterance(text)) for text in texts]
    together = await asyncio.gather(
        *(collect_audio(synthesizer, Utterance(text)) for text in texts)
    )
    assert all(map(is_same, together, alone))


async def test_missing_espeak_is_reported(
    synthesizer: OfflineSynthesizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(espeak, "find_program", lambda: None)
    monkeypatch.setattr(espeak, "has_library", lambda: False)
    with pytest.raises(SynthesizerMissing) as caught:
        await collect_audio(synthesizer, Utterance("Hi."))
    assert caught.value.user_text == SynthesizerMissing.user_text
    assert "apt install espeak-ng" in str(caught.value)
    assert synthesizer.voices() == ()


@pytest.mark.usefixtures("way")
async def test_library_is_not_loaded_by_this_process(synthesizer: OfflineSynthesizer) -> None:
    await collect_audio(synthesizer, Utterance("Hi."))
    assert "espeakng_loader" not in sys.modules
    assert "core.engines.offline.espeak_worker" not in sys.modules
    assert not any("espeak" in m.path for m in psutil.Process().memory_maps())


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A path where the program is looked up, and found by users other than root."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "espeak-ng")
        path.parent.chmod(0o755)
        monkeypatch.setattr(espeak, "find_program", lambda: str(path))
        yield path


def write(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        *(("exit 3", EngineBadReply), ("true", EngineBadReply), ("echo x", EngineBadReply)),
        *(("exec /bin/sleep 3600", EngineBusy), ("", EngineBusy)),
    ],
)
async def test_program_that_fails(
    synthesizer: OfflineSynthesizer, program: Path, script: str, expected: type[Exception]
) -> None:
    if script:
        write(program, script)
    with pytest.raises(expected):
        await collect_audio(synthesizer, Utterance("Hi."))
    left = [p for p in psutil.Process().children(recursive=True) if p.name() == "sleep"]
    assert left == []


@pytest.mark.parametrize(("name", "code"), [("MIMO_API_KEY", 3), ("PATH", 4)])
async def test_program_gets_no_secrets(
    synthesizer: OfflineSynthesizer,
    monkeypatch: pytest.MonkeyPatch,
    program: Path,
    name: str,
    code: int,
) -> None:
    write(program, f'[ -z "${{{name}+set}}" ] && exit 3; exit 4')
    monkeypatch.setenv("MIMO_API_KEY", "sk-very-secret")
    with pytest.raises(EngineBadReply, match=f"ended with {code}"):
        await collect_audio(synthesizer, Utterance("What was said."))
