"""The table of engines, and which of them is chosen."""

from __future__ import annotations

from importlib import import_module
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
