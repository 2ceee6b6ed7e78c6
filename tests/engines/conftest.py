from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol, TypeVar

import pytest

from core.config import Settings
from core.engines.mimo.answerer import MimoAnswerer
from core.engines.mimo.synthesizer import MimoSynthesizer
from core.engines.mimo.transcriber import MimoTranscriber
from core.engines.openai import OpenAIRole
from core.interfaces import Synthesizer
from core.models import Audio, Utterance
from tests import conftest as root
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.emulators.openai import OpenAIServer

OneRole = TypeVar("OneRole", bound=OpenAIRole)


class MakeOpenAI(Protocol):
    """Builds one role of the OpenAI-style engine with these settings."""

    def __call__(self, kind: type[OneRole], **values: Any) -> OneRole: ...


def make_settings(**values: Any) -> Settings:
    """Return settings from `values` only, not from the environment."""
    return Settings(_env_file=None, **values)  # type: ignore[call-arg]


def make_audio(*numbers: int) -> Audio:
    """Return a recording of "w1 w2 …" for the given numbers, one per second."""
    return Audio(make_recording(numbers), "audio/wav", float(len(numbers)))


async def collect_audio(engine: Synthesizer, utterance: Utterance) -> bytes:
    """Return the whole audio of an utterance; every part of it holds whole samples."""
    parts = [part async for part in engine.synthesize(utterance)]
    assert all(part and len(part) % 2 == 0 for part in parts)
    return b"".join(parts)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = "MIMO_API_KEY MIMO_BASE_URL OPENAI_BASE_URL TRANSCRIBER ANSWERER SYNTHESIZER"
    for name in names.split():
        monkeypatch.delenv(name, raising=False)


#: The emulator of MiMo, named `mimo` in other tests.
server = root.mimo


@pytest.fixture
def mimo_settings(server: MimoServer) -> Settings:
    return make_settings(mimo_base_url=server.base_url, mimo_api_key=server.key)


@pytest.fixture
async def transcriber(mimo_settings: Settings) -> AsyncIterator[MimoTranscriber]:
    engine = MimoTranscriber(mimo_settings)
    yield engine
    await engine.close()


@pytest.fixture
async def answerer(mimo_settings: Settings) -> AsyncIterator[MimoAnswerer]:
    engine = MimoAnswerer(mimo_settings)
    yield engine
    await engine.close()


@pytest.fixture
async def synthesizer(mimo_settings: Settings) -> AsyncIterator[MimoSynthesizer]:
    engine = MimoSynthesizer(mimo_settings)
    yield engine
    await engine.close()


@pytest.fixture
async def openai() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def make_openai(openai: OpenAIServer) -> AsyncIterator[MakeOpenAI]:
    """Build roles of the OpenAI-style engine, which are closed at the end."""
    made: list[OpenAIRole] = []

    def make(kind: type[OneRole], **values: Any) -> OneRole:
        engine = kind(make_settings(**{"openai_base_url": openai.base_url, **values}))
        made.append(engine)
        return engine

    yield make
    for engine in made:
        await engine.close()
