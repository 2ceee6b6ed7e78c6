from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from core.config import Settings
from core.engines.mimo.engine import Mimo
from core.engines.openai.engine import OpenAIStyle
from core.interfaces import Synthesizer
from core.models import Audio, Utterance
from tests import conftest as root
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.emulators.openai import OpenAIServer

MakeOpenAI = Callable[..., OpenAIStyle]


def make_settings(**values: Any) -> Settings:
    """Settings from `values` alone, not from the machine the tests run on."""
    return Settings(_env_file=None, **values)  # type: ignore[call-arg]


def make_audio(*numbers: int) -> Audio:
    """A recording that says w1 w2 … for the given numbers, one a second."""
    return Audio(make_recording(numbers), "audio/wav", float(len(numbers)))


async def speak(engine: Synthesizer, utterance: Utterance) -> bytes:
    """The whole sound of an utterance; every part of it holds whole samples."""
    parts = [part async for part in engine.synthesize(utterance)]
    assert all(part and len(part) % 2 == 0 for part in parts)
    return b"".join(parts)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = "MIMO_API_KEY MIMO_BASE_URL OPENAI_BASE_URL TRANSCRIBER ANSWERER SYNTHESIZER"
    for name in names.split():
        monkeypatch.delenv(name, raising=False)


#: The local service, for `mimo` is the engine here.
server = root.mimo


@pytest.fixture
async def mimo(server: MimoServer) -> AsyncIterator[Mimo]:
    """The engine, against the local service."""
    engine = Mimo(make_settings(mimo_base_url=server.base_url, mimo_api_key=server.key))
    yield engine
    await engine.close()


@pytest.fixture
async def openai() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def make_openai(openai: OpenAIServer) -> AsyncIterator[MakeOpenAI]:
    """Make engines of the style of OpenAI, with these settings; they are closed at the end."""
    made: list[OpenAIStyle] = []

    def make(**values: Any) -> OpenAIStyle:
        made.append(OpenAIStyle(make_settings(**{"openai_base_url": openai.base_url, **values})))
        return made[-1]

    yield make
    for engine in made:
        await engine.close()


@pytest.fixture
def engine(make_openai: MakeOpenAI) -> OpenAIStyle:
    return make_openai()
