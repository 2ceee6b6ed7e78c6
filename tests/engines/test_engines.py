"""The table of engines, and which of them is chosen."""

from __future__ import annotations

from importlib import import_module
from itertools import combinations
from typing import Any

import pytest

from core.engines import ENGINES, Engines
from core.errors import ConfigError
from tests.engines.conftest import make_settings

MIMO: dict[str, Any] = {"mimo_api_key": "sk-x"}
OPENAI: dict[str, Any] = {"openai_base_url": "http://127.0.0.1:1/v1"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "offline"),
        ({"mimo_api_key": "", "openai_base_url": ""}, "offline"),
        (MIMO, "mimo"),
        (OPENAI, "openai"),
        ({**MIMO, **OPENAI}, "mimo"),
        ({**MIMO, "transcriber": "offline"}, "offline"),
        ({**MIMO, **OPENAI, "transcriber": "openai"}, "openai"),
    ],
)
async def test_engine_is_chosen(values: dict[str, Any], expected: str) -> None:
    engines = Engines(make_settings(**values))
    transcriber = engines.transcriber()
    assert transcriber.name == expected
    assert engines.transcriber() is transcriber
    await engines.close()
    await engines.close()


@pytest.mark.parametrize(
    ("values", "hears", "understands", "speaks"),
    [
        ({}, "offline", "offline", "offline"),
        (MIMO, "mimo", "mimo", "mimo"),
        (OPENAI, "openai", "openai", "openai"),
        ({**MIMO, "synthesizer": "offline"}, "mimo", "mimo", "offline"),
        ({**MIMO, **OPENAI, "synthesizer": "openai"}, "mimo", "mimo", "openai"),
        ({**MIMO, "transcriber": "offline"}, "offline", "mimo", "mimo"),
        ({**MIMO, **OPENAI, "answerer": "openai"}, "mimo", "openai", "mimo"),
        ({**OPENAI, "answerer": "offline"}, "openai", "offline", "openai"),
    ],
)
async def test_one_engine_serves_all_its_roles(
    values: dict[str, Any], hears: str, understands: str, speaks: str
) -> None:
    engines = Engines(make_settings(**values))
    roles: list[Any] = [engines.transcriber(), engines.answerer(), engines.synthesizer()]
    assert [role.name for role in roles] == [hears, understands, speaks]
    for one, other in combinations(roles, 2):
        assert (one is other) == (one.name == other.name)
    assert engines.answerer() is roles[1] and engines.synthesizer() is roles[2]
    await engines.close()


@pytest.mark.parametrize("values", [{}, MIMO, OPENAI])
async def test_only_the_machine_alone_cannot_hear_a_question(values: dict[str, Any]) -> None:
    engines = Engines(make_settings(**values))
    answerer = engines.answerer()
    assert answerer.chat_model and answerer.chat_limits.context_tokens >= 128_000
    assert bool(answerer.chat_limits.formats) == bool(values)
    assert (answerer.chat_limits.max_bytes > 0) == bool(values)
    await engines.close()


async def test_engine_that_is_closed_is_built_anew() -> None:
    engines = Engines(make_settings(**MIMO))
    first = engines.synthesizer()
    await engines.close()
    assert engines.synthesizer() is not first
    await engines.close()


@pytest.mark.parametrize("values", [{}, MIMO, OPENAI])
async def test_voices_are_distinct_and_each_has_a_language(values: dict[str, Any]) -> None:
    engines = Engines(make_settings(**values))
    synthesizer = engines.synthesizer()
    voices = synthesizer.voices()
    assert len({voice.voice_id for voice in voices}) == len(voices) > 8
    assert all(voice.name and voice.language for voice in voices)
    assert synthesizer.speech_model and synthesizer.speech_rate_hz in (22_050, 24_000)
    await engines.close()


def test_role_that_cannot_be_is_named_with_its_own_setting() -> None:
    with pytest.raises(ConfigError, match="ANSWERER is 'openai', but OPENAI_BASE_URL"):
        Engines(make_settings(answerer="openai")).answerer()
    with pytest.raises(ConfigError, match="ANSWERER is 'gpt': choose auto, mimo"):
        Engines(make_settings(answerer="gpt")).answerer()
    with pytest.raises(ConfigError, match="SYNTHESIZER is 'mimo', but MIMO_API_KEY"):
        Engines(make_settings(synthesizer="mimo")).synthesizer()
    with pytest.raises(ConfigError, match="SYNTHESIZER is 'piper': choose auto, mimo"):
        Engines(make_settings(synthesizer="piper")).synthesizer()


@pytest.mark.parametrize("name", ["mimo", "openai", "whisper"])
def test_engine_that_cannot_be_is_named_with_the_way_out(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Engines(make_settings(transcriber=name)).transcriber()
    ways_out = {
        "mimo": "MIMO_API_KEY",
        "openai": "OPENAI_BASE_URL",
        "whisper": "auto, mimo, openai, offline",
    }
    assert ways_out[name] in str(caught.value)


@pytest.mark.parametrize("name", ENGINES)
def test_every_entry_of_the_table_is_under_its_own_name(name: str) -> None:
    module, _, attribute = ENGINES[name].partition(":")
    assert getattr(import_module(module), attribute).name == name
